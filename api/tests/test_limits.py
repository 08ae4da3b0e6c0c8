"""Counting against a limit: exact, all or nothing, by windows, whatever becomes of the request."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection, transaction

from api import limits
from api.errors import TooManyRequests
from api.limit_table import CHARGES, ORDERS, REGISTRATIONS
from api.models import LimitCount

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small(settings):
    settings.LIMIT_RATES = settings.LIMIT_RATES | {"ORDERS": (3, 60), "CHARGES": (1, 3600)}


def refusal(*wanted):
    with pytest.raises(TooManyRequests) as caught:
        limits.take(*wanted)
    return caught.value


def test_the_last_place_is_given_and_no_more(counting):
    for _ in range(3):
        limits.take((ORDERS, 1))

    refused = refusal((ORDERS, 1))

    assert (refused.status_code, refused.limit) == (429, "ORDERS")
    assert str(refused.detail) == ORDERS.detail
    assert 55 <= refused.wait <= 60
    assert counting.counts() == {"ORDERS": [3]}
    limits.take((ORDERS, 2))
    limits.take((REGISTRATIONS, 1))


def test_a_window_begins_with_its_first_event_and_a_refusal_does_not_lengthen_it(counting):
    limits.take((ORDERS, 1))
    counting.pass_time(40)
    limits.take((ORDERS, 1))
    limits.take((ORDERS, 1))
    first = refusal((ORDERS, 1)).wait
    counting.pass_time(15)
    second = refusal((ORDERS, 1)).wait

    counting.pass_time(6)

    assert 15 <= first <= 20
    assert 1 <= second <= 5
    for _ in range(3):
        limits.take((ORDERS, 1))
    assert 55 <= refusal((ORDERS, 1)).wait <= 60


def test_the_stores_own_clock_ends_a_window(counting, settings):
    settings.LIMIT_RATES = settings.LIMIT_RATES | {"CHARGES": (1, 1)}
    limits.take((CHARGES, 1))

    refused = refusal((CHARGES, 1))
    time.sleep(1.1)

    assert refused.wait == 1
    limits.take((CHARGES, 1))


def test_all_places_are_taken_or_none(counting):
    limits.take((CHARGES, 1))

    refused = refusal((ORDERS, 1), (CHARGES, 1))

    assert refused.limit == "CHARGES"
    assert counting.counts() == {"CHARGES": [1]}


def test_what_raises_is_not_counted_and_what_succeeds_is(counting):
    with pytest.raises(ZeroDivisionError), limits.counted((ORDERS, 1)):
        raise ZeroDivisionError

    with limits.counted((ORDERS, 1)):
        during = counting.counts()

    assert during == counting.counts() == {"ORDERS": [1]}


def test_a_place_given_back_last_leaves_no_window(counting):
    limits.take((ORDERS, 1)).give_back()
    counting.pass_time(30)

    for _ in range(3):
        limits.take((ORDERS, 1))

    assert 55 <= refusal((ORDERS, 1)).wait <= 60


def test_a_place_of_an_old_window_is_not_given_back_to_a_new_one(counting):
    old = limits.take((ORDERS, 1))
    counting.pass_time(61)
    time.sleep(0.01)  # or both windows would end in the same millisecond
    limits.take((ORDERS, 1))

    old.give_back()

    assert counting.counts() == {"ORDERS": [1]}


def test_a_lower_limit_holds_at_once(counting, settings):
    limits.take((ORDERS, 1))
    limits.take((ORDERS, 1))

    settings.LIMIT_RATES = settings.LIMIT_RATES | {"ORDERS": (2, 60)}

    assert refusal((ORDERS, 1)).wait


def test_off_means_that_nothing_is_counted(counting, settings):
    settings.LIMITS = False

    for _ in range(10):
        limits.take((ORDERS, 1)).give_back()
        limits.take((ORDERS, 1))

    assert counting.counts() == {}


def test_nobody_can_read_from_a_counter_whom_it_is_about(settings):
    settings.LIMITS = True

    limits.take((ORDERS, "a-password-in-the-wrong-field"))

    row = LimitCount.objects.values().get()
    assert len(row["key"]) == 64
    assert "password" not in str(row)


@pytest.mark.django_db(transaction=True)
def test_parallel_events_never_pass_the_limit(counting, settings):
    settings.LIMIT_RATES = settings.LIMIT_RATES | {"ORDERS": (5, 60), "CHARGES": (50, 60)}
    start = threading.Barrier(8)

    def one(_number):
        start.wait(10)
        try:
            limits.take((ORDERS, 1), (CHARGES, 1))
        except TooManyRequests:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(one, range(8)))

    assert sum(taken) == 5
    assert counting.counts() == {"ORDERS": [5], "CHARGES": [5]}


@pytest.mark.django_db(transaction=True)
def test_a_count_is_never_part_of_a_transaction_that_may_be_rolled_back(settings):
    settings.LIMITS = True

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        limits.take((ORDERS, 1))


def test_purging_takes_the_counters_that_are_over_and_only_those(settings, monkeypatch):
    settings.LIMITS = True
    monkeypatch.setattr("api.limit_stores.PURGE_BATCH", 2)
    for number in range(5):
        limits.take((ORDERS, number))
    LimitCount.objects.update(ends_at=1)
    limits.take((CHARGES, 1))
    limits.take((ORDERS, 0))

    purged = limits.purge()

    assert purged == 4
    assert sorted(LimitCount.objects.values_list("name", flat=True)) == ["CHARGES", "ORDERS"]


@pytest.fixture
def dead_redis(settings):
    """An address where Redis hangs: it takes connections and never answers."""
    settings.LIMITS = True
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield server


def test_while_redis_is_out_of_reach_the_database_counts(dead_redis, caplog):
    started = time.monotonic()
    places = [limits.take((ORDERS, 1)) for _ in range(3)]

    refused = refusal((ORDERS, 1))

    assert refused.limit == "ORDERS"
    # Asked once, not each time.
    assert time.monotonic() - started < 2.0
    assert [record.name for record in caplog.records] == ["feiqingsong.limits"]
    places[0].give_back()
    limits.take((ORDERS, 1))


@pytest.mark.parametrize("counting", ["redis"], indirect=True)
def test_a_place_that_redis_does_not_take_back_stays_taken(counting, caplog):
    place = limits.take((ORDERS, 1))
    (key,) = counting.redis.scan_iter(f"{settings.REDIS_PREFIX}:*")
    counting.redis.set(key, "of another type", keepttl=True)

    place.give_back()

    assert [record.name for record in caplog.records] == ["feiqingsong.limits"]
