"""What waits for staff: sound in the book, but nobody else will end it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import F, Min, QuerySet
from django.utils import timezone

from payments.models import (
    OPEN_STATES,
    Comparison,
    Discrepancy,
    Payment,
    Payout,
    Refund,
    RefundStatus,
    StaffRequest,
    StaffRequestState,
    SuspenseCharge,
)
from qaorder.models import Order, OrderType, Status

Kind = tuple[str, str, QuerySet, str]
"""What it is, twice; its rows; the column that says since when."""


KEEPS_FAILING = 5
"""So many failures in a row are no hiccup: they take a quarter of an hour."""


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
    found = [
        Waiting(zh, en, rows.count(), rows.aggregate(since=Min(column))["since"])
        for zh, en, rows, column in (*_undecided(now), *_failing(now))
    ]
    return [waiting for waiting in found if waiting.count]


def _undecided(now: datetime) -> list[Kind]:
    """What only a person can end."""
    overdue = now - settings.ORDER_ANSWER_WINDOW
    refunds, orders = Refund.objects.exclude(status=RefundStatus.SUCCEEDED), Order.objects.all()
    return [
        ("退款失败", "failed refunds", refunds.filter(status=RefundStatus.FAILED), "finished_at"),
        (
            "退款处理中超过 3 天",
            "refunds that wait too long at the provider",
            refunds.filter(status=RefundStatus.OPEN, created_at__lte=now - settings.REFUND_OVERDUE),
            "created_at",
        ),
        ("异常到账", "held charges", SuspenseCharge.objects.filter(resolution=""), "created_at"),
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


def _failing(now: datetime) -> list[Kind]:
    """What the jobs try again and again: it may end by itself, but so far it has not."""
    comparisons = Comparison.objects.exclude(next_try_at=None)
    behind = comparisons.filter(
        compared_to__lt=F("end_at"), compared_to__lte=now - settings.RECONCILE_ALARM
    )
    orders = Order.objects.filter(failures__gte=KEEPS_FAILING)
    payments = Payment.objects.filter(failures__gte=KEEPS_FAILING, state__in=OPEN_STATES)
    again = comparisons.filter(failures__gte=KEEPS_FAILING)
    return [
        ("系统反复处理失败的订单", "orders that no job can move", orders, "status_at"),
        ("反复查询失败的支付", "payments that the provider cannot say", payments, "created_at"),
        ("反复核对失败的对账时段", "stretches that cannot be compared", again, "start_at"),
        ("落后的对账时段", "stretches not compared in time", behind, "compared_to"),
    ]
