import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("qaorder", "0004_own_next_times")]

    operations = [
        migrations.AddField(
            model_name="idempotencykey",
            name="request_id",
            field=models.UUIDField(default=uuid.uuid4, verbose_name="请求编号"),
        ),
        migrations.AddField(
            model_name="idempotencykey",
            name="claim",
            field=models.UUIDField(default=uuid.uuid4, verbose_name="占用者"),
        ),
        migrations.AlterField(
            model_name="idempotencykey",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                db_index=True,
                verbose_name="创建时间",
            ),
        ),
    ]
