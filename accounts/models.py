"""Users and their profiles: a user is a patient, a doctor, both, or neither (staff)."""

import secrets

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from feiqingsong.money import MAX_FEN

# No 0/O, 1/I/L: codes are read aloud and typed on phones.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_LENGTH = 8
NETWORK_LENGTH = 50
"""An IPv4 address, or the /64 of an IPv6 one."""

username_validator = RegexValidator(
    r"^[\w.@+-]+\Z", message="用户名只能包含字母、数字和 @ . + - _。"
)


def new_invitation_code() -> str:
    """Return a random code for others to name at registration."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


class User(AbstractUser):
    """One account, whatever it may do. `username` is what the API calls `owner`."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    username = models.CharField(
        "用户名",
        max_length=50,
        unique=True,
        validators=[username_validator],
        error_messages={"unique": "该用户名已被注册。"},
    )
    name = models.CharField("姓名", max_length=50, blank=True)
    avatar = models.CharField("头像", max_length=500, blank=True)
    invitation_code = models.CharField("邀请码", max_length=20, blank=True)
    inviter = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invitees",
        verbose_name="邀请人",
    )

    class Meta:
        verbose_name = "用户"
        verbose_name_plural = "用户"
        constraints = [
            # "Zhang" and "zhang" would be one person to every reader.
            models.UniqueConstraint(
                Lower("username"),
                name="user_username_unique_whatever_case",
                violation_error_message="该用户名已被注册。",
            ),
            models.UniqueConstraint(
                fields=["invitation_code"],
                condition=~models.Q(invitation_code=""),
                name="user_invitation_code_unique",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def patient_profile(self) -> "Patient | None":
        """The user's patient profile, or None."""
        return getattr(self, "patient", None)

    @property
    def doctor_profile(self) -> "Doctor | None":
        """The user's doctor profile, verified or not, or None."""
        return getattr(self, "doctor", None)


class SignInNetwork(models.Model):
    """A network that an account signed in from: there nobody else's failures lock it out."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="networks", verbose_name="用户"
    )
    network = models.CharField("网络", max_length=NETWORK_LENGTH)
    used_at = models.DateTimeField("最近登录", db_index=True)

    class Meta:
        verbose_name = "登录网络"
        verbose_name_plural = "登录网络"
        constraints = [
            models.UniqueConstraint(fields=["user", "network"], name="sign_in_network_once")
        ]

    def __str__(self) -> str:
        return self.network


class Patient(models.Model):
    """The profile of one who orders consultations."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, verbose_name="用户")
    created_at = models.DateTimeField("创建时间", auto_now_add=True)

    class Meta:
        verbose_name = "患者"
        verbose_name_plural = "患者"

    def __str__(self) -> str:
        return self.user.username


class DoctorQuerySet(models.QuerySet["Doctor"]):
    def verified(self) -> "DoctorQuerySet":
        """Doctors whom staff have verified."""
        return self.filter(is_verified=True, user__is_active=True)

    def with_scores(self) -> "DoctorQuerySet":
        """Adds `evaluation_count` and `scores_average` (unrounded, None without evaluations)."""
        return self.annotate(
            evaluation_count=models.Count("evaluations"),
            scores_average=models.Avg("evaluations__scores"),
        )


class Doctor(models.Model):
    """The profile of one who answers; takes orders once verified and while accepting."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, verbose_name="用户")
    licence_number = models.CharField(
        "执业证书编号",
        max_length=50,
        unique=True,
        error_messages={"unique": "该执业证书编号已被使用。"},
    )
    hospital = models.CharField("医院", max_length=100)
    department = models.CharField("科室", max_length=50)
    title = models.CharField("职称", max_length=50)
    introduction = models.TextField("简介", max_length=2000, blank=True)
    online_price_fen = models.PositiveIntegerField("在线咨询价格（分）", default=0)
    monthly_price_fen = models.PositiveIntegerField("包月服务价格（分）", default=0)
    is_accepting = models.BooleanField("接单", default=True)
    is_verified = models.BooleanField("已认证", default=False)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)

    objects = DoctorQuerySet.as_manager()

    class Meta:
        verbose_name = "医生"
        verbose_name_plural = "医生"
        indexes = [
            models.Index(fields=["department"]),
            models.Index(fields=["online_price_fen"]),
            models.Index(fields=["monthly_price_fen"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(online_price_fen__lte=MAX_FEN, monthly_price_fen__lte=MAX_FEN),
                name="doctor_prices_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.user.username

    @property
    def takes_orders(self) -> bool:
        """Whether a patient may order from this doctor now."""
        return self.is_verified and self.is_accepting and self.user.is_active
