"""What every test run shares: the Ping++ sandbox, and loud words about what was skipped."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client

from accounts.models import User
from api import failpoints
from pingpp_sandbox.sandbox import Sandbox
from tests.support import database
from tests.support.limits import Counting
from tests.support.people import make_user
from tests.support.provider import Provider

POSTGRES_REASON = "needs PostgreSQL"
REDIS_REASON = "needs Redis"
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
# What a test may need beyond Python: the reason it is skipped for, and how to have it run.
NEEDS = {
    POSTGRES_REASON: "DATABASE_URL=postgres://… pytest，或 make test",
    REDIS_REASON: "TEST_REDIS_URL=redis://… pytest",
    "needs nginx": "apt install nginx-light openssl",
    "needs the package index": "网络或 PIP_INDEX_URL",
    "needs node": "apt install nodejs",
    "needs Chromium": "apt install chromium，再 make setup-dev",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if connection.vendor == "postgresql":
        return
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason=POSTGRES_REASON))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for need, remedy in NEEDS.items():
        if skipped := sum(need in reason for reason in reasons):
            what = need.removeprefix("needs ")
            terminalreporter.write_line(
                f"!! {skipped} 个需要 {what} 的测试被跳过；运行它们: {remedy}",
                yellow=True,
                bold=True,
            )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """After the usual set-up: tests that commit are cleared away quickly."""
    with django_db_blocker.unblock():
        database.delete_instead_of_flush()


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        api_key=django_settings.PINGPP_API_KEY,
        app_id=django_settings.PINGPP_APP_ID,
        time_scale=0.001,
    ) as sandbox:
        yield sandbox


@pytest.fixture
def provider(running_sandbox: Sandbox, settings: Any) -> Iterator[Provider]:
    """The sandbox behind the real SDK for this test; no notice is sent unless the test does."""
    settings.PINGPP_API_BASE = running_sandbox.url
    settings.PINGPP_PRIVATE_KEY = running_sandbox.keys.merchant_private
    settings.PINGPP_PUBLIC_KEY = running_sandbox.keys.pingpp_public
    provider = Provider(running_sandbox)
    yield provider
    provider.reset()


@pytest.fixture
def boss(client: Client) -> User:
    """A member of staff who may everything, signed in at the admin's pages."""
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture(params=["database", "redis"])
def counting(request: pytest.FixtureRequest, settings: Any) -> Iterator[Counting]:
    """The limits turned on, counting in the database and in Redis; its time can be moved."""
    settings.LIMITS = True
    if request.param == "database":
        yield Counting(None)
        return
    settings.REDIS_URL = REDIS_URL
    settings.REDIS_PREFIX = f"test-{uuid.uuid4()}"
    counting = Counting(redis.Redis.from_url(REDIS_URL, decode_responses=True))
    try:
        counting.redis.ping()
    except redis.RedisError:
        pytest.skip(REDIS_REASON)
    yield counting
    counting.forget()


@pytest.fixture(autouse=True)
def no_failpoints_left() -> Iterator[None]:
    yield
    failpoints.hooks.clear()
