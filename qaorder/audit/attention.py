"""What waits for staff: sound in the book, but nobody else will end it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Min, QuerySet
from django.utils import timezone

from qaorder.models import (
    Discrepancy,
    HeldCharge,
    Order,
    OrderType,
    Payout,
    Refund,
    RefundStatus,
    StaffRequest,
    StaffRequestState,
    Status,
)


@dataclass(frozen=True)
class Waiting:
    """So many rows of one kind, the oldest of them since then."""

    meaning_zh: str
    meaning_en: str
    count: int
    since: datetime | None

    def __str__(self) -> str:
        return f"{self.meaning_zh} / {self.meaning_en}"


def waiting_for_staff() -> list[Waiting]:
    """Return what waits for staff now; kinds of which nothing waits are left out."""
    now = timezone.now()
    overdue = now - settings.ORDER_ANSWER_WINDOW
    refunds, orders = Refund.objects.exclude(status=RefundStatus.SUCCEEDED), Order.objects.all()
    kinds: list[tuple[str, str, QuerySet, str]] = [
        ("退款失败", "failed refunds", refunds.filter(status=RefundStatus.FAILED), "finished_at"),
        (
            "退款处理中超过 3 天",
            "refunds that wait too long at the provider",
            refunds.filter(status=RefundStatus.OPEN, created_at__lte=now - settings.REFUND_OVERDUE),
            "created_at",
        ),
        ("异常到账", "held charges", HeldCharge.objects.filter(resolution=""), "created_at"),
        ("对账差异", "differences", Discrepancy.objects.filter(resolved_at=None), "first_seen_at"),
        (
            "待复核的资金操作",
            "acts that wait for a second member",
            StaffRequest.objects.filter(state=StaffRequestState.WAITING),
            "created_at",
        ),
        ("未入账的渠道结算", "payouts", Payout.objects.filter(booked_at=None), "created_at"),
        (
            "逾期未回答的包月订单",
            "overdue monthly orders",
            orders.filter(
                status=Status.WAITING, order_type=OrderType.MONTHLY, status_at__lte=overdue
            ),
            "status_at",
        ),
    ]
    found = [
        Waiting(zh, en, rows.count(), rows.aggregate(since=Min(column))["since"])
        for zh, en, rows, column in kinds
    ]
    return [waiting for waiting in found if waiting.count]
