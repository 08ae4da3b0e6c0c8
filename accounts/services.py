"""What an account can do: register, log in, change its password, apply as a doctor."""

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.utils import timezone
from knox.crypto import create_token_string, hash_token
from knox.models import AuthToken
from knox.settings import knox_settings
from rest_framework.exceptions import AuthenticationFailed, ValidationError

from accounts.models import Doctor, Patient, User, new_invitation_code

WRONG_LOGIN = "用户名或密码错误"
NAME_TAKEN = "该用户名已被注册。"
ALREADY_APPLIED = "您已经提交过医生申请。"
CODE_TRIES = 5


@transaction.atomic
def issue_token(user: User) -> tuple[AuthToken, str]:
    """Return a new token row and the 40 hex digits, which are kept nowhere else.

    Raises: AuthenticationFailed if the password is no longer the one the user logged in with.
    """
    _check_unchanged(user)
    token = create_token_string()
    row = AuthToken(
        digest=hash_token(token), user=user, expiry=timezone.now() + knox_settings.TOKEN_TTL
    )
    # Not through knox's manager, which also keeps the first digits as they are.
    row.save(force_insert=True)
    return row, token


def _check_unchanged(user: User) -> None:
    """Lock the row, so that a new password waits and then ends this token too."""
    rows = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True)
    if user.password not in rows.values_list("password", flat=True):
        raise AuthenticationFailed(WRONG_LOGIN)


def log_in(*, username: str, password: str) -> User:
    """Return the active user with this name and password.

    Raises: AuthenticationFailed, in the same words and time for an unknown name: Django's backend
    hashes the password either way.
    """
    known = authenticate(username=username, password=password)
    rows = User.objects.select_related("patient", "doctor")
    # The very password that was checked: it may have changed since.
    user = rows.filter(pk=known.pk, password=known.password).first() if known else None
    if user is None:
        raise AuthenticationFailed(WRONG_LOGIN)
    return user


def register_patient(
    *, username: str, password: str, name: str = "", avatar: str = "", inviter: User | None = None
) -> User:
    """Create a user with a patient profile and an invitation code of their own.

    Raises: ValidationError if the name is taken, also by a twin request that was faster.
    """
    user = User(username=username, name=name, avatar=avatar, inviter=inviter)
    # Hashing is slow on purpose, and SQLite's transactions hold the one write lock.
    user.set_password(password)
    for _ in range(CODE_TRIES):
        user.pk, user.invitation_code = None, new_invitation_code()
        try:
            with transaction.atomic():
                user.save(force_insert=True)
                Patient.objects.create(user=user)
                return user
        except IntegrityError:
            if User.objects.filter(username__iexact=username).exists():
                raise ValidationError({"username": [NAME_TAKEN]}) from None
    raise RuntimeError("no free invitation code")


def change_password(*, user: User, token: AuthToken, new_password: str) -> None:
    """Set the password; every token but the one in use dies."""
    user.set_password(new_password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        AuthToken.objects.filter(user=user).exclude(pk=token.pk).delete()


def apply_as_doctor(
    *,
    user: User,
    licence_number: str,
    hospital: str,
    department: str,
    title: str,
    introduction: str = "",
) -> Doctor:
    """Create an unverified doctor profile; it takes no orders until staff verify it.

    Raises: ValidationError if the user has one already or the licence is another doctor's.
    """
    if Doctor.objects.filter(user=user).exists():
        raise ValidationError({"licence_number": [ALREADY_APPLIED]})
    try:
        with transaction.atomic():
            return Doctor.objects.create(
                user=user,
                licence_number=licence_number,
                hospital=hospital,
                department=department,
                title=title,
                introduction=introduction,
            )
    except IntegrityError:
        raise ValidationError({"licence_number": [ALREADY_APPLIED]}) from None
