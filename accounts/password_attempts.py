"""Attempts to prove who one is by a password: counted before it is hashed, and noted when wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.models import SignInNetwork, User
from api import limit_table, limits, security_log
from api.client_address import client_network
from api.errors import Busy, TooManyRequests

NETWORKS_KEPT = 20
"""Of each account, those used last."""
NETWORKS_KEPT_FOR = timedelta(days=180)
PURGE_BATCH = 1000
NOTHING_CHECKED = (Busy, OperationalError, InterfaceError)


@contextmanager
def password_attempt(request: Any, username: str) -> Iterator[None]:
    """Check a password or a code of this account inside: it counts as a failed login if it raises.

    The place is taken before, so that parallel guesses cannot pass the limit, and given back when
    it was right or could not be checked. Outside any transaction.
    Raises: TooManyRequests, also to the right password, and costs no hash.
    """
    network = client_network(request)
    try:
        places = limits.take(*_limits(username, network))
    except TooManyRequests as refusal:
        refusal.username = username
        raise
    try:
        yield
    except NOTHING_CHECKED:
        places.give_back()
        raise
    except Exception:
        security_log.record(security_log.LOGIN_FAILED, request, username)
        raise
    places.give_back()


def canonical(username: str) -> str:
    """Return what all spellings of a name have in common; a name need not exist."""
    return User.normalize_username(username).casefold()


def remember_network(user: User, request: Any) -> None:
    """Note that the account signed in from here; the oldest beyond NETWORKS_KEPT are forgotten."""
    row = SignInNetwork(user=user, network=client_network(request), used_at=timezone.now())
    SignInNetwork.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["user", "network"],
        update_fields=["used_at"],
    )
    rows = SignInNetwork.objects.filter(user=user).order_by("-used_at", "-pk")
    SignInNetwork.objects.filter(
        pk__in=list(rows.values_list("pk", flat=True)[NETWORKS_KEPT:])
    ).delete()


def purge_networks() -> int:
    """Forget networks that nobody signed in from for long, in batches; return how many."""
    old = SignInNetwork.objects.filter(used_at__lt=timezone.now() - NETWORKS_KEPT_FOR)
    deleted = 0
    while pks := list(old.values_list("pk", flat=True)[:PURGE_BATCH]):
        deleted += old.filter(pk__in=pks).delete()[0]
    return deleted


def _limits(username: str, network: str) -> list[tuple[limit_table.Limit, object]]:
    account = canonical(username)
    wanted: list[tuple[limit_table.Limit, object]] = [
        (limit_table.FAILED_LOGINS_HERE, f"{network} {account}"),
        (limit_table.FAILED_LOGINS_ADDRESS, network),
    ]
    known = SignInNetwork.objects.filter(user__username=username, network=network)
    if not known.exists():
        wanted.append((limit_table.FAILED_LOGINS_ELSEWHERE, account))
    return wanted
