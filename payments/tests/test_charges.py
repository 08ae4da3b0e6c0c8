"""Looking for a charge whose answer was lost: only where it can be, a bounded number of calls."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

import pingpp_client
from jobs import payments as sweeps
from payments import charges
from payments.models import Payment, PaymentState
from pingpp_client import client
from tests.support import people

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db(transaction=True)


def lost(provider, *, is_made):
    """An attempt that was sent just now and whose answer never came."""
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", commit=is_made)
    people.try_to_pay(order, "wx")
    provider.sandbox.clear_faults()
    return order.payments.get()


@pytest.fixture
def crowd(provider):
    """Makes so many charges of other customers in the channel, from a second on."""
    sandbox = provider.sandbox
    store, app = sandbox.store, sandbox.options.app_id
    sold = provider.create_charge("5555555500", "wx", 900)
    doc = json.dumps(sandbox.charges.stored(sold["id"]))
    store.run("DELETE FROM charges WHERE order_no = '5555555500'")

    def make(number, created, step=0.0):
        store.run(
            "WITH RECURSIVE other (n, id, created) AS ("
            " SELECT 0, 'ch_crowd0', ?1 UNION ALL SELECT n + 1, 'ch_crowd' || (n + 1),"
            " CAST(?1 + (n + 1) * ?2 AS INTEGER) FROM other WHERE n + 1 < ?3)"
            " INSERT INTO charges (id, order_no, app, channel, created, doc) SELECT id, 1, ?4,"
            " 'wx', created, json_set(?5, '$.id', id, '$.created', created) FROM other",
            *(created, step, number, app, doc),
        )

    yield make
    store.run("DELETE FROM charges WHERE id LIKE 'ch_crowd%'")


def listings(provider):
    return provider.sandbox.state()["requests"].get("charge.list", 0)


def search(payment):
    """What one search finds, as a sweep makes it, and whether it came to its end."""
    payment.refresh_from_db()
    try:
        return charges.find_charge(payment), True
    except pingpp_client.ProviderUnavailable as error:
        if error.kind != "too_long":
            raise
        return None, False


@pytest.mark.parametrize("is_made", [True, False])
def test_ten_thousand_later_charges_cost_nothing(provider, crowd, is_made):
    payment = lost(provider, is_made=is_made)
    later = int(timezone.now().timestamp()) + 600
    crowd(10_000, later, step=0.3)
    before = listings(provider)

    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        sweeps.inquire_about_silent()

    assert listings(provider) - before == 1
    payment.refresh_from_db()
    assert payment.state == (PaymentState.PENDING if is_made else PaymentState.FAILED)


def test_the_search_covers_every_time_the_provider_was_asked(provider):
    payment = lost(provider, is_made=False)
    first_sent_at = payment.sent_at
    long_ago = payment.created_at - timedelta(minutes=30)
    Payment.objects.update(sent_at=long_ago, last_sent_at=long_ago)
    provider.sandbox.fault("drop", "charge.create", commit=True)
    people.try_to_pay(payment.order, "wx")
    provider.sandbox.clear_faults()
    payment.refresh_from_db()
    assert (payment.sent_at, payment.last_sent_at > first_sent_at) == (long_ago, True)

    found, is_over = search(payment)

    assert is_over
    assert found["id"] == provider.charges()[-1]["id"]


@pytest.mark.parametrize(("offset", "is_found"), [(-119, True), (-121, False)])
def test_a_charge_from_before_the_first_try_is_not_ours(provider, offset, is_found):
    payment = lost(provider, is_made=True)
    created = int(payment.sent_at.timestamp()) + offset
    provider.sandbox.store.run(
        "UPDATE charges SET created = ? WHERE order_no = ?", created, payment.order_no
    )

    assert bool(search(payment)[0]) == is_found


@pytest.mark.parametrize(("offset", "is_found"), [(119, True), (125, False)])
def test_a_charge_is_looked_for_up_to_the_deadline_of_the_last_try(provider, offset, is_found):
    payment = lost(provider, is_made=True)
    created = int(payment.last_sent_at.timestamp()) + 3 + offset
    provider.sandbox.store.run(
        "UPDATE charges SET created = ? WHERE order_no = ?", created, payment.order_no
    )

    assert bool(search(payment)[0]) == is_found


@pytest.mark.parametrize("is_made", [True, False])
def test_a_long_search_goes_on_where_it_stopped_and_comes_to_an_end(
    provider, crowd, monkeypatch, is_made
):
    monkeypatch.setattr(client, "PAGE_SIZE", 2)
    monkeypatch.setattr(charges, "LOOKED_THROUGH", 6)
    payment = lost(provider, is_made=is_made)
    crowd(30, int(payment.last_sent_at.timestamp()) + 10, step=2)

    calls, is_over = [], False
    while not is_over and len(calls) < 20:
        before = listings(provider)
        found, is_over = search(payment)
        calls.append(listings(provider) - before)

    assert bool(found) == is_made
    assert 5 <= len(calls) <= 7
    assert max(calls) <= 4


def test_a_search_cut_off_by_a_slow_provider_keeps_what_it_has_seen(provider, crowd, monkeypatch):
    monkeypatch.setattr(client, "PAGE_SIZE", 2)
    payment = lost(provider, is_made=True)
    newest = int(payment.last_sent_at.timestamp()) + 30
    crowd(6, newest - 10, step=2)
    provider.sandbox.fault("delay", "charge.list", seconds=0.0)
    provider.sandbox.fault("status", "charge.list", status=502)

    with pytest.raises(pingpp_client.ProviderUnavailable):
        charges.find_charge(payment)

    payment.refresh_from_db()
    assert payment.search_until == datetime.fromtimestamp(newest - 2, UTC)
    assert search(payment)[0]["order_no"] == payment.order_no


def test_a_second_too_full_to_be_listed_is_stepped_over(provider, crowd, monkeypatch):
    monkeypatch.setattr(client, "PAGE_SIZE", 1)
    monkeypatch.setattr(client, "MAX_PAGES", 3)
    payment = lost(provider, is_made=False)
    crowd(9, int(payment.last_sent_at.timestamp()) + 10)

    ends = [search(payment)[1] for _ in range(3)]

    assert ends[-1] is True


def test_an_unfinished_search_is_no_failure_and_soon_goes_on(provider, crowd, monkeypatch):
    monkeypatch.setattr(client, "PAGE_SIZE", 1)
    monkeypatch.setattr(charges, "LOOKED_THROUGH", 2)
    payment = lost(provider, is_made=False)
    crowd(5, int(payment.last_sent_at.timestamp()) + 10, step=2)
    moment, rounds = payment.inquired_at, 0

    while payment.state == PaymentState.CREATING and rounds < 20:
        moment += sweeps.LOST_AFTER + SECOND
        with time_machine.travel(moment, tick=False):
            assert sweeps.inquire_about_silent() == 1
        payment.refresh_from_db()
        assert payment.failures == 0
        rounds += 1

    assert payment.state == PaymentState.FAILED
    assert 3 <= rounds <= 6


def test_another_try_is_searched_for_from_its_own_end(provider, crowd, monkeypatch):
    monkeypatch.setattr(client, "PAGE_SIZE", 1)
    monkeypatch.setattr(charges, "LOOKED_THROUGH", 1)
    payment = lost(provider, is_made=False)
    crowd(2, int(payment.last_sent_at.timestamp()) - 60, step=10)
    assert search(payment) == (None, False)

    charges.create_charge(payment, "127.0.0.1")

    payment.refresh_from_db()
    assert payment.search_until is None
    assert search(payment)[0]["order_no"] == payment.order_no
