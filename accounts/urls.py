"""URLs below /accounts/, the balance's excepted."""

from django.urls import path

import api.converters  # noqa: F401 (registers the converter used below)
from accounts import viewsets

urlpatterns = [
    path("register/", viewsets.RegisterView.as_view()),
    path("login/", viewsets.LoginView.as_view()),
    path("logout/", viewsets.LogoutView.as_view()),
    path("logoutall/", viewsets.LogoutAllView.as_view()),
    path("password/", viewsets.PasswordView.as_view()),
    path("password/reset/", viewsets.PasswordResetView.as_view()),
    path("sessions/", viewsets.SessionListView.as_view()),
    path("sessions/<pk:pk>/", viewsets.SessionView.as_view()),
    path("me/", viewsets.MeView.as_view()),
    path("doctors/", viewsets.DoctorListView.as_view()),
    path("doctors/apply/", viewsets.DoctorApplyView.as_view()),
    path("doctors/<username:username>/", viewsets.DoctorDetailView.as_view()),
]
