"""Sessions hang on knox's tokens, whose migrations come after our users."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        # The token's key changes in knox's own migrations.
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="最近使用"
                    ),
                ),
                (
                    "token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.KNOX_TOKEN_MODEL,
                        verbose_name="令牌",
                    ),
                ),
            ],
            options={
                "verbose_name": "登录设备",
                "verbose_name_plural": "登录设备",
            },
        ),
        # So that purging expired tokens need not read all that are alive.
        migrations.RunSQL(
            "CREATE INDEX knox_authtoken_expiry ON knox_authtoken (expiry)",
            "DROP INDEX knox_authtoken_expiry",
        ),
    ]
