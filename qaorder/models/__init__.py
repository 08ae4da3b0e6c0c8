"""The order app's records."""

from qaorder.models.catalogue import DiagnosisTag, Drug
from qaorder.models.consultation import Answer, Evaluation, Question
from qaorder.models.idempotency import IdempotencyKey
from qaorder.models.order import Channel, Order, OrderEvent, OrderType, Status
from qaorder.models.payment import (
    Bearer,
    HeldCharge,
    HeldResolution,
    Notice,
    NoticeOutcome,
    Payment,
    PaymentState,
    Refund,
    RefundMeans,
    RefundOrigin,
    RefundStatus,
)
from qaorder.models.reconciliation import (
    Comparison,
    Discrepancy,
    DiscrepancyKind,
    Resolution,
)
from qaorder.models.staff import Payout, StaffRequest, StaffRequestState
from qaorder.models.subscription import Subscription

__all__ = [
    "Answer",
    "Bearer",
    "Channel",
    "Comparison",
    "DiagnosisTag",
    "Discrepancy",
    "DiscrepancyKind",
    "Drug",
    "Evaluation",
    "HeldCharge",
    "HeldResolution",
    "IdempotencyKey",
    "Notice",
    "NoticeOutcome",
    "Order",
    "OrderEvent",
    "OrderType",
    "Payment",
    "PaymentState",
    "Payout",
    "Question",
    "Refund",
    "RefundMeans",
    "RefundOrigin",
    "RefundStatus",
    "Resolution",
    "StaffRequest",
    "StaffRequestState",
    "Status",
    "Subscription",
]
