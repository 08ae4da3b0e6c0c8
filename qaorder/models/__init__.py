"""The order app's records."""

from qaorder.models.catalogue import DiagnosisTag, Drug
from qaorder.models.consultation import Answer, Evaluation, Question
from qaorder.models.idempotency import IdempotencyKey
from qaorder.models.order import Channel, Order, OrderEvent, OrderType, Status
from qaorder.models.payment import (
    HeldCharge,
    Notice,
    NoticeOutcome,
    Payment,
    PaymentState,
    Refund,
    RefundStatus,
)
from qaorder.models.reconciliation import (
    Comparison,
    Discrepancy,
    DiscrepancyKind,
    Resolution,
)
from qaorder.models.subscription import Subscription

__all__ = [
    "Answer",
    "Channel",
    "Comparison",
    "DiagnosisTag",
    "Discrepancy",
    "DiscrepancyKind",
    "Drug",
    "Evaluation",
    "HeldCharge",
    "IdempotencyKey",
    "Notice",
    "NoticeOutcome",
    "Order",
    "OrderEvent",
    "OrderType",
    "Payment",
    "PaymentState",
    "Question",
    "Refund",
    "RefundStatus",
    "Resolution",
    "Status",
    "Subscription",
]
