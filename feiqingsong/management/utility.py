"""manage.py's commands: unhurried by the web's limits, and held off a demo's database."""

import re

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand
from django.db import connections

# These serve for ever, and must not hang in one statement.
SERVING = frozenset({"run_jobs", "runserver"})
# What staff need to look at, or to get rid of, a demo that came to production; all others refuse.
ALLOWED_ON_A_DEMO = frozenset(
    {
        "check",
        "collectstatic",
        "dbshell",
        "flush",
        "makemigrations",
        "migrate",
        "money_audit",
        "shell",
        "showmigrations",
    }
)
_HURRY = re.compile(r"-c (statement_timeout|idle_in_transaction_session_timeout)=\d+")


class Manage(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        if subcommand not in SERVING:
            _lift_timeouts()
        if subcommand not in ALLOWED_ON_A_DEMO:
            from feiqingsong import demo_guard

            demo_guard.refuse_outside_development()
        return command


def _lift_timeouts() -> None:
    """Let statements of this process take their time; waiting for locks stays bounded.

    A migration may read a big table for minutes, but while it waits for a lock everybody else
    waits behind it.
    """
    options = connections["default"].settings_dict["OPTIONS"]
    if "options" in options:
        options["options"] = _HURRY.sub(r"-c \1=0", options["options"])
