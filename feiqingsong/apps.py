"""The app that holds what belongs to the project as a whole."""

from django.apps import AppConfig


class FeiqingsongConfig(AppConfig):
    name = "feiqingsong"
    verbose_name = "肺轻松"
