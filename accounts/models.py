"""Users and their profiles: a user is a patient, a doctor, both, or neither (staff)."""

import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from knox.models import AuthToken

from accounts.lookalikes import skeletons
from accounts.names import MAX_NAME, MAX_USERNAME, url_safe
from api.money import MAX_FEN
from api.text import check_line, check_text

# No 0/O, 1/I/L: codes are read aloud and typed on phones.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_LENGTH = 8
NETWORK_LENGTH = 50
"""An IPv4 address, or the /64 of an IPv6 one."""

NAME_TAKEN = "该用户名已被注册。"
LICENCE_TAKEN = "该执业证书编号已被使用。"


def new_invitation_code() -> str:
    """Return a random code for others to name at registration."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


class SkeletonField(models.CharField):
    """What the username looks like whatever its case; written once, as the username is."""

    which = 0

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        if add:
            setattr(instance, self.attname, skeletons(instance.username)[self.which])  # type: ignore[attr-defined]
        return super().pre_save(instance, add)


class TypedSkeletonField(SkeletonField):
    """What the username looks like as it is typed."""

    which = 1


class UserManager(DjangoUserManager["User"]):
    use_in_migrations = False

    def looking_like(self, username: str) -> models.QuerySet["User"]:
        """Users whose names differ from this one only by case or by letters that look alike."""
        folded, typed = skeletons(username)
        return self.filter(models.Q(skeleton=folded) | models.Q(typed_skeleton=typed))

    def create_superuser(self, username: str, *args: Any, **fields: Any) -> "User":
        """As Django's.  Raises: ValidationError if the name is taken, which the command prints."""
        if self.looking_like(self.model.normalize_username(username)).exists():
            raise ValidationError(NAME_TAKEN)
        return super().create_superuser(username, *args, **fields)


class User(AbstractUser):
    """One account, whatever it may do. `username` is what the API calls `owner`."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    username = models.CharField(
        "用户名",
        max_length=MAX_USERNAME,
        unique=True,
        validators=[url_safe],
        error_messages={"unique": NAME_TAKEN},
    )
    skeleton = SkeletonField(max_length=1000, unique=True, editable=False)
    typed_skeleton = TypedSkeletonField(max_length=1000, unique=True, editable=False)
    name = models.CharField("姓名", max_length=MAX_NAME, blank=True)
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

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = "用户"
        verbose_name_plural = "用户"
        constraints = [
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


class Session(models.Model):
    """One device's token as its owner sees it. The token's own key is the secret's hash."""

    token = models.OneToOneField(AuthToken, on_delete=models.CASCADE, verbose_name="令牌")
    last_used_at = models.DateTimeField("最近使用", default=timezone.now)

    class Meta:
        verbose_name = "登录设备"
        verbose_name_plural = "登录设备"

    def __str__(self) -> str:
        return f"登录 {self.pk}"


class PasswordReset(models.Model):
    """A code that staff made for a user who forgot the password; using it deletes it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, verbose_name="用户")
    code_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField("失效时间")

    class Meta:
        verbose_name = "密码重置码"
        verbose_name_plural = "密码重置码"

    def __str__(self) -> str:
        return f"密码重置 {self.pk}"


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
        """Adds `evaluation_count` and `scores_average` (unrounded, None without evaluations).

        Of the evaluations that count: each patient's newest, if it was paid for.
        """
        # Its app stands on this one.
        evaluation: Any = self.model._meta.get_field("evaluations").related_model
        evaluations = evaluation._default_manager
        counting = evaluations.counting().filter(doctor=models.OuterRef("pk")).values("doctor")
        count = counting.annotate(figure=models.Count("pk")).values("figure")
        average = counting.annotate(figure=models.Avg("scores")).values("figure")
        return self.annotate(
            evaluation_count=Coalesce(models.Subquery(count), 0),
            scores_average=models.Subquery(average),
        )


class Doctor(models.Model):
    """The profile of one who answers; takes orders once verified and while accepting."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, verbose_name="用户")
    licence_number = models.CharField(
        "执业证书编号",
        max_length=50,
        db_index=True,
        validators=[check_line],
        error_messages={"unique": LICENCE_TAKEN},
    )
    hospital = models.CharField("医院", max_length=100, validators=[check_line])
    department = models.CharField("科室", max_length=50, validators=[check_line])
    title = models.CharField("职称", max_length=50, validators=[check_line])
    introduction = models.TextField("简介", max_length=2000, blank=True, validators=[check_text])
    online_price_fen = models.PositiveIntegerField("在线咨询价格（分）", default=0)
    monthly_price_fen = models.PositiveIntegerField("包月服务价格（分）", default=0)
    is_accepting = models.BooleanField("接单", default=True)
    is_verified = models.BooleanField("已认证", default=False)
    turned_down_reason = models.CharField("未通过原因", max_length=200, blank=True, editable=False)
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
            # Anybody can apply with anybody's number; only one of them is its holder.
            models.UniqueConstraint(
                fields=["licence_number"],
                condition=models.Q(is_verified=True),
                name="doctor_licence_unique_among_verified",
            ),
        ]

    def __str__(self) -> str:
        return self.user.username

    @property
    def takes_orders(self) -> bool:
        """Whether a patient may order from this doctor now."""
        return self.is_verified and self.is_accepting and self.user.is_active
