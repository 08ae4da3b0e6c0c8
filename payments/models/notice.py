"""The provider's notices, each kept for ever."""

from django.db import models
from django.utils import timezone


class NoticeOutcome(models.TextChoices):
    APPLIED = "applied", "已处理"
    REPEATED = "repeated", "重复"
    UNUSED = "unused", "不使用的类型"
    NOT_OURS = "not_ours", "不属于本服务"
    HELD = "held", "待人工处理"
    DIFFERS = "differs", "与本地不符，待人工处理"


class Notice(models.Model):
    """A provider's notice with a good signature, kept for ever: signatures carry no time."""

    event_id = models.CharField("事件编号", max_length=64, unique=True)
    type = models.CharField("类型", max_length=64)
    object_id = models.CharField("对象编号", max_length=64, blank=True)
    order_no = models.CharField("商户订单号", max_length=64, blank=True, db_index=True)
    outcome = models.CharField("结果", max_length=10, choices=NoticeOutcome.choices)
    digest = models.CharField("内容摘要", max_length=64)
    received_at = models.DateTimeField("接收时间", default=timezone.now)

    class Meta:
        verbose_name = "渠道通知"
        verbose_name_plural = "渠道通知"

    def __str__(self) -> str:
        return self.event_id
