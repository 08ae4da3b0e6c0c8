"""Idempotency-Key: the same key, caller and body give the same status and bytes for 24 hours.

The key is claimed first, in a transaction of its own; its answer is stored in the transaction that
makes the effect final. A claim whose request died is free again when its lease ends.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from feiqingsong import limits
from feiqingsong.errors import TooManyRequests
from feiqingsong.failpoints import failpoint
from feiqingsong.limit_table import Limit
from qaorder.models import IdempotencyKey
from qaorder.models.idempotency import KEY_LENGTH

HEADER = "Idempotency-Key"
LEASE = timedelta(seconds=60)

Scope = AbstractContextManager[Any]


class KeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "该 Idempotency-Key 已用于另一个请求"


class KeyInFlight(APIException):
    """The first request with this key still runs."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "相同 Idempotency-Key 的请求正在处理，请稍后重试"
    wait = 2


class Claim:
    """A claimed key, to be completed with the answer in the effect's own transaction."""

    def __init__(self, row: IdempotencyKey | None) -> None:
        self.row = row
        self.is_stored = False

    def store(self, response: Response) -> None:
        """Keep the answer; call in the transaction that makes the effect final."""
        if self.row is not None:
            IdempotencyKey.objects.filter(pk=self.row.pk).update(
                status_code=response.status_code, body=JSONRenderer().render(response.data)
            )
        self.is_stored = True

    def release(self) -> None:
        """Forget the key, so that the request can be tried again."""
        if self.row is not None:
            self.row.delete()
        self.is_stored = True


def idempotent(
    *, atomic: bool = True, limit: Limit | None = None
) -> Callable[[Callable[..., Response]], Any]:
    """Decorate a view's handler to honour the header.

    With `atomic` the handler runs in one transaction with the stored answer. Without, for handlers
    that call the provider, the handler gets `request.claim` and stores within its own transaction.
    Answers of 5xx are never kept, nor a 429. With `limit` what succeeds is counted for the caller,
    outside that transaction; an answer that is repeated is not.
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
    key = request.headers.get(HEADER, "")
    if not key:
        request.claim = Claim(None)
        with counting:
            return call()
    row = _claim(request, key)
    if row.status_code is not None:
        return HttpResponse(
            bytes(row.body), status=row.status_code, content_type="application/json"
        )
    request.claim = Claim(row)
    failpoint("idempotency.claimed")
    return _run(view, request, call, counting, atomic=atomic)


def _run(
    view: Any, request: Any, call: Callable[[], Response], counting: Scope, *, atomic: bool
) -> Response:
    claim: Claim = request.claim
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
        if response.status_code < 500 and not isinstance(error, TooManyRequests):
            claim.store(response)
        else:
            claim.release()
        return response


def _claim(request: Any, key: str) -> IdempotencyKey:
    """Return the caller's row of this key: with an answer to repeat, or claimed for this request.

    Raises: KeyReused, KeyInFlight, ValidationError.
    """
    if len(key) > KEY_LENGTH or not key.isprintable() or not key.isascii():
        raise ValidationError({HEADER: [f"最多 {KEY_LENGTH} 个可见 ASCII 字符。"]})
    now = timezone.now()
    digest = _fingerprint(request)
    mine = IdempotencyKey.objects.filter(user=request.user, key=key)
    mine.filter(created_at__lte=now - settings.IDEMPOTENCY_KEEP).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(
                user=request.user, key=key, fingerprint=digest, body=b"", locked_until=now + LEASE
            )
    except IntegrityError:
        row = mine.first()
    if row is None:
        raise KeyInFlight
    if row.fingerprint != digest:
        raise KeyReused
    if row.status_code is None and not mine.filter(status_code=None, locked_until__lte=now).update(
        locked_until=now + LEASE
    ):
        raise KeyInFlight
    return row


def _fingerprint(request: Request) -> str:
    """A digest of method, path and parsed body, so that JSON's spacing does not matter."""
    data = request.data
    if hasattr(data, "lists"):
        data = dict(data.lists())
    body = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def purge() -> int:
    """Delete keys older than they are kept; return how many."""
    old = IdempotencyKey.objects.filter(created_at__lte=timezone.now() - settings.IDEMPOTENCY_KEEP)
    return old.delete()[0]
