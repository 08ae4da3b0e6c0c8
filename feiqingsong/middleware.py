"""The API speaks JSON whatever happens outside its views."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from feiqingsong import errors

HTML_PREFIXES = ("/admin/", "/static/", "/docs/")
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
        """Answer staff whose form waited in vain for a password hash; the API's views do so."""
        if not isinstance(exception, errors.Busy):
            return None
        headers = {"Retry-After": errors.RETRY_AFTER}
        plain = "text/plain; charset=utf-8"
        return HttpResponse(errors.BUSY, plain, exception.status_code, headers=headers)


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
