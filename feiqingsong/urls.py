"""All URLs. Whatever is not here is 404 JSON below /qaorder/ and /accounts/."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny

from api.views import DocsView, HomeView, SchemaView, UnknownURLView

_docs = DocsView.as_view(
    url_name="schema",
    authentication_classes=[],
    permission_classes=[AllowAny],
    content_negotiation_class=DefaultContentNegotiation,
)

urlpatterns = [
    path("", HomeView.as_view()),
    path("", include("payments.urls")),
    path("qaorder/", include("qaorder.urls")),
    path("accounts/balance/", include("ledger.urls")),
    path("accounts/", include("accounts.urls")),
    re_path(r"^(qaorder|accounts)(/|$)", UnknownURLView.as_view()),
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", _docs, name="docs"),
]
