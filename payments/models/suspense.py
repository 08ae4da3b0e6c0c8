"""Collected money that nobody can place: on the suspense account until staff decide."""

from django.db import models
from django.utils import timezone

from payments.models.payment import Payment


class SuspenseResolution(models.TextChoices):
    """What staff did with held money; blank while they have not decided."""

    REFUNDED = "refunded", "退回渠道"
    ASSIGNED = "assigned", "归还订单或余额"
    KEPT = "kept", "转入平台"
    CORRECTED = "corrected", "渠道更正后入账"


class SuspenseCharge(models.Model):
    """Collected money that fits nothing of ours (wrong amount, unknown number); staff decide.

    `refunded_fen` is what went back in the provider's console, before it was held or since; the
    rest is on the suspense account until `resolution` says where it went.
    """

    charge_id = models.CharField("渠道支付编号", max_length=64, unique=True)
    order_no = models.CharField("商户订单号", max_length=64)
    channel = models.CharField("支付方式", max_length=20)
    amount_fen = models.PositiveBigIntegerField("金额（分）")
    refunded_fen = models.PositiveBigIntegerField("渠道已退（分）", default=0)
    reason = models.CharField("原因", max_length=100)
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="suspense_charges",
        verbose_name="对应支付",
    )
    resolution = models.CharField(
        "处理方式", max_length=9, choices=SuspenseResolution.choices, blank=True
    )
    resolved_at = models.DateTimeField("处理时间", null=True, blank=True)
    created_at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = "异常到账"
        verbose_name_plural = "异常到账"
        indexes = [
            models.Index(
                fields=["created_at"], name="suspense_unresolved", condition=models.Q(resolution="")
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="suspense_refunded_at_most_collected",
            ),
            models.CheckConstraint(
                condition=models.Q(resolution="", resolved_at=None)
                | (~models.Q(resolution="") & models.Q(resolved_at__isnull=False)),
                name="suspense_resolved_how",
            ),
        ]

    def __str__(self) -> str:
        return self.charge_id

    @property
    def remaining_fen(self) -> int:
        """What of it the provider still holds for us."""
        return self.amount_fen - self.refunded_fen
