"""HTTP conventions of all apps; its rows are the limits' counters and the idempotency keys."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "接口"
