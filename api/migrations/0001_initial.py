import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LimitCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50, verbose_name="限制")),
                ("key", models.CharField(max_length=64, verbose_name="对象摘要")),
                ("count", models.PositiveIntegerField(verbose_name="次数")),
                ("ends_at", models.BigIntegerField(db_index=True, verbose_name="窗口结束")),
            ],
            options={
                "verbose_name": "限制计数",
                "verbose_name_plural": "限制计数",
                "constraints": [
                    models.UniqueConstraint(fields=("name", "key"), name="limit_count_once_per_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255, verbose_name="键")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="请求摘要")),
                ("request_id", models.UUIDField(default=uuid.uuid4, verbose_name="请求编号")),
                ("claim", models.UUIDField(default=uuid.uuid4, verbose_name="占用者")),
                ("status_code", models.PositiveSmallIntegerField(null=True, verbose_name="状态码")),
                ("body", models.BinaryField(verbose_name="响应")),
                ("locked_until", models.DateTimeField(verbose_name="占用至")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        db_index=True,
                        verbose_name="创建时间",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="用户",
                    ),
                ),
            ],
            options={
                "verbose_name": "幂等键",
                "verbose_name_plural": "幂等键",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "key"), name="idempotency_key_once_per_user"
                    )
                ],
            },
        ),
    ]
