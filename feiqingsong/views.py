"""The views that belong to no app: the front page, the docs, and URLs that do not exist."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import View
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.views import APIView


class HomeView(View):
    """Where everything is, for developers; production has no front page."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if not settings.DEVELOPMENT:
            raise Http404
        return render(request, "feiqingsong/home.html", {"sandbox": settings.PINGPP_API_BASE})


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI with its script and its styles in files, as the content policy wants them."""

    template_name = "feiqingsong/docs.html"


@extend_schema(exclude=True)
class UnknownURLView(APIView):
    """401 first, as everywhere, then 404 for any method; a missing slash is an unknown URL."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
