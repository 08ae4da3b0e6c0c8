"""The comparison with the provider's book: what was compared, and what it found."""

from django.db import models
from django.utils import timezone

from payments.models.payment import Payment


class DiscrepancyKind(models.TextChoices):
    """MISSED and REFUND_MISSED are mended when found; staff decide about all others."""

    MISSED = "missed", "漏收通知，已补记"
    REFUND_MISSED = "refund_missed", "漏收退款结果，已补记"
    STRANGER = "stranger", "渠道到账，未知商户订单号"
    DIFFERS = "differs", "金额、渠道或编号不符"
    UNPAID = "unpaid", "本地已到账，渠道未付款"
    ABSENT = "absent", "本地已到账，渠道无此支付"
    REFUND_UNKNOWN = "refund_unknown", "渠道有退款，本地无记录"
    REFUND_DIFFERS = "refund_differs", "退款金额不符"
    REFUND_ABSENT = "refund_absent", "本地已退款，渠道未退"
    REFUND_UNDONE = "refund_undone", "渠道退款成功后又失败"
    UNREADABLE = "unreadable", "渠道查询出错，未能核对"


MENDED_KINDS = (DiscrepancyKind.MISSED, DiscrepancyKind.REFUND_MISSED)
MONEY_KINDS = (DiscrepancyKind.REFUND_UNKNOWN, DiscrepancyKind.REFUND_UNDONE)
"""These end by a decision that moves money, not by a note."""
BLOCKING_KINDS = (
    DiscrepancyKind.REFUND_UNKNOWN,
    DiscrepancyKind.DIFFERS,
    DiscrepancyKind.UNPAID,
    DiscrepancyKind.ABSENT,
)
"""While one of these is open, the order's money is not released: it may be less, or not be there.

The others leave what was paid untouched: they are about money already on its way back, which the
release leaves alone, or could not be read, and a doctor is not to wait for the provider's errors.
"""


class Resolution(models.TextChoices):
    """How a difference ended. One that staff resolved is not opened again."""

    MENDED = "mended", "系统已补记"
    GONE = "gone", "再次对账时已一致"
    STAFF = "staff", "人工处理"
    ACCEPTED = "accepted", "认可"
    DISPUTED = "disputed", "不认可，平台承担"


class Discrepancy(models.Model):
    """One difference between the provider's book and ours, kept once per charge and kind.

    `charge_id` is the provider's, or `payment:<pk>` for a payment that has none.
    """

    kind = models.CharField("类型", max_length=20, choices=DiscrepancyKind.choices)
    charge_id = models.CharField("渠道支付编号", max_length=64)
    refund_id = models.CharField("渠道退款编号", max_length=64, blank=True)
    order_no = models.CharField("商户订单号", max_length=64, blank=True)
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="discrepancies",
        verbose_name="支付",
    )
    our_amount_fen = models.BigIntegerField("本地金额（分）", null=True, blank=True)
    provider_amount_fen = models.BigIntegerField("渠道金额（分）", null=True, blank=True)
    first_seen_at = models.DateTimeField("首次发现时间", default=timezone.now)
    last_seen_at = models.DateTimeField("最近发现时间", default=timezone.now)
    resolved_at = models.DateTimeField("处理时间", null=True, blank=True)
    resolution = models.CharField("处理方式", max_length=8, choices=Resolution.choices, blank=True)

    class Meta:
        verbose_name = "对账差异"
        verbose_name_plural = "对账差异"
        indexes = [
            models.Index(
                fields=["first_seen_at"],
                name="discrepancy_unresolved",
                condition=models.Q(resolved_at=None),
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "charge_id", "refund_id"], name="discrepancy_once_per_charge"
            ),
            models.CheckConstraint(
                condition=models.Q(resolved_at=None, resolution="")
                | (models.Q(resolved_at__isnull=False) & ~models.Q(resolution="")),
                name="discrepancy_resolved_how",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.charge_id}"


class Comparison(models.Model):
    """One stretch of time whose charges are compared, again and again until it is old.

    `compared_to` is how far it was when last compared, `start_at` before that. `next_try_at` is
    None once nothing can change any more.
    """

    start_at = models.DateTimeField("开始时间", unique=True)
    end_at = models.DateTimeField("结束时间")
    compared_to = models.DateTimeField("已核对至")
    next_try_at = models.DateTimeField("下次核对时间", null=True)
    failures = models.PositiveIntegerField("连续失败次数", default=0, db_default=0)

    class Meta:
        verbose_name = "对账时段"
        verbose_name_plural = "对账时段"
        indexes = [
            models.Index(
                fields=["start_at"],
                name="comparison_open",
                condition=models.Q(next_try_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.start_at:%Y-%m-%d %H:%M}"
