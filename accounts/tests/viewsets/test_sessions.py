"""GET /accounts/sessions/ and DELETE /accounts/sessions/${pk}/, and how long tokens live."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Session
from tests.support.people import PASSWORD, make_patient

URL = "/accounts/sessions/"
ME = "/accounts/me/"
DAY = timedelta(days=1)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
pytestmark = pytest.mark.django_db


def log_in(user):
    body = {"username": user.username, "password": PASSWORD}
    answer = APIClient().post("/accounts/login/", body).json()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer['token']}")
    return client, answer


def works(client):
    return client.get(ME).status_code == 200


@pytest.fixture
def user():
    return make_patient().user


def test_every_device_is_listed_with_exactly_its_keys_the_last_used_first(user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        first, _ = log_in(user)
        clock.shift(60)
        second, answer = log_in(user)
        log_in(make_patient().user)

        response = second.get(URL)

    rows = response.json()
    assert response.status_code == 200
    assert [list(row) for row in rows] == [
        ["pk", "create_time", "last_used", "expiry", "is_current"]
    ] * 2
    assert [row["is_current"] for row in rows] == [True, False]
    assert rows[0]["expiry"] == answer["expiry"]
    assert all(TIME.fullmatch(row[key]) for row in rows for key in list(row)[1:4])
    assert [row["is_current"] for row in first.get(URL).json()] == [False, True]


def test_the_pk_says_nothing_of_the_token(user):
    client, answer = log_in(user)

    (row,) = client.get(URL).json()

    assert isinstance(row["pk"], int)
    assert row["pk"] < 2**31
    assert AuthToken.objects.get().digest not in client.get(URL).content.decode()


def test_ending_one_leaves_the_others(user):
    mine, _ = log_in(user)
    other, _ = log_in(user)
    pk = other.get(URL).json()[0]["pk"]

    response = mine.delete(f"{URL}{pk}/")

    again = mine.delete(f"{URL}{pk}/")
    assert (response.status_code, response.content) == (204, b"")
    assert (works(mine), works(other)) == (True, False)
    assert (again.status_code, again.content) == (404, b'{"detail":"Not found."}')


def test_ending_the_current_one_is_logging_out(user):
    client, _ = log_in(user)

    response = client.delete(f"{URL}{client.get(URL).json()[0]['pk']}/")

    assert response.status_code == 204
    assert not works(client)


def test_a_strangers_session_is_404_like_none(user):
    mine, _ = log_in(user)
    theirs, _ = log_in(make_patient().user)
    pk = theirs.get(URL).json()[0]["pk"]

    answers = [mine.delete(f"{URL}{number}/") for number in (pk, 10**15, 0)]

    assert {(a.status_code, a.content) for a in answers} == {(404, b'{"detail":"Not found."}')}
    assert works(theirs)


def test_of_too_many_devices_the_one_used_longest_ago_dies(user, settings):
    settings.MAX_SESSIONS = 3
    with time_machine.travel(timezone.now(), tick=False) as clock:
        clients = []
        for _ in range(3):
            clients.append(log_in(user)[0])
            clock.shift(60)
        stranger, _ = log_in(make_patient().user)
        clock.shift(3600)
        used = works(clients[0])

        clients.append(log_in(user)[0])

        assert used
        assert [works(client) for client in clients] == [True, False, True, True]
        assert len(clients[3].get(URL).json()) == 3
        assert works(stranger)


def test_twenty_devices_are_kept(user):
    clients = [log_in(user)[0] for _ in range(22)]

    assert AuthToken.objects.filter(user=user).count() == 20
    assert works(clients[-1])


@pytest.mark.parametrize(("days", "alive"), [(29.9, True), (30.1, False)])
def test_a_token_dies_thirty_days_after_its_last_use(user, days, alive):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, _ = log_in(user)
        clock.shift(20 * DAY)
        assert works(client)
        clock.shift(days * DAY)

        assert works(client) == alive


def test_a_token_dies_after_180_days_however_often_it_is_used(user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, _ = log_in(user)
        for _ in range(17):
            clock.shift(10 * DAY)
            assert works(client)
        clock.shift(9.9 * DAY)
        (row,) = client.get(URL).json()
        clock.shift(0.2 * DAY)

        assert not works(client)
        assert row["expiry"] < timezone.localtime().isoformat()


def test_the_age_counts_even_if_the_row_says_otherwise(user):
    client, _ = log_in(user)
    AuthToken.objects.update(expiry=timezone.now() + 9 * DAY, created=timezone.now() - 181 * DAY)

    assert not works(client)


def test_the_list_shows_what_is_nearer_of_both_ends(user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, answer = log_in(user)
        created = timezone.now()
        AuthToken.objects.update(created=created - 160 * DAY)
        clock.shift(3600)
        (row,) = client.get(URL).json()

    nearer = timezone.localtime(created + 20 * DAY).replace(tzinfo=None)
    assert row["expiry"] == nearer.isoformat(timespec="microseconds")


def test_use_is_noted_at_most_every_quarter_of_an_hour(user, django_assert_num_queries):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, _ = log_in(user)
        clock.shift(14 * 60)
        with django_assert_num_queries(1):
            client.get(ME)
        unnoted = Session.objects.get().last_used_at
        clock.shift(2 * 60)
        client.get(ME)
        noted = Session.objects.get().last_used_at
        with django_assert_num_queries(1):
            client.get(ME)

        assert noted - unnoted == timedelta(minutes=16)
        assert noted == timezone.now()


def test_a_token_from_before_sessions_gets_one_when_it_is_used(user):
    _, token = AuthToken.objects.create(user)
    AuthToken.objects.update(created=timezone.now() - DAY)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    (row,) = client.get(URL).json()

    assert row["is_current"]


def test_a_token_ended_while_it_is_used_stays_ended(user):
    client, _ = log_in(user)
    Session.objects.update(last_used_at=timezone.now() - DAY)

    client.post("/accounts/logout/")

    assert not AuthToken.objects.exists()
    assert not Session.objects.exists()
