"""Each race twice, with its guards and without; what was found is printed at the end."""

import os
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.races.harness import RESULTS, Race
from tests.support.provider import Provider


@pytest.fixture(scope="package", autouse=True)
def quick_rounds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Do not wait for the disk at commits: what a commit survives is not asked here."""
    if connection.vendor != "postgresql":
        yield
        return
    request.getfixturevalue("django_db_setup")
    blocker = request.getfixturevalue("django_db_blocker")
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    yield
    with blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


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
