"""Ping++ charges, refunds and signatures in our words; `transport` does the sending."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import connections

from pingpp_client import sdk, transport
from pingpp_client.signature import is_signed_by, public_keys

Json = dict[str, Any]

PAGE_SIZE = 100
MAX_PAGES = 100
MAX_LISTING_SECONDS = 120.0
REFUSALS = {
    401: "authentication",
    402: "channel",
    403: "rate_limited",
    404: "not_found",
    429: "rate_limited",
}
REFUSED_WHATEVER_THE_BODY = {401, 402, 403, 429}
OUTCOME_UNKNOWN = {408}
OUT_OF_REACH = {"deadline", "timeout", "connection", "busy"}

logger = logging.getLogger("feiqingsong.pingpp")


class ProviderError(Exception):
    """A provider call did not give an answer; safe to log and to show to staff.

    `kind` is our word for what happened, `code` the provider's error code, if it gave one.
    """

    def __init__(
        self, operation: str, kind: str, *, http_status: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(f"{operation}: {kind} (http={http_status} code={code})")
        self.operation = operation
        self.kind = kind
        self.http_status = http_status
        self.code = code

    @property
    def hangs(self) -> bool:
        """Whether the provider took long or was out of reach: sweeps leave the rest for later."""
        return self.kind in OUT_OF_REACH


class ProviderRefused(ProviderError):
    """The provider said no: it certainly did not do what was asked."""


class ProviderUnavailable(ProviderError):
    """No answer to rely on. The provider may have done it, unless `sent` is False."""

    def __init__(self, operation: str, kind: str, *, sent: bool = True, **details: Any) -> None:
        super().__init__(operation, kind, **details)
        self.sent = sent


class CallInTransaction(RuntimeError):
    """A bug in the caller: the provider must not be called inside a database transaction."""


def create_charge(
    *,
    order_no: str,
    channel: str,
    amount_fen: int,
    subject: str,
    body: str,
    client_ip: str,
    metadata: dict[str, str],
    time_expire: int | None,
) -> Json:
    """Open a charge for the client to pay; return it as received.

    Raises: ProviderRefused (`code` charge_order_no_used: paid before), ProviderUnavailable.
    """
    params: Json = {
        "order_no": order_no,
        "app": {"id": settings.PINGPP_APP_ID},
        "channel": channel,
        "amount": amount_fen,
        "client_ip": client_ip,
        "currency": "cny",
        "subject": subject,
        "body": body,
        "extra": {},
        "metadata": metadata,
    }
    if time_expire is not None:
        params["time_expire"] = time_expire
    answered = _has(order_no=order_no, amount=amount_fen, channel=channel)
    return _call("create_charge", "post", "/v1/charges", params, answered)


def retrieve_charge(charge_id: str) -> Json:
    """Return the charge as the provider has it now; its `paid` is proof of payment.

    Raises: ProviderRefused (`kind` not_found), ProviderUnavailable.
    """
    return _call("retrieve_charge", "get", _path(charge_id), {}, _has(id=charge_id))


def reverse_charge(charge_id: str) -> Json:
    """Close an unpaid charge (not possible with alipay).

    Raises: ProviderRefused, ProviderUnavailable.
    """
    return _call("reverse_charge", "post", _path(charge_id) + "/reverse", {}, _has(id=charge_id))


def list_charges(
    *,
    created_gte: int,
    created_lte: int | None = None,
    channel: str | None = None,
    paid: bool | None = None,
) -> Iterator[Json]:
    """Yield the charges created in the given time, newest first, fetching page by page.

    Units: unix seconds.  Raises: as iterated, ProviderRefused, ProviderUnavailable (`kind`
    too_long past MAX_PAGES or MAX_LISTING_SECONDS: ask for a shorter time).
    """
    created = {"gte": created_gte, "lte": created_lte}
    # The SDK would send True as the text "True", and leaves out None.
    paid_text = None if paid is None else str(paid).lower()
    app = {"id": settings.PINGPP_APP_ID}
    filters = {"app": app, "created": created, "channel": channel, "paid": paid_text}
    return _pages("list_charges", "/v1/charges", filters)


def create_refund(
    *, charge_id: str, amount_fen: int, description: str, metadata: dict[str, str]
) -> Json:
    """Send money of a charge back; `status` of the answer may be pending or failed.

    Asking again refunds again, so after ProviderUnavailable look for it with list_refunds.
    Raises: ProviderRefused, ProviderUnavailable.
    """
    params = {"amount": amount_fen, "description": description, "metadata": metadata}
    answered = _has(amount=amount_fen, charge=charge_id)
    return _call("create_refund", "post", _path(charge_id) + "/refunds", params, answered)


def list_refunds(charge_id: str) -> list[Json]:
    """Return all refunds of a charge, newest first.

    Raises: ProviderRefused, ProviderUnavailable.
    """
    return list(_pages("list_refunds", _path(charge_id) + "/refunds", {}))


def retrieve_refund(*, charge_id: str, refund_id: str) -> Json:
    """Return the refund as the provider has it now.

    Raises: ProviderRefused (`kind` not_found), ProviderUnavailable.
    """
    path = f"{_path(charge_id)}/refunds/{_id(refund_id)}"
    return _call("retrieve_refund", "get", path, {}, _has(id=refund_id, charge=charge_id))


def _id(text: str) -> str:
    # The SDK lets "" and ".." through, which address something else.
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("not a provider id")
    return text


def _path(charge_id: str) -> str:
    return f"/v1/charges/{_id(charge_id)}"


def _has(**expected: object) -> Callable[[Json], bool]:
    def check(answer: Json) -> bool:
        return (
            bool(answer.get("id"))
            and isinstance(answer["id"], str)
            and all(answer.get(name) == value for name, value in expected.items())
        )

    return check


def _is_page(answer: Json) -> bool:
    items, more = answer.get("data"), answer.get("has_more")
    return (
        isinstance(items, list)
        and all(isinstance(item, dict) and _has()(item) for item in items)
        and (more is False or more is True and items != [])
    )


def _pages(operation: str, path: str, filters: Json) -> Iterator[Json]:
    cursor: Json = {}
    seconds = 0.0
    for _ in range(MAX_PAGES):
        started = time.monotonic()
        page = _call(operation, "get", path, {**filters, "limit": PAGE_SIZE, **cursor}, _is_page)
        seconds += time.monotonic() - started
        yield from page["data"]
        if not page["has_more"]:
            return
        cursor = {"starting_after": page["data"][-1]["id"]}
        if seconds > MAX_LISTING_SECONDS:
            break
    raise ProviderUnavailable(operation, "too_long")


def _call(
    operation: str, method: str, path: str, params: Json, answered: Callable[[Json], bool]
) -> Json:
    _refuse_inside_transaction(operation)
    started = time.monotonic()
    outcome, status = "unexpected", None
    try:
        exchange = _send(operation, method, path, params)
        status, answer = exchange.status, exchange.data
        if not isinstance(answer, dict) or "error" in answer or not answered(answer):
            code = _code(exchange.body)
            raise ProviderUnavailable(operation, "bad_answer", http_status=status, code=code)
        outcome = "ok"
    except ProviderError as error:
        outcome, status = f"{type(error).__name__} {error.kind} {error.code}", error.http_status
        raise
    finally:
        milliseconds = (time.monotonic() - started) * 1000
        level = logging.INFO if outcome == "ok" else logging.WARNING
        logger.log(level, "%s http=%s ms=%d %s", operation, status, milliseconds, outcome)
    return answer


def _send(operation: str, method: str, path: str, params: Json) -> transport.Exchange:
    try:
        keys = public_keys()
        exchange = transport.exchange(method, path, params)
    except sdk.ConfigurationError as error:
        logger.error("%s", error)
        raise ProviderUnavailable(operation, "configuration", sent=False) from None
    # An answer without a signature is believed, as TLS vouches for it and the provider's front
    # servers answer without. One that has a signature must be right, refusals included.
    signed = keys and exchange.signature and exchange.body is not None
    if signed and not is_signed_by(keys, exchange.body or b"", exchange.signature):
        raise ProviderUnavailable(operation, "bad_signature", http_status=exchange.status)
    if exchange.failure is not None:
        raise _error(operation, exchange)
    return exchange


def _error(operation: str, exchange: transport.Exchange) -> ProviderError:
    status = exchange.status
    if exchange.failure != "answer" or status is None:
        kind = exchange.failure or "bad_answer"
        return ProviderUnavailable(operation, kind, sent=exchange.sent, http_status=status)
    envelope = _envelope(exchange.body)
    code = _code(exchange.body)
    is_refusal = 400 <= status < 500 and status not in OUTCOME_UNKNOWN
    if is_refusal and (envelope is not None or status in REFUSED_WHATEVER_THE_BODY):
        kind = REFUSALS.get(status, "invalid_request")
        return ProviderRefused(operation, kind, http_status=status, code=code)
    kind = "server_error" if status >= 500 else "redirect" if 300 <= status < 400 else "bad_answer"
    return ProviderUnavailable(operation, kind, http_status=status, code=code)


def _envelope(body: bytes | None) -> object:
    try:
        answer = json.loads(body or b"null")
    except (ValueError, RecursionError):
        return None
    return answer.get("error") if isinstance(answer, dict) else None


def _code(body: bytes | None) -> str | None:
    error = _envelope(body)
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and re.fullmatch(r"\w{1,64}", code) else None


def _refuse_inside_transaction(operation: str) -> None:
    for connection in connections.all(initialized_only=True):
        # Django's TestCase holds some open around each test; those are no transaction of ours.
        theirs = [getattr(block, "_from_testcase", False) for block in connection.atomic_blocks]
        if connection.in_atomic_block and not all(theirs):
            raise CallInTransaction(f"{operation} inside a database transaction")
