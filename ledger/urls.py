"""The wallet's URLs, below /accounts/balance/."""

from django.urls import path

from ledger import viewsets

urlpatterns = [
    path("", viewsets.BalanceView.as_view()),
    path("entries/", viewsets.EntryListView.as_view()),
]
