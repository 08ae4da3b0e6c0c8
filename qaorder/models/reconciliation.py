"""What the comparison with the provider's book found, and when sweeps ran last."""

from django.db import models
from django.utils import timezone

from qaorder.models.payment import Payment


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


MENDED_KINDS = (DiscrepancyKind.MISSED, DiscrepancyKind.REFUND_MISSED)
MONEY_KINDS = (DiscrepancyKind.REFUND_UNKNOWN, DiscrepancyKind.REFUND_UNDONE)
"""These end by a decision that moves money, not by a note."""
BLOCKING_KINDS = (
    DiscrepancyKind.REFUND_UNKNOWN,
    DiscrepancyKind.DIFFERS,
    DiscrepancyKind.UNPAID,
    DiscrepancyKind.ABSENT,
)
"""While one of these is open, the order's money is not released."""


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


class JobRun(models.Model):
    """When a rare sweep ran last; moving `last_run_at` forward is the right to run it."""

    name = models.CharField("名称", max_length=40, unique=True)
    last_run_at = models.DateTimeField("最近运行时间")

    class Meta:
        verbose_name = "定期任务"
        verbose_name_plural = "定期任务"

    def __str__(self) -> str:
        return self.name
