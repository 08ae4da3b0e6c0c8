"""Accounts in JSON: users, people inside other objects, doctors, and what clients send."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from unicodedata import normalize

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts.models import LICENCE_TAKEN, NAME_TAKEN, Doctor, Session, User
from accounts.names import MAX_NAME, MAX_USERNAME, MIN_USERNAME, check_name, check_username
from accounts.password_attempts import password_attempt
from accounts.passwords import MAX_PASSWORD
from api.fields import HTTP_URL, InputModelSerializer, TextField, YuanField

MAX_LOOKED_UP = 150
MAX_CODE = 50


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


class DeviceSerializer(serializers.ModelSerializer[Session]):
    """One of the caller's tokens; `is_current` needs the token of the request as `token`."""

    create_time = serializers.DateTimeField(source="token.created")
    last_used = serializers.DateTimeField(source="last_used_at")
    expiry = serializers.DateTimeField(source="token.expiry")
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ["pk", "create_time", "last_used", "expiry", "is_current"]
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        return session.token_id == self.context["token"].pk


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


class ScoresAverageField(serializers.FloatField):
    """One decimal, halves up."""

    def to_representation(self, value: Any) -> float:  # type: ignore[override]
        return float(Decimal(str(value)).quantize(Decimal("0.1"), ROUND_HALF_UP))


class DoctorSerializer(DoctorProfileSerializer):
    """A doctor in the catalogue; needs `DoctorQuerySet.with_scores()`."""

    owner = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.name")
    avatar = serializers.CharField(source="user.avatar")
    scores_average = ScoresAverageField(allow_null=True, read_only=True)
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


class PasswordField(TextField):
    """A password as typed: not trimmed, bounded before anything hashes it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_PASSWORD, trim_whitespace=False, write_only=True, **kwargs)


def check_strength(password: str, user: User) -> str:
    """Return the password.  Raises: serializers.ValidationError with what is wrong with it."""
    if len(password) > MAX_PASSWORD:
        return password  # Refused for its length; nothing else need look at it.
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError(error.messages) from error
    return password


class UsernameField(TextField):
    """A username in its one spelling: full-width letters and ligatures become plain ones.

    The length holds before that, which may take seconds for a long text, and after it.
    """

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if len(text) > (self.max_length or 0):
            self.fail("max_length", max_length=self.max_length)
        if len(text) < (self.min_length or 0):
            self.fail("min_length", min_length=self.min_length)
        return User.normalize_username(text)


class LoginSerializer(serializers.Serializer[Any]):
    username = UsernameField(max_length=MAX_LOOKED_UP)
    password = PasswordField()


class RegisterSerializer(serializers.Serializer[Any]):
    username = UsernameField(
        min_length=MIN_USERNAME, max_length=MAX_USERNAME, validators=[check_username]
    )
    password = PasswordField()
    name = TextField(max_length=MAX_NAME, required=False, allow_blank=True, validators=[check_name])
    avatar = TextField(max_length=500, required=False, allow_blank=True, validators=[HTTP_URL])
    inviter_code = TextField(max_length=20, required=False, allow_blank=True)

    def validate_username(self, username: str) -> str:
        if User.objects.looking_like(username).exists():
            raise serializers.ValidationError(NAME_TAKEN)
        return username

    def validate_password(self, password: str) -> str:
        return check_strength(password, _named(self.initial_data))

    def validate_inviter_code(self, code: str) -> User | None:
        if not code:
            return None
        inviter = User.objects.filter(invitation_code=code, is_active=True).first()
        if inviter is None:
            raise serializers.ValidationError("邀请码不存在。")
        return inviter


def _named(data: Any) -> User:
    """The user a password is meant for, by the name that came with it, whatever that is."""
    username = data.get("username")
    if not isinstance(username, str) or len(username) > MAX_LOOKED_UP:
        return User()
    return User(username=User.normalize_username(username))


class PasswordSerializer(serializers.Serializer[Any]):
    old_password = PasswordField()
    new_password = PasswordField()

    def validate_old_password(self, password: str) -> str:
        request = self.context["request"]
        with password_attempt(request, request.user.username):
            if not request.user.check_password(password):
                raise serializers.ValidationError("原密码错误。")
        return password

    def validate_new_password(self, password: str) -> str:
        return check_strength(password, self.context["request"].user)


class PasswordResetSerializer(serializers.Serializer[Any]):
    username = UsernameField(max_length=MAX_LOOKED_UP)
    code = TextField(max_length=MAX_CODE)
    new_password = PasswordField()

    def validate_new_password(self, password: str) -> str:
        return check_strength(password, _named(self.initial_data))


class UserUpdateSerializer(_ColumnsMixin, InputModelSerializer):
    class Meta:
        model = User
        fields = ["name", "avatar"]
        extra_kwargs = {
            "name": {"validators": [check_name]},
            "avatar": {"validators": [HTTP_URL]},
        }


class DoctorApplicationSerializer(InputModelSerializer):
    class Meta:
        model = Doctor
        fields = ["licence_number", "hospital", "department", "title", "introduction"]

    def validate_licence_number(self, number: str) -> str:
        """Only a verified doctor holds a number; anybody may have claimed it."""
        number = normalize("NFKC", number)
        holders = Doctor.objects.filter(licence_number=number, is_verified=True)
        if holders.exclude(user=self.context["request"].user).exists():
            raise serializers.ValidationError(LICENCE_TAKEN)
        return number
