"""Idempotency-Key: the same key, caller and body give the same status and bytes for 24 hours.

The key is claimed first, in a transaction of its own; its answer is stored in the transaction that
makes the effect final, and only while the claim is still this request's. A claim whose request died
is free again when its lease ends; if that request was only slow, its effect is rolled back.
"""

import functools
import hashlib
import json
import math
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error, IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api import limits
from api.failpoints import failpoint
from api.limit_table import Limit
from api.models import KEY_LENGTH, IdempotencyKey

HEADER = "Idempotency-Key"
LEASE = timedelta(seconds=60)
"""Longer than any request may take: the proxy and the worker end it before that."""
TRANSIENT = (status.HTTP_409_CONFLICT, status.HTTP_429_TOO_MANY_REQUESTS)
"""What is true only now; like any 5xx it is not kept."""
PURGED_AT_ONCE = 1000

Scope = AbstractContextManager[Any]


class KeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "该 Idempotency-Key 已用于另一个请求"


class KeyInFlight(APIException):
    """Another request with this key still runs, or has taken the key over from this one."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "相同 Idempotency-Key 的请求正在处理，请稍后重试"
    wait = 2


class TooManyKeys(APIException):
    """The caller has `IDEMPOTENCY_MAX_KEYS` keys; the oldest is forgotten after `wait` seconds."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = "使用的 Idempotency-Key 过多，请稍后重试"

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = max(1, math.ceil(wait.total_seconds()))


class Claim:
    """A key held by this request, to be completed with the answer in the effect's transaction."""

    def __init__(self, held: QuerySet[IdempotencyKey] | None) -> None:
        """`held` finds the key's row while it is ours; None for a request without a key."""
        self._held = held
        self.is_stored = False
        self.request_id: uuid.UUID | None = None
        """The same for every request with this key, so that one finds what another began."""

    def store(self, response: Response) -> None:
        """Keep the answer; call in the transaction that makes the effect final.

        Raises: KeyInFlight if the claim is no longer ours: the effect must not happen.
        """
        if self._held is not None and not self._complete(self._held, response):
            raise KeyInFlight
        self.is_stored = True

    def conclude(self, response: Response) -> HttpResponse | Response:
        """Return what the client is to get for a handler that ended in this error.

        Whether it had its effect is the database's to say: when the reply to COMMIT was lost, it
        may have. Completing the row waits for a COMMIT that the server is still at.
        Raises: KeyInFlight, django.db.Error (then the claim is left to its lease).
        """
        if self._held is None:
            return response
        connection.close_if_unusable_or_obsolete()
        if self._complete(self._held, response):
            return response
        row = self._held.first()
        if row is None:
            raise KeyInFlight
        return _repeat(row)

    def release(self) -> None:
        """Let go of a key that was perhaps claimed, by a statement whose reply was lost."""
        connection.close_if_unusable_or_obsolete()
        if self._held is not None:
            _unanswered(self._held).update(locked_until=Now())

    @staticmethod
    def _complete(held: QuerySet[IdempotencyKey], response: Response) -> bool:
        """Store the answer, or free the key if it is not to be kept; whether it was ours to."""
        body = JSONRenderer().render(response.data)
        if _is_kept(response.status_code):
            return bool(_unanswered(held).update(status_code=response.status_code, body=body))
        return bool(_unanswered(held).update(locked_until=Now()))


