"""`manage.py run_jobs`: does what the clock and the outbox owe; `--once` does one round."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from jobs.runner import run_round
from qaorder import worklist


class Command(BaseCommand):
    help = "Expiry, overdue refunds, automatic finish, refund sending, reconciliation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            run_round()
            return
        stop = worklist.stopping
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            run_round()
            stop.wait(settings.JOBS_INTERVAL)
        stop.clear()
