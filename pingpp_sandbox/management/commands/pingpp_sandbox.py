"""`manage.py pingpp_sandbox`: the local Ping++ stand-in as a process of its own."""

import ipaddress
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pingpp_sandbox.sandbox import Sandbox


class Command(BaseCommand):
    """Serves the sandbox until SIGTERM or SIGINT; development only."""

    help = "Serve the local Ping++ sandbox (development only)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Host and port."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=None)

    def handle(self, *args: Any, host: str, port: int | None, **options: Any) -> None:
        """Serve in the foreground."""
        if not settings.DEBUG:
            raise CommandError("The Ping++ sandbox runs with DEBUG only.")
        if not _is_loopback(host):
            raise CommandError("The Ping++ sandbox binds to a loopback address only.")
        sandbox = _sandbox(host, settings.SANDBOX_PORT if port is None else port)
        try:
            sandbox.start()
        except OSError as error:
            sandbox.stop()
            raise CommandError(f"Cannot listen on {host}: {error.strerror}.") from error
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        self.stdout.write(f"Ping++ sandbox at {sandbox.url}/")
        self.stdout.flush()
        stopping.wait()
        sandbox.stop()


def _sandbox(host: str, port: int) -> Sandbox:
    return Sandbox(
        Path(settings.SANDBOX_DIR),
        host=host,
        port=port,
        api_key=settings.PINGPP_API_KEY,
        app_id=settings.PINGPP_APP_ID,
        webhook_url=settings.SANDBOX_WEBHOOK_URL,
        time_scale=settings.SANDBOX_TIME_SCALE,
        # The apps' document is older than `reversed`: its sample of a charge has none.
        emit_reversed=False,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # The server speaks IPv4 only.
    return address.version == 4 and address.is_loopback
