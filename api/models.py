"""Rows of the API itself: the counters of the limits, and answers kept by Idempotency-Key."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

LIMIT_NAME_LENGTH = 50
LIMIT_KEY_LENGTH = 64
KEY_LENGTH = 255


class LimitCount(models.Model):
    """How often something was done in a window that began with the first time.

    Written by `limit_stores` alone, in SQL. `ends_at` is in milliseconds since 1970, by the
    database's clock; a row past it counts as none.
    """

    name = models.CharField("限制", max_length=LIMIT_NAME_LENGTH)
    key = models.CharField("对象摘要", max_length=LIMIT_KEY_LENGTH)
    count = models.PositiveIntegerField("次数")
    ends_at = models.BigIntegerField("窗口结束", db_index=True)

    class Meta:
        verbose_name = "限制计数"
        verbose_name_plural = "限制计数"
        constraints = [
            models.UniqueConstraint(fields=["name", "key"], name="limit_count_once_per_key")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.count}"


class IdempotencyKey(models.Model):
    """One key of one caller. Without an answer yet, the first request still runs.

    `claim` names the request that holds the key; one whose lease is over loses it to the next.
    `request_id` is the same for all of them: what one began the next can find by it.
    Both times are the database's: the clocks of two servers may be minutes apart.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name="用户"
    )
    key = models.CharField("键", max_length=KEY_LENGTH)
    fingerprint = models.CharField("请求摘要", max_length=64)
    request_id = models.UUIDField("请求编号", default=uuid.uuid4)
    claim = models.UUIDField("占用者", default=uuid.uuid4)
    status_code = models.PositiveSmallIntegerField("状态码", null=True)
    body = models.BinaryField("响应")
    locked_until = models.DateTimeField("占用至")
    created_at = models.DateTimeField("创建时间", db_default=Now(), db_index=True)

    class Meta:
        verbose_name = "幂等键"
        verbose_name_plural = "幂等键"
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")
        ]

    def __str__(self) -> str:
        return self.key
