import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.models
import api.text


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "email",
                    models.EmailField(blank=True, max_length=254, verbose_name="email address"),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="date joined"
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "该用户名已被注册。"},
                        max_length=50,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[\\w.@+-]+\\Z", message="用户名只能包含字母、数字和 @ . + - _。"
                            )
                        ],
                        verbose_name="用户名",
                    ),
                ),
                (
                    "skeleton",
                    accounts.models.SkeletonField(editable=False, max_length=1000, unique=True),
                ),
                (
                    "typed_skeleton",
                    accounts.models.TypedSkeletonField(
                        editable=False, max_length=1000, unique=True
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=50, verbose_name="姓名")),
                ("avatar", models.CharField(blank=True, max_length=500, verbose_name="头像")),
                (
                    "invitation_code",
                    models.CharField(blank=True, max_length=20, verbose_name="邀请码"),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "inviter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitees",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="邀请人",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "用户",
                "verbose_name_plural": "用户",
            },
        ),
        migrations.CreateModel(
            name="Doctor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "licence_number",
                    models.CharField(
                        db_index=True,
                        error_messages={"unique": "该执业证书编号已被使用。"},
                        max_length=50,
                        validators=[api.text.check_line],
                        verbose_name="执业证书编号",
                    ),
                ),
                (
                    "hospital",
                    models.CharField(
                        max_length=100, validators=[api.text.check_line], verbose_name="医院"
                    ),
                ),
                (
                    "department",
                    models.CharField(
                        max_length=50, validators=[api.text.check_line], verbose_name="科室"
                    ),
                ),
                (
                    "title",
                    models.CharField(
                        max_length=50, validators=[api.text.check_line], verbose_name="职称"
                    ),
                ),
                (
                    "introduction",
                    models.TextField(
                        blank=True,
                        max_length=2000,
                        validators=[api.text.check_text],
                        verbose_name="简介",
                    ),
                ),
                (
                    "online_price_fen",
                    models.PositiveIntegerField(default=0, verbose_name="在线咨询价格（分）"),
                ),
                (
                    "monthly_price_fen",
                    models.PositiveIntegerField(default=0, verbose_name="包月服务价格（分）"),
                ),
                ("is_accepting", models.BooleanField(default=True, verbose_name="接单")),
                ("is_verified", models.BooleanField(default=False, verbose_name="已认证")),
                (
                    "turned_down_reason",
                    models.CharField(
                        blank=True, editable=False, max_length=200, verbose_name="未通过原因"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="创建时间")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="用户",
                    ),
                ),
            ],
            options={
                "verbose_name": "医生",
                "verbose_name_plural": "医生",
            },
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
            options={
                "verbose_name": "密码重置码",
                "verbose_name_plural": "密码重置码",
            },
        ),
        migrations.CreateModel(
            name="Patient",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="创建时间")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="用户",
                    ),
                ),
            ],
            options={
                "verbose_name": "患者",
                "verbose_name_plural": "患者",
            },
        ),
        migrations.CreateModel(
            name="SignInNetwork",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("network", models.CharField(max_length=50, verbose_name="网络")),
                ("used_at", models.DateTimeField(db_index=True, verbose_name="最近登录")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="networks",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="用户",
                    ),
                ),
            ],
            options={
                "verbose_name": "登录网络",
                "verbose_name_plural": "登录网络",
            },
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                condition=models.Q(("invitation_code", ""), _negated=True),
                fields=("invitation_code",),
                name="user_invitation_code_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="doctor",
            index=models.Index(fields=["department"], name="accounts_do_departm_5203aa_idx"),
        ),
        migrations.AddIndex(
            model_name="doctor",
            index=models.Index(fields=["online_price_fen"], name="accounts_do_online__472891_idx"),
        ),
        migrations.AddIndex(
            model_name="doctor",
            index=models.Index(fields=["monthly_price_fen"], name="accounts_do_monthly_908608_idx"),
        ),
        migrations.AddConstraint(
            model_name="doctor",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("monthly_price_fen__lte", 5000000), ("online_price_fen__lte", 5000000)
                ),
                name="doctor_prices_in_range",
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
        migrations.AddConstraint(
            model_name="signinnetwork",
            constraint=models.UniqueConstraint(
                fields=("user", "network"), name="sign_in_network_once"
            ),
        ),
    ]
