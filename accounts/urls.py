"""URLs below /accounts/, the balance's excepted."""

from django.urls import path

import feiqingsong.converters  # noqa: F401 (registers the converter used below)
from accounts import views

urlpatterns = [
    path("register/", views.RegisterView.as_view()),
    path("login/", views.LoginView.as_view()),
    path("logout/", views.LogoutView.as_view()),
    path("logoutall/", views.LogoutAllView.as_view()),
    path("password/", views.PasswordView.as_view()),
    path("password/reset/", views.PasswordResetView.as_view()),
    path("sessions/", views.SessionListView.as_view()),
    path("sessions/<pk:pk>/", views.SessionView.as_view()),
    path("me/", views.MeView.as_view()),
    path("doctors/", views.DoctorListView.as_view()),
    path("doctors/apply/", views.DoctorApplyView.as_view()),
    path("doctors/<username:username>/", views.DoctorDetailView.as_view()),
]
