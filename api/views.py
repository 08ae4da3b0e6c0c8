"""The views that belong to no app: front page, docs, OpenAPI document, URLs that do not exist."""

import gzip
import hashlib
from functools import cache
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.views.generic import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

JSON = ("application/json", OpenApiJsonRenderer.media_type)
YAML = ("application/yaml", OpenApiYamlRenderer.media_type, "text/yaml", "application/x-yaml")
_making = Lock()


class HomeView(View):
    """Where everything is, for developers; production has no front page."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if not settings.DEVELOPMENT:
            raise Http404
        return render(request, "api/home.html", {"sandbox": settings.PINGPP_API_BASE})


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI with its script and its styles in files, as the content policy wants them."""

    template_name = "api/docs.html"


@extend_schema(exclude=True)
class UnknownURLView(APIView):
    """401 first, as everywhere, then 404 for any method; a missing slash is an unknown URL."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404


@extend_schema(exclude=True)
class SchemaView(APIView):
    """The OpenAPI document, JSON or YAML by `?format=` or Accept; made once in each process."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def get(self, request: Request) -> HttpResponseBase:
        media_type = _media_type(request._request)
        is_zipped = "gzip" in request.headers.get("Accept-Encoding", "")
        with _making:
            document, etag = _document(media_type in YAML, is_zipped)
        headers = {
            "Content-Type": media_type,
            "ETag": etag,
            "Vary": "Accept, Accept-Encoding",
            "Cache-Control": "no-cache",
        }
        headers |= {"Content-Encoding": "gzip"} if is_zipped else {}
        response = HttpResponse(document, headers=headers)
        return get_conditional_response(request._request, etag=etag, response=response) or response


def _media_type(request: HttpRequest) -> str:
    wanted = {"json": JSON, "yaml": YAML}.get(request.GET.get("format", ""))
    return request.get_preferred_type([*(wanted or JSON + YAML)]) or (wanted or JSON)[0]


@cache
def _document(is_yaml: bool, is_zipped: bool) -> tuple[bytes, str]:
    """Return the document and its ETag."""
    if is_zipped:
        document = gzip.compress(_document(is_yaml, False)[0], mtime=0)
    else:
        renderer = OpenApiYamlRenderer() if is_yaml else OpenApiJsonRenderer()
        document = renderer.render(_schema(), renderer_context={})
    return document, f'"{hashlib.sha256(document).hexdigest()}"'


@cache
def _schema() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document
