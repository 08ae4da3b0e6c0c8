"""What belongs to no app: the counters of the limits."""

from django.db import models

LIMIT_NAME_LENGTH = 50
LIMIT_KEY_LENGTH = 64


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
