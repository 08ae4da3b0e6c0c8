"""Django registration of the Ping++ sandbox (it has a command, but no models)."""

from django.apps import AppConfig


class PingppSandboxConfig(AppConfig):
    """Makes `manage.py pingpp_sandbox` available."""

    name = "pingpp_sandbox"
    label = "pingpp_sandbox"
    verbose_name = "Ping++ sandbox"
