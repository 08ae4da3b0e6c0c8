"""Money for orders and recharges."""

from payments.models.notice import Notice, NoticeOutcome
from payments.models.payment import OPEN_STATES, Payment, PaymentState
from payments.models.payout import Payout
from payments.models.reconciliation import Comparison, Discrepancy, DiscrepancyKind, Resolution
from payments.models.refund import (
    Bearer,
    Refund,
    RefundMeans,
    RefundOrigin,
    RefundStatus,
)
from payments.models.staff_request import StaffRequest, StaffRequestState
from payments.models.suspense import SuspenseCharge, SuspenseResolution

__all__ = [
    "OPEN_STATES",
    "Bearer",
    "Comparison",
    "Discrepancy",
    "DiscrepancyKind",
    "SuspenseCharge",
    "SuspenseResolution",
    "Notice",
    "NoticeOutcome",
    "Payment",
    "PaymentState",
    "Payout",
    "Refund",
    "RefundMeans",
    "RefundOrigin",
    "RefundStatus",
    "Resolution",
    "StaffRequest",
    "StaffRequestState",
]
