"""What an account can do: register, log in, get and change a password."""

import secrets
from hashlib import sha256

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils import timezone
from knox.crypto import create_token_string, hash_token
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, ValidationError

from accounts import sessions
from accounts.models import (
    CODE_ALPHABET,
    NAME_TAKEN,
    PasswordReset,
    Patient,
    Session,
    User,
    new_invitation_code,
)

WRONG_LOGIN = "用户名或密码错误"
WRONG_RESET = "用户名或重置码错误，或重置码已失效。"
CODE_TRIES = 5
RESET_CODE_LENGTH = 16


@transaction.atomic
def issue_token(user: User) -> tuple[AuthToken, str]:
    """Return a new token row and the 40 hex digits, which are kept nowhere else.

    Of too many tokens the one used longest ago dies.
    Raises: AuthenticationFailed if the password is no longer the one the user logged in with.
    """
    _check_unchanged(user)
    token, now = create_token_string(), timezone.now()
    row = AuthToken(digest=hash_token(token), user=user, expiry=sessions.expiry_of(now, now))
    # Not through knox's manager, which also keeps the first digits as they are.
    row.save(force_insert=True)
    Session.objects.create(token=row, last_used_at=now)
    sessions.end_surplus(user, row)
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

    Raises: ValidationError if the name, or one that looks like it, is taken, also by a twin request
    that was faster.
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
            if User.objects.looking_like(username).exists():
                raise ValidationError({"username": [NAME_TAKEN]}) from None
    raise RuntimeError("no free invitation code")


def change_password(*, user: User, token: AuthToken, new_password: str) -> None:
    """Set the password; every token but the one in use dies."""
    user.set_password(new_password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        AuthToken.objects.filter(user=user).exclude(pk=token.pk).delete()
        PasswordReset.objects.filter(user=user).delete()


def make_reset_code(user: User) -> str:
    """Return a code by which the user may set a new password, once and soon; kept as a hash.

    It takes the place of one made before.
    """
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(RESET_CODE_LENGTH))
    values = {"code_hash": _hash(code), "expires_at": timezone.now() + settings.PASSWORD_RESET_TTL}
    PasswordReset.objects.update_or_create(user=user, defaults=values)
    return code


def reset_password(*, username: str, code: str, new_password: str) -> None:
    """Set the password by a code of `make_reset_code`; every token dies, and the code.

    Raises: ValidationError in the same words and at the same cost for an unknown name and a wrong,
    used or expired code.
    """
    rows = PasswordReset.objects.filter(
        user__username=username,
        user__is_active=True,
        code_hash=_hash(code),
        expires_at__gt=timezone.now(),
    )
    reset = rows.first()
    if reset is None:
        raise ValidationError({"code": [WRONG_RESET]})
    # Before the transaction: hashing is slow on purpose.
    password = make_password(new_password)
    with transaction.atomic():
        # A login with the old password, and a twin of this request, wait for this row.
        User.objects.select_for_update(no_key=True).get(pk=reset.user_id)
        if not rows.filter(pk=reset.pk).delete()[0]:
            raise ValidationError({"code": [WRONG_RESET]})
        User.objects.filter(pk=reset.user_id).update(password=password)
        AuthToken.objects.filter(user_id=reset.user_id).delete()


def _hash(code: str) -> str:
    """Codes are long and random: what guards a password's hash would only cost time here."""
    return sha256(code.upper().encode()).hexdigest()