def idempotent(
    *, atomic: bool = True, limit: Limit | None = None
) -> Callable[[Callable[..., Response]], Any]:
    """Decorate a view's handler to honour the header.

    With `atomic` the handler runs in one transaction with the stored answer. Without, for handlers
    that call the provider, the handler gets `request.claim` and stores within its own transaction.
    Answers of 5xx, 409 and 429 are never kept. With `limit`
    what succeeds is counted for the caller, outside that transaction; an answer that is repeated is
    not.
    """

    def decorate(handler: Callable[..., Response]) -> Any:
        @functools.wraps(handler)
        def run(view: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            call = functools.partial(handler, view, request, *args, **kwargs)
            counting = limits.counted((limit, request.user.pk)) if limit else nullcontext()
            return _answer(view, request, call, counting, atomic=atomic)

        # For the API schema, which then shows the header and its answers.
        run.is_idempotent = True  # type: ignore[attr-defined]
        return run

    return decorate


def _answer(
    view: Any, request: Any, call: Callable[[], Response], counting: Scope, *, atomic: bool
) -> Any:
    key, token = request.headers.get(HEADER, ""), uuid.uuid4()
    if not key:
        request.claim = Claim(None)
        with counting:
            return call()
    if len(key) > KEY_LENGTH or not key.isprintable() or not key.isascii():
        raise ValidationError({HEADER: [f"最多 {KEY_LENGTH} 个可见 ASCII 字符。"]})
    mine = IdempotencyKey.objects.filter(user=request.user, key=key)
    request.claim = Claim(_held(mine, token))
    try:
        row = _claim(request.user, key, _fingerprint(request), token)
    except Error:
        request.claim.release()
        raise
    if row.status_code is not None:
        return _repeat(row)
    request.claim.request_id = row.request_id
    failpoint("idempotency.claimed")
    return _run(view, request.claim, call, counting, atomic=atomic)


def _run(
    view: Any, claim: Claim, call: Callable[[], Response], counting: Scope, *, atomic: bool
) -> HttpResponse | Response:
    scope: Scope = transaction.atomic() if atomic else nullcontext()
    try:
        with counting, scope:
            response = call()
            failpoint("idempotency.answered")
            if not claim.is_stored:
                claim.store(response)
        return response
    except Exception as error:
        response = view.handle_exception(error)
    return claim.conclude(response)


def _claim(user: Any, key: str, digest: str, token: uuid.UUID) -> IdempotencyKey:
    """Return the key's row: with an answer to repeat, or claimed for this request.

    Raises: KeyReused, KeyInFlight, TooManyKeys.
    """
    mine = IdempotencyKey.objects.filter(user=user, key=key)
    row = mine.filter(created_at__gt=_forgotten_until()).first()
    if row is None:
        _refuse_too_many(user)
        try:
            with transaction.atomic():
                mine.filter(created_at__lte=_forgotten_until()).delete()
                return mine.create(
                    user=user,
                    key=key,
                    fingerprint=digest,
                    claim=token,
                    body=b"",
                    locked_until=Now() + LEASE,
                )
        except IntegrityError as error:
            raise KeyInFlight from error
    if row.fingerprint != digest:
        raise KeyReused
    if row.status_code is not None:
        return row
    free = _unanswered(mine).filter(locked_until__lte=Now())
    # Its age starts anew, or `purge` could take a key whose request runs.
    if not free.update(claim=token, locked_until=Now() + LEASE, created_at=Now()):
        raise KeyInFlight
    return row


def _held(mine: QuerySet[IdempotencyKey], token: uuid.UUID) -> QuerySet[IdempotencyKey]:
    return mine.filter(claim=token)


def _unanswered(rows: QuerySet[IdempotencyKey]) -> QuerySet[IdempotencyKey]:
    return rows.filter(status_code=None)


def _refuse_too_many(user: Any) -> None:
    """Refuse one more key of a caller who has as many as are kept; parallel ones may exceed it."""
    kept = IdempotencyKey.objects.filter(user=user, created_at__gt=_forgotten_until())
    newest = kept.order_by("-created_at").annotate(age=Now() - F("created_at"))
    most = settings.IDEMPOTENCY_MAX_KEYS
    for age in newest.values_list("age", flat=True)[most - 1 : most]:
        raise TooManyKeys(settings.IDEMPOTENCY_KEEP - age)


def _forgotten_until() -> Any:
    return Now() - settings.IDEMPOTENCY_KEEP


def _is_kept(status_code: int) -> bool:
    return status_code < status.HTTP_500_INTERNAL_SERVER_ERROR and status_code not in TRANSIENT


def _repeat(row: IdempotencyKey) -> HttpResponse:
    return HttpResponse(bytes(row.body), status=row.status_code, content_type="application/json")


def _fingerprint(request: Request) -> str:
    """A digest of method, path and parsed body, so that JSON's spacing does not matter."""
    data = request.data
    if hasattr(data, "lists"):
        data = dict(data.lists())
    body = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def purge() -> int:
    """Delete keys older than they are kept, in batches; return how many."""
    old = IdempotencyKey.objects.filter(created_at__lte=_forgotten_until()).order_by("created_at")
    gone = 0
    while True:
        batch = list(old.values_list("pk", flat=True)[:PURGED_AT_ONCE])
        gone += IdempotencyKey.objects.filter(pk__in=batch).delete()[0]
        if len(batch) < PURGED_AT_ONCE:
            return gone
