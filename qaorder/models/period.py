"""Monthly service: a period bought by one paid monthly order."""

from datetime import datetime

from django.db import models

from accounts.models import Doctor, Patient
from qaorder.models.order import Order


class PeriodQuerySet(models.QuerySet["Period"]):
    def running(self, at: datetime) -> "PeriodQuerySet":
        """Periods with start ≤ at < end."""
        return self.filter(_runs(at))

    def with_is_active(self, at: datetime) -> "PeriodQuerySet":
        """Adds `is_active`: whether the service runs at this time."""
        return self.annotate(
            is_active=models.ExpressionWrapper(_runs(at), output_field=models.BooleanField())
        )


def _runs(at: datetime) -> models.Q:
    return models.Q(start_at__lte=at, end_at__gt=at)


class Period(models.Model):
    """Service from `start_at` up to, not including, `end_at`; periods of a pair never overlap.

    A second purchase starts where the last period ends. A refund ends its period at once; the
    pair's later periods move up by the time given back. `closed_at`: the clock has done what its
    end asks for.
    """

    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, related_name="period", verbose_name="订单"
    )
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="periods", verbose_name="患者"
    )
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="periods", verbose_name="医生"
    )
    start_at = models.DateTimeField("开始时间")
    end_at = models.DateTimeField("结束时间")
    refunded_at = models.DateTimeField("退款时间", null=True, blank=True)
    closed_at = models.DateTimeField("到期处理时间", null=True, blank=True)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name = "包月服务"
        verbose_name_plural = "包月服务"
        indexes = [
            models.Index(fields=["patient", "doctor", "end_at"], name="period_pair_end"),
            models.Index(
                fields=["end_at"], name="period_to_close", condition=models.Q(closed_at=None)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end_at__gte=models.F("start_at")),
                name="period_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"包月 {self.pk}"
