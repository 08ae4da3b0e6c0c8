"""Each race twice, with its guards and without; what was found is printed at the end."""

import os
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.races.harness import RESULTS, Race
from tests.support.provider import Provider

UNTOUCHED = ("django_migrations", "django_content_type", "auth_permission")


@pytest.fixture(scope="package", autouse=True)
def quick_rounds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Do not wait for the disk: at commits, and when a test's few rows are deleted again.

    A TRUNCATE of every table takes a second; what a commit survives is not asked here.
    """
    if connection.vendor != "postgresql":
        yield
        return
    request.getfixturevalue("django_db_setup")
    blocker = request.getfixturevalue("django_db_blocker")
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    patch = pytest.MonkeyPatch()
    patch.setattr(connection.ops, "sql_flush", _deletes)
    patch.setattr("django.core.management.commands.flush.emit_post_migrate_signal", _nothing)
    with blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    yield
    with blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET synchronous_commit")
    patch.undo()


def _deletes(style: object, tables: list[str], **_options: object) -> list[str]:
    # "replica" suspends foreign keys and the ledger's append-only triggers.
    return [
        "SET session_replication_role = replica",
        *(f'DELETE FROM "{table}"' for table in sorted(set(tables) - set(UNTOUCHED))),
        "SET session_replication_role = DEFAULT",
    ]


def _nothing(*_args: object, **_kwargs: object) -> None:
    """Content types and permissions are kept, so there is nothing to make again."""


@pytest.fixture(params=[True, False], ids=["guarded", "unguarded"])
def guarded(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def race(guarded: bool) -> Race:
    """A race without the provider."""
    return Race(guarded=guarded)


@pytest.fixture
def provider_race(guarded: bool, provider: Provider) -> Race:
    """A race whose money goes through the provider, whose book must agree in the end."""
    return Race(guarded=guarded, provider=provider)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get("RACE_ROUNDS") or not RESULTS:
        return
    terminalreporter.section("races: violated / rounds")
    by_name: dict[str, dict[bool, str]] = {}
    for result in RESULTS:
        found = f"{result.violated:>4} /{result.rounds:>4}"
        by_name.setdefault(result.name, {})[result.guarded] = found
    for name, found_by in by_name.items():
        guarded, unguarded = found_by.get(True, "–"), found_by.get(False, "–")
        terminalreporter.write_line(f"guarded {guarded}   unguarded {unguarded}   {name}")
