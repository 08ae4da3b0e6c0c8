"""Accounts in JSON: users, people inside other objects, doctors, and what clients send."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts.attempts import password_attempt
from accounts.models import Doctor, User, username_validator
from accounts.services import NAME_TAKEN
from feiqingsong.fields import HTTP_URL, InputModelSerializer, TextField, YuanField

MAX_PASSWORD = 128
TOO_SHORT = "密码太短，至少需要 {min_length} 个字符。"


class PersonSerializer(serializers.Serializer[Any]):
    """A patient or doctor inside another object: `{owner, invitation_code, name, avatar}`."""

    owner = serializers.CharField(source="user.username")
    invitation_code = serializers.CharField(source="user.invitation_code")
    name = serializers.CharField(source="user.name")
    avatar = serializers.CharField(source="user.avatar")


class UserSerializer(serializers.ModelSerializer[User]):
    """`user` in the answers of register and login; `patient`, `doctor` are profile pks or null."""

    owner = serializers.CharField(source="username")
    patient = serializers.SerializerMethodField()
    doctor = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["pk", "owner", "invitation_code", "name", "avatar", "patient", "doctor"]
        read_only_fields = fields

    def get_patient(self, user: User) -> int | None:
        return user.patient_profile.pk if user.patient_profile else None

    def get_doctor(self, user: User) -> int | None:
        return user.doctor_profile.pk if user.doctor_profile else None


class SessionSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField()
    user = UserSerializer()


class _ColumnsMixin:
    """Saves the columns that came and no others: staff, or a new password, may write at once."""

    def update(self, row: Any, values: dict[str, Any]) -> Any:
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
        return row


class DoctorProfileSerializer(_ColumnsMixin, InputModelSerializer):
    """What a doctor's `me/` adds to the user."""

    online_price = YuanField(source="online_price_fen", required=False)
    monthly_price = YuanField(source="monthly_price_fen", required=False)

    class Meta:
        model = Doctor
        fields = [
            "hospital",
            "department",
            "title",
            "introduction",
            "online_price",
            "monthly_price",
            "is_accepting",
        ]
        read_only_fields = ["hospital", "department", "title"]


class DoctorSerializer(DoctorProfileSerializer):
    """A doctor in the catalogue; needs `DoctorQuerySet.with_scores()`."""

    owner = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.name")
    avatar = serializers.CharField(source="user.avatar")
    scores_average = serializers.SerializerMethodField()
    evaluation_count = serializers.IntegerField()

    class Meta:
        model = Doctor
        fields = [
            "pk",
            "owner",
            "name",
            "avatar",
            *DoctorProfileSerializer.Meta.fields,
            "scores_average",
            "evaluation_count",
        ]
        read_only_fields = fields

    def get_scores_average(self, doctor: Any) -> float | None:
        if doctor.scores_average is None:
            return None
        average = Decimal(str(doctor.scores_average))
        return float(average.quantize(Decimal("0.1"), ROUND_HALF_UP))


class PasswordField(TextField):
    """A password as typed: not trimmed, bounded before anything hashes it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_PASSWORD, trim_whitespace=False, write_only=True, **kwargs)


def check_strength(password: str) -> str:
    """Return the password.  Raises: serializers.ValidationError with what is wrong with it."""
    try:
        validate_password(password)
    except DjangoValidationError as error:
        raise serializers.ValidationError(
            # Django's zh-hans catalogue lacks this one.
            [
                TOO_SHORT.format(**(problem.params or {}))
                if problem.code == "password_too_short"
                else problem.messages[0]
                for problem in error.error_list
            ]
        ) from error
    return password


class UsernameField(TextField):
    """A username in its one spelling: full-width letters and ligatures become plain ones.

    The length holds before that, which may take seconds for a long text, and after it.
    """

    def to_internal_value(self, data: Any) -> str:
        return User.normalize_username(super().to_internal_value(data))


class LoginSerializer(serializers.Serializer[Any]):
    username = UsernameField(max_length=150)
    password = PasswordField()


class RegisterSerializer(serializers.Serializer[Any]):
    username = UsernameField(max_length=50, validators=[username_validator])
    password = PasswordField(validators=[check_strength])
    name = TextField(max_length=50, required=False, allow_blank=True)
    avatar = TextField(max_length=500, required=False, allow_blank=True, validators=[HTTP_URL])
    inviter_code = TextField(max_length=20, required=False, allow_blank=True)

    def validate_username(self, username: str) -> str:
        if User.objects.filter(username__iexact=username).exists():
            raise serializers.ValidationError(NAME_TAKEN)
        return username

    def validate_inviter_code(self, code: str) -> User | None:
        if not code:
            return None
        inviter = User.objects.filter(invitation_code=code, is_active=True).first()
        if inviter is None:
            raise serializers.ValidationError("邀请码不存在。")
        return inviter


class PasswordSerializer(serializers.Serializer[Any]):
    old_password = PasswordField()
    new_password = PasswordField(validators=[check_strength])

    def validate_old_password(self, password: str) -> str:
        request = self.context["request"]
        with password_attempt(request, request.user.username):
            if not request.user.check_password(password):
                raise serializers.ValidationError("原密码错误。")
        return password


class UserUpdateSerializer(_ColumnsMixin, InputModelSerializer):
    class Meta:
        model = User
        fields = ["name", "avatar"]
        extra_kwargs = {"avatar": {"validators": [HTTP_URL]}}


class DoctorApplicationSerializer(InputModelSerializer):
    class Meta:
        model = Doctor
        fields = ["licence_number", "hospital", "department", "title", "introduction"]
