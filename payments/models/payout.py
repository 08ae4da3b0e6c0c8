"""The provider's payouts to our bank."""

from django.db import models
from django.utils import timezone

from qaorder.models import Channel

PAYOUT_CHANNELS = [(channel.value, channel.label) for channel in (Channel.WX, Channel.ALIPAY)]


class Payout(models.Model):
    """What the provider paid out to the bank for one channel, and the fee it kept.

    From its settlement file or entered by hand; booked once `booked_at` is set, so that the
    channel's clearing account returns to zero.
    """

    channel = models.CharField("支付方式", max_length=7, choices=PAYOUT_CHANNELS)
    reference = models.CharField("结算批次号", max_length=64)
    paid_on = models.DateField("到账日期")
    amount_fen = models.PositiveBigIntegerField("到账金额（分）")
    fee_fen = models.PositiveBigIntegerField("手续费（分）", default=0)
    booked_at = models.DateTimeField("入账时间", null=True, blank=True)
    created_at = models.DateTimeField("录入时间", default=timezone.now)

    class Meta:
        verbose_name = "渠道结算"
        verbose_name_plural = "渠道结算"
        constraints = [
            models.UniqueConstraint(fields=["channel", "reference"], name="payout_reference_once"),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0) | models.Q(fee_fen__gt=0),
                name="payout_moves_money",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.reference}"
