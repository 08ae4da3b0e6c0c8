"""What staff ask to do with money, and who decided."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class StaffRequestState(models.TextChoices):
    WAITING = "waiting", "待复核"
    DONE = "done", "已执行"
    DECLINED = "declined", "已驳回"


class StaffRequest(models.Model):
    """One act of staff that moves money: asked by one, done at once or by the word of another.

    `verb` and `target_id` name the function and the row it acts on (`staff_acts.VERBS`).
    """

    verb = models.CharField("操作", max_length=30)
    target_id = models.BigIntegerField("对象编号")
    arguments = models.JSONField("参数", default=dict, blank=True)
    amount_fen = models.BigIntegerField("金额（分）")
    reason = models.CharField("原因", max_length=200)
    state = models.CharField(
        "状态",
        max_length=8,
        choices=StaffRequestState.choices,
        default=StaffRequestState.WAITING,
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="申请人",
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="复核人",
    )
    created_at = models.DateTimeField("申请时间", default=timezone.now)
    decided_at = models.DateTimeField("复核时间", null=True, blank=True)

    class Meta:
        verbose_name = "资金操作"
        verbose_name_plural = "资金操作"
        constraints = [
            models.UniqueConstraint(
                fields=["verb", "target_id"],
                condition=models.Q(state="waiting"),
                name="staff_request_one_waiting",
            ),
            models.CheckConstraint(
                condition=models.Q(decided_by=None)
                | ~models.Q(decided_by=models.F("requested_by")),
                name="staff_request_decided_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting", decided_at=None)
                | (~models.Q(state="waiting") & models.Q(decided_at__isnull=False)),
                name="staff_request_decided_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_id}"
