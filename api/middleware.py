"""Around every view: the API speaks JSON whatever happens, and bodies are small."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import IO, Any

from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

from api import errors

HTML_PREFIXES = ("/admin/", "/static/", "/docs/")
MAX_BODY = 256 * 1024
"""Bytes of a body, for a view without a `max_body` of its own (contract, section 1: sizes)."""

MAX_DISCARDED = 16 * 1024 * 1024
_STEP = 64 * 1024
_DETAILS = {404: errors.NOT_FOUND, 413: errors.TOO_LARGE, 500: errors.BROKEN, 503: errors.BUSY}


class JsonErrorsMiddleware:
    """Replaces any HTML error outside the admin and the docs by the contract's JSON.

    Django answers some errors before a view is reached (unknown URL, bad Host header, a broken
    body), as HTML and with a debug page in development.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(HTML_PREFIXES):
            return self.get_response(request)
        if not _is_utf8(request):
            response: HttpResponse = _json(400, "请求必须使用 UTF-8 编码")
        else:
            response = self.get_response(request)
            if response.status_code >= 400 and _is_html(response):
                detail = _DETAILS.get(response.status_code, errors.UNREADABLE)
                response = _json(response.status_code, detail)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer staff who waited in vain for a lock or a password hash, or whose twin was quicker.

        The API's views do so themselves.
        """
        plain = "text/plain; charset=utf-8"
        if isinstance(exception, (errors.Busy, OperationalError, InterfaceError)):
            headers = {"Retry-After": errors.RETRY_AFTER}
            return HttpResponse(errors.BUSY, plain, errors.Busy.status_code, headers=headers)
        if isinstance(exception, IntegrityError):
            errors.log_bug(exception)  # which it is unless two submitted the same at once
            return HttpResponse(errors.TWICE, plain, 409)
        return None


class BodyLimitMiddleware:
    """Refuses a body over its view's `max_body` before anything parses or keeps it.

    Must stand before any middleware that reads bodies (CSRF does).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        _discard_rest(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        limit = getattr(view, "max_body", MAX_BODY)
        if _is_chunked(request):
            _take_chunks(request, limit)
        if _length(request) > limit:
            return _json(413, errors.TOO_LARGE)
        return None


def _length(request: HttpRequest) -> int:
    return int(request.META.get("CONTENT_LENGTH") or 0)


def _is_chunked(request: HttpRequest) -> bool:
    """Whether a body has no length, on a server that tells where it ends."""
    return "HTTP_TRANSFER_ENCODING" in request.META and "wsgi.input_terminated" in request.META


def _take_chunks(request: HttpRequest, limit: int) -> None:
    """Give a chunked body, which Django would take for none, a length.

    Of one that is too big no more is read than shows it; a broken one ends where it breaks.
    """
    body = b"".join(_pieces(request.META["wsgi.input"], limit + 1))
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def _discard_rest(request: HttpRequest) -> None:
    """Read what the view left, so that its sender gets to read the answer.

    A connection closed on unread data is reset, and the answer may be lost with it. Of a body far
    beyond any limit nothing is read.
    """
    if _is_chunked(request):
        source = request.META["wsgi.input"]
    elif _length(request) <= MAX_DISCARDED:
        source = request._stream
    else:
        return
    for _ in _pieces(source, MAX_DISCARDED):
        pass


def _pieces(source: IO[bytes], most: int) -> Iterator[bytes]:
    """Read at most so many bytes, to the end or to the first error."""
    # Every server has exceptions of its own for bad chunks and for clients that are gone.
    with suppress(Exception):
        while most > 0 and (piece := source.read(min(_STEP, most))):
            yield piece
            most -= len(piece)


def _is_utf8(request: HttpRequest) -> bool:
    charset = (request.content_params or {}).get("charset", "utf-8")
    return charset.lower().replace("_", "-") in ("utf-8", "utf8", "us-ascii", "ascii")


def _is_html(response: HttpResponse) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/")


def _json(status: int, detail: str) -> JsonResponse:
    return JsonResponse(
        {"detail": detail},
        status=status,
        json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
    )
