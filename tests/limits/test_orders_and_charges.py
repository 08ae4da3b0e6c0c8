"""What counts as an order or a charge, and that one payer leaves room for the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from api.models import IdempotencyKey
from payments.models import Payment
from payments.provider_places import ProviderPlaces
from qaorder.models import Order
from tests.limits.callers import create, pay, recharge
from tests.support.people import (
    age,
    client_for,
    make_doctor,
    make_patient,
    place_order,
    top_up,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rates(settings):
    """Sets limits by name."""

    def change(**changes):
        settings.LIMIT_RATES = settings.LIMIT_RATES | changes

    return change


@pytest.fixture
def on(settings):
    settings.LIMITS = True


def caller():
    return client_for(make_patient().user)


def test_a_repeated_answer_is_not_counted_and_a_refusal_is_not_kept(counting, rates):
    rates(ORDERS=(2, 600))
    client, doctor = caller(), make_doctor().user.username

    first = [create(client, doctor, **{"Idempotency-Key": "a"}) for _ in range(5)]
    second = create(client, doctor, **{"Idempotency-Key": "b"})
    refused = create(client, doctor, **{"Idempotency-Key": "c"})
    repeated = create(client, doctor, **{"Idempotency-Key": "a"})
    counting.pass_time(601)
    later = create(client, doctor, **{"Idempotency-Key": "c"})

    assert {answer.content for answer in (*first, repeated)} == {first[0].content}
    assert (first[0].status_code, second.status_code, refused.status_code) == (201, 201, 429)
    assert later.status_code == 201
    assert Order.objects.count() == 3


def test_a_repeated_charge_is_not_counted_and_a_refusal_is_not_kept(counting, rates, provider):
    rates(CHARGES=(1, 60))
    client = caller()

    first = [recharge(client, **{"Idempotency-Key": "a"}) for _ in range(3)]
    refused = recharge(client, **{"Idempotency-Key": "b"})
    kept = IdempotencyKey.objects.get(key="b").status_code
    counting.pass_time(61)
    later = recharge(client, **{"Idempotency-Key": "b"})

    assert {answer.content for answer in first} == {first[0].content}
    assert [answer.status_code for answer in (*first, refused, later)] == [200] * 3 + [429, 200]
    assert kept is None
    assert len(provider.charges()) == 2


def test_an_order_that_was_not_created_is_not_counted(counting, rates):
    rates(ORDERS=(1, 600))
    client, doctor = caller(), make_doctor().user.username

    bad = [create(client, name).status_code for name in ("", "nobody", "x" * 999)]
    keyed = create(client, "nobody", **{"Idempotency-Key": "a"}).status_code

    assert (bad, keyed) == ([400] * 3, 400)
    assert create(client, doctor).status_code == 201
    assert create(client, doctor).status_code == 429


def test_an_order_is_refused_before_anything_is_looked_at(on, rates, django_assert_max_num_queries):
    rates(ORDERS=(1, 600))
    client, doctor = caller(), make_doctor().user.username
    create(client, doctor)

    with django_assert_max_num_queries(6) as queries:
        assert create(client, doctor).status_code == 429

    assert "qaorder" not in str(queries.captured_queries)


def test_only_asking_the_provider_counts_as_a_charge(counting, rates, provider):
    rates(CHARGES=(1, 60))
    patient = make_patient()
    client, doctor = client_for(patient.user), make_doctor()
    order, other = place_order(patient, doctor), place_order(patient, doctor)

    first = [pay(client, order) for _ in range(3)]
    top_up(patient.user, 1500)
    by_balance = pay(client, other, "balance")
    refused = pay(client, order, "alipay")

    assert {answer.content for answer in first} == {first[0].content}
    assert [answer.status_code for answer in (*first, by_balance)] == [200] * 4
    assert refused.status_code == 429
    assert len(provider.charges()) == 1


def test_a_charge_that_the_provider_refuses_was_asked_for(counting, rates, provider):
    rates(CHARGES=(1, 60))
    client = caller()
    provider.sandbox.fault("status", "charge.create")

    failed, refused = recharge(client), recharge(client)

    assert (failed.status_code, refused.status_code) == (503, 429)


def test_a_refused_pay_call_can_be_made_as_soon_as_there_is_a_place(counting, rates, provider):
    rates(CHARGES=(1, 60))
    patient = make_patient()
    client, doctor = client_for(patient.user), make_doctor()
    order, other = place_order(patient, doctor), place_order(patient, doctor)
    pay(client, other)

    refused = pay(client, order)
    counting.pass_time(61)
    later = pay(client, order)

    assert (refused.status_code, later.status_code) == (429, 200)
    assert len(provider.charges()) == 2
    assert Payment.objects.filter(order=order).count() == 1


def test_a_refused_recharge_leaves_no_row(on, rates, provider):
    rates(CHARGES=(1, 60))
    client = caller()
    recharge(client)

    refused = [recharge(client).status_code for _ in range(3)]

    assert refused == [429] * 3
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("order_type", ["online", "monthly"])
def test_parallel_orders_never_pass_the_number_that_may_be_open(on, rates, order_type):
    rates(UNPAID_ORDERS=(3, None))
    patient, doctor = make_patient(), make_doctor().user.username
    clients = [client_for(patient.user) for _ in range(6)]
    start = threading.Barrier(6)

    def order(client):
        body = {"doctor": doctor, "order_type": order_type}
        start.wait(10)
        try:
            return client.post("/qaorder/order/create/", body).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(order, clients))

    assert answers == [201] * 3 + [429] * 3
    assert Order.objects.count() == 3


def test_open_orders_say_when_the_first_of_them_expires(on, rates, settings):
    rates(UNPAID_ORDERS=(2, None))
    patient = make_patient()
    client, doctor = client_for(patient.user), make_doctor()
    soon, _late = place_order(patient, doctor), place_order(patient, doctor)
    age(soon, pay_deadline=timedelta(minutes=-10))

    refused = create(client, doctor.user.username)

    grace = settings.ORDER_EXPIRY_GRACE.total_seconds()
    assert refused.status_code == 429
    assert 590 + grace <= int(refused.headers["Retry-After"]) <= 600 + grace


def test_an_overdue_order_that_the_clock_has_not_met_yet_still_says_when(on, rates):
    rates(UNPAID_ORDERS=(1, None))
    patient = make_patient()
    doctor = make_doctor()
    age(place_order(patient, doctor), pay_deadline=timedelta(days=1))

    refused = create(client_for(patient.user), doctor.user.username)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")


def test_many_calls_of_one_payer_leave_room_for_another(provider, settings):
    settings.PINGPP_READ_TIMEOUT = settings.PINGPP_DEADLINE = 6.0
    greedy = make_patient()
    clients = [client_for(greedy.user) for _ in range(12)]
    order = place_order(make_patient(), make_doctor())
    client = client_for(order.patient.user)
    provider.sandbox.fault("delay", "charge.create", times=None, seconds=1.4)

    def ask(client):
        try:
            return recharge(client)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, client) for client in clients]
        time.sleep(0.3)
        others = pay(client, order)
        answers = [future.result() for future in asked]

    statuses = sorted(answer.status_code for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert others.status_code == 200
    assert statuses.count(200) == settings.PINGPP_MAX_PER_USER
    assert {answer.json()["status"] for answer in refused} == {-6}
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert Payment.objects.filter(payer=greedy.user).count() == settings.PINGPP_MAX_PER_USER
    provider.sandbox.clear_faults()
    assert recharge(clients[0]).status_code == 200


def test_a_payer_without_a_share_keeps_the_attempt_for_the_next_try(provider, settings):
    settings.PINGPP_READ_TIMEOUT = settings.PINGPP_DEADLINE = 6.0
    settings.PINGPP_MAX_PER_USER = 1
    patient = make_patient()
    order = place_order(patient, make_doctor())
    clients = [client_for(patient.user) for _ in range(2)]
    provider.sandbox.fault("delay", "charge.create", seconds=1.0)

    def ask():
        try:
            return recharge(clients[0]).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        time.sleep(0.3)
        refused = pay(clients[1], order)
        assert asked.result() == 200

    assert (refused.status_code, refused.json()["status"]) == (503, -6)
    assert pay(clients[1], order).status_code == 200


def test_a_place_is_given_back_whatever_happens():
    places = ProviderPlaces()
    with places.hold(1, 1) as first, places.hold(1, 1) as second, places.hold(2, 1) as other:
        held = (first, second, other)

    with pytest.raises(ZeroDivisionError), places.hold(1, 1):
        raise ZeroDivisionError
    with places.hold(1, 1) as again:
        assert again

    assert held == (True, False, True)
    assert not places._held
