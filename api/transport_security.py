"""What browsers and the wire are held to: content security policies, and HTTPS for the API."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

HTTPS_ONLY = "请使用 HTTPS"
# A probe on this host asks without TLS, and sends nothing.
PROBES = ("/healthz", "/readyz")
PAGES = ("/admin/", "/docs/")

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Lets pages use this host's files, nothing inline; any other answer may load nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = OWN_FILES if _is_page(request.path) else NOTHING
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class HTTPSOnlyMiddleware:
    """Refuses plain HTTP where SecurityMiddleware does not redirect it.

    A redirect would have the client send its token or password a second time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.SECURE_SSL_REDIRECT or request.is_secure() or request.path in PROBES:
            return self.get_response(request)
        return JsonResponse(
            {"detail": HTTPS_ONLY},
            status=403,
            json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
            headers={"Cache-Control": "no-store"},
        )


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith(PAGES)
