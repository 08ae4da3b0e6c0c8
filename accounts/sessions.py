"""Tokens as their owner sees them: when they were used, when they die, how many there are."""

from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import Session, User


def expiry_of(created: datetime, last_used: datetime) -> datetime:
    """Return when a token dies: unused for too long, or too old, whichever comes first."""
    return min(last_used + settings.TOKEN_TTL, created + settings.TOKEN_MAX_AGE)


def is_alive(token: AuthToken, now: datetime) -> bool:
    """Whether the token opens anything; one without an expiry never dies of age."""
    return token.expiry is None or now < min(token.expiry, expiry_of(token.created, now))


def touch(token: AuthToken, now: datetime) -> None:
    """Note that the token was used, at most once in a while: reading must not cost a write."""
    if token.expiry is None:
        return
    session: Session | None = getattr(token, "session", None)
    expiry = expiry_of(token.created, now)
    last_used = session.last_used_at if session else token.created
    if max(now - last_used, expiry - token.expiry) < settings.SESSION_TOUCH_INTERVAL:
        return
    AuthToken.objects.filter(pk=token.pk).update(expiry=expiry)
    # A token that is being ended at this moment stays ended.
    if AuthToken.objects.filter(pk=token.pk).exists():
        Session.objects.update_or_create(token=token, defaults={"last_used_at": now})


def sessions_of(user: User) -> QuerySet[Session]:
    """The user's living sessions, the one used last first."""
    rows = Session.objects.filter(token__user=user, token__expiry__gt=timezone.now())
    return rows.select_related("token").order_by("-last_used_at", "-pk")


def end(user: User, pk: int) -> bool:
    """End one of the user's sessions; False if it is not theirs, or over."""
    rows = AuthToken.objects.filter(user=user, session__pk=pk, expiry__gt=timezone.now())
    return bool(rows.delete()[0])


def end_surplus(user: User, newest: AuthToken) -> None:
    """Keep the newest token and the ones used last, MAX_SESSIONS in all; the user is locked."""
    used = Coalesce("session__last_used_at", "created")
    others = AuthToken.objects.filter(user=user).exclude(pk=newest.pk).order_by(used.desc(), "-pk")
    surplus = list(others.values_list("pk", flat=True)[settings.MAX_SESSIONS - 1 :])
    if surplus:
        AuthToken.objects.filter(pk__in=surplus).delete()
