"""URLs below /accounts/, the balance's excepted."""

from django.urls import path

import api.converters  # noqa: F401 (registers the converter used below)
from accounts.viewsets import AccountViewSet, DoctorViewSet, MeViewSet, SessionViewSet

account, session = AccountViewSet.as_view, SessionViewSet.as_view
me, doctor = MeViewSet.as_view, DoctorViewSet.as_view

urlpatterns = [
    path("register/", account({"post": "register"})),
    path("login/", session({"post": "login"})),
    path("logout/", session({"post": "logout"})),
    path("logoutall/", session({"post": "logout_all"})),
    path("password/", account({"post": "change_password"})),
    path("password/reset/", account({"post": "reset_password"})),
    path("sessions/", session({"get": "list"})),
    path("sessions/<pk:pk>/", session({"delete": "destroy"})),
    path("me/", me({"get": "retrieve", "patch": "partial_update"})),
    path("doctors/", doctor({"get": "list"})),
    path("doctors/apply/", doctor({"post": "apply"})),
    path("doctors/<username:username>/", doctor({"get": "retrieve"})),
]
