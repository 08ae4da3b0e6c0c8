"""The wallet's URLs, below /accounts/balance/."""

from django.urls import path

from ledger import views

urlpatterns = [
    path("", views.BalanceView.as_view()),
    path("entries/", views.EntryListView.as_view()),
]
