import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import feiqingsong.text


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_usernames_look_different"),
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
            options={"verbose_name": "登录设备", "verbose_name_plural": "登录设备"},
        ),
        migrations.CreateModel(
            name="PasswordReset",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code_hash", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField(verbose_name="失效时间")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="用户",
                    ),
                ),
            ],
            options={"verbose_name": "密码重置码", "verbose_name_plural": "密码重置码"},
        ),
        migrations.AddField(
            model_name="doctor",
            name="turned_down_reason",
            field=models.CharField(
                blank=True, editable=False, max_length=200, verbose_name="未通过原因"
            ),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="licence_number",
            field=models.CharField(
                db_index=True,
                error_messages={"unique": "该执业证书编号已被使用。"},
                max_length=50,
                validators=[feiqingsong.text.check_line],
                verbose_name="执业证书编号",
            ),
        ),
        migrations.AddConstraint(
            model_name="doctor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_verified", True)),
                fields=("licence_number",),
                name="doctor_licence_unique_among_verified",
            ),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="hospital",
            field=models.CharField(
                max_length=100, validators=[feiqingsong.text.check_line], verbose_name="医院"
            ),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="department",
            field=models.CharField(
                max_length=50, validators=[feiqingsong.text.check_line], verbose_name="科室"
            ),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="title",
            field=models.CharField(
                max_length=50, validators=[feiqingsong.text.check_line], verbose_name="职称"
            ),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="introduction",
            field=models.TextField(
                blank=True,
                max_length=2000,
                validators=[feiqingsong.text.check_text],
                verbose_name="简介",
            ),
        ),
    ]
