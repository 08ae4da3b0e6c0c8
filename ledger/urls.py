"""The wallet's URLs, below /accounts/balance/."""

from django.urls import path

from ledger.viewsets import BalanceViewSet

urlpatterns = [
    path("", BalanceViewSet.as_view({"get": "retrieve"})),
    path("entries/", BalanceViewSet.as_view({"get": "entries"})),
]
