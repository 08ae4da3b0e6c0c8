"""What an account can do: register, log in, change its password, apply as a doctor."""

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, ValidationError

from accounts.models import Doctor, Patient, User, new_invitation_code

WRONG_LOGIN = "用户名或密码错误"
NAME_TAKEN = "该用户名已被注册。"
ALREADY_APPLIED = "您已经提交过医生申请。"
CODE_TRIES = 5


def issue_token(user: User) -> tuple[AuthToken, str]:
    """Return a new token row and the 40 hex digits, which are kept nowhere else."""
    return AuthToken.objects.create(user)


def log_in(*, username: str, password: str) -> User:
    """Return the active user with this name and password.

    Raises: AuthenticationFailed, in the same words and time for an unknown name: Django's backend
    hashes the password either way.
    """
    user = authenticate(username=username, password=password)
    if user is None:
        raise AuthenticationFailed(WRONG_LOGIN)
    return User.objects.select_related("patient", "doctor").get(pk=user.pk)


def register_patient(
    *, username: str, password: str, name: str = "", avatar: str = "", inviter: User | None = None
) -> User:
    """Create a user with a patient profile and an invitation code of their own.

    Raises: ValidationError if the name is taken, also by a twin request that was faster.
    """
    for _ in range(CODE_TRIES):
        try:
            with transaction.atomic():
                user = User.objects.create_user(
                    username=username,
                    password=password,
                    name=name,
                    avatar=avatar,
                    inviter=inviter,
                    invitation_code=new_invitation_code(),
                )
                Patient.objects.create(user=user)
                return user
        except IntegrityError:
            if User.objects.filter(username__iexact=username).exists():
                raise ValidationError({"username": [NAME_TAKEN]}) from None
    raise RuntimeError("no free invitation code")


@transaction.atomic
def change_password(*, user: User, token: AuthToken, new_password: str) -> None:
    """Set the password; every token but the one in use dies."""
    user.set_password(new_password)
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
