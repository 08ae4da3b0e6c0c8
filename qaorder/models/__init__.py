"""The order app's records."""

from qaorder.models.catalogue import DiagnosisTag, Drug
from qaorder.models.consultation import Answer, Evaluation, Question
from qaorder.models.order import Channel, Order, OrderEvent, OrderType, Status
from qaorder.models.period import Period

__all__ = [
    "Answer",
    "Channel",
    "DiagnosisTag",
    "Drug",
    "Evaluation",
    "Order",
    "OrderEvent",
    "OrderType",
    "Question",
    "Status",
    "Period",
]
