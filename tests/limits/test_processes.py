"""The limits where they must hold: several web processes on one database, with real hashes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from knox.models import AuthToken

from pingpp_sandbox.sandbox import Sandbox
from qaorder.models import Status
from tests.support.people import (
    PASSWORD,
    make_doctor,
    make_patient,
    order_in,
)
from tests.support.processes import Web, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

GUESSES = 12
LOGINS = 24
CLIENT_SECONDS = 30.0
READS = 10
READING_SECONDS = 30.0
"""For a busy machine: then the count of hashes says as much."""
HASHES_PER_READ = 8
"""With a thread for every login a read waits behind most of the LOGINS; bounded, behind two."""


@pytest.fixture(autouse=True)
def real_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]


@pytest.fixture(scope="module")
def two(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("two")
    web = Web(running_sandbox, folder, workers=2, LIMITS="on")
    yield web
    web.end()


@pytest.fixture(scope="module")
def one(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("one")
    web = Web(running_sandbox, folder, LIMITS="on", LIMIT_FAILED_LOGINS_ADDRESS="100000/900")
    yield web
    web.end()


def post(web: Web, path: str, body: dict[str, Any]) -> requests.Response:
    return requests.post(
        web.url + path, json=body, timeout=CLIENT_SECONDS, headers={"Connection": "close"}
    )


def log_in(web: Web, username: str, password: str) -> requests.Response:
    return post(web, "/accounts/login/", {"username": username, "password": password})


def test_parallel_guesses_at_two_processes_never_pass_the_limit(two: Web):
    user = make_patient().user

    with ThreadPoolExecutor(GUESSES) as pool:
        answers = list(pool.map(lambda n: log_in(two, user.username, f"guess{n}"), range(GUESSES)))
    right = log_in(two, user.username, PASSWORD)

    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * (GUESSES - 5)
    assert right.status_code == 429
    assert 800 < int(right.headers["Retry-After"]) <= 900
    assert two.bugs() == []


def test_a_patient_who_reads_does_not_wait_behind_many_logins(one: Web):
    names = [make_patient().user.username for _ in range(LOGINS)]
    reader = order_in(Status.ANSWERED, doctor=make_doctor()).patient.user
    headers = {"Authorization": f"Token {AuthToken.objects.create(reader)[1]}"}
    done: list[int] = []
    is_over = False

    def log_in_again_and_again(name: str) -> None:
        while not is_over:
            done.append(log_in(one, name, PASSWORD).status_code)
            if done[-1] == 503:
                time.sleep(1.0)

    def read() -> int:
        url = f"{one.url}/qaorder/order/patient/list/"
        return requests.get(url, headers=headers, timeout=CLIENT_SECONDS).status_code

    with ThreadPoolExecutor(LOGINS) as pool:
        running = [pool.submit(log_in_again_and_again, name) for name in names]
        try:
            wait_until(lambda: done.count(200) >= 4, "nobody logs in", 30.0)
            before = done.count(200)
            until = time.monotonic() + READING_SECONDS
            statuses: list[int] = []
            while len(statuses) < READS and time.monotonic() < until:
                statuses.append(read())
            hashed = done.count(200) - before
        finally:
            is_over = True
    for thread in running:
        thread.result()

    assert set(statuses) == {200}
    assert set(done) <= {200, 503}
    assert hashed < len(statuses) * HASHES_PER_READ
    assert one.bugs() == []
