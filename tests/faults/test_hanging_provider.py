"""A provider that hangs holds up nobody else: not other endpoints, not other jobs."""

import statistics
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.runner import run_round
from payments.models import Payment, Refund, RefundStatus
from pingpp_sandbox.sandbox import Sandbox
from qaorder.models import Order, Status
from tests.faults.world import World
from tests.support.books import assert_settled
from tests.support.people import (
    age,
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
    refund,
)
from tests.support.processes import Jobs, Web
from tests.support.provider import Provider

pytestmark = [pytest.mark.slow]

PAYS = 24
DEADLINE = 4.0
SLACK = 4.0
"""For a busy machine; a service without bulkhead and deadline takes several deadlines."""
LIST = "/qaorder/order/doctor/list/"


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    limits = {"PINGPP_READ_TIMEOUT": "6", "PINGPP_DEADLINE": str(DEADLINE)}
    limits["PINGPP_MAX_PER_USER"] = str(PAYS)  # one patient stands for many
    web = Web(running_sandbox, tmp_path_factory.mktemp("web"), workers=2, **limits)
    yield web
    web.end()


def timed_pays(world: World, orders: list[Order]) -> tuple[list[threading.Thread], list[tuple]]:
    answers: list[tuple] = []

    def pay(order: Order) -> None:
        started = time.monotonic()
        answer = world.pay(order)()
        answers.append((answer, time.monotonic() - started))

    threads = [threading.Thread(target=pay, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    return threads, answers


@pytest.mark.parametrize("orders", ["of many patients", "the same one"])
def test_lists_are_answered_while_every_pay_call_hangs(world: World, orders):
    number = PAYS if orders == "of many patients" else 1
    placed = [world.new_order() for _ in range(number)]
    world.by_doctor.call("get", LIST)()
    world.sandbox.fault("hang", times=None)

    threads, answers = timed_pays(world, placed * (PAYS // number))
    waits = []
    while any(thread.is_alive() for thread in threads):
        started = time.monotonic()
        assert world.by_doctor.call("get", LIST)().status_code == 200
        waits.append(time.monotonic() - started)
        time.sleep(0.05)

    assert len(answers) == PAYS
    for answer, seconds in answers:
        assert answer.status_code == 503
        assert answer.json()["status"] == -6
        assert answer.headers["Retry-After"]
        assert seconds < DEADLINE + SLACK
    assert len(waits) >= 10
    assert max(waits) < DEADLINE
    assert statistics.median(waits) < 1
    world.sandbox.clear_faults()
    world.time_passes(60)
    world.collect(world.pay(placed[0])())
    world.wait_for_notices()
    world.now(placed[0], Status.PAID)


@pytest.mark.django_db(transaction=True)
def test_a_pay_call_that_must_look_first_has_one_deadline_for_both(provider: Provider, settings):
    settings.PINGPP_DEADLINE = settings.PINGPP_READ_TIMEOUT = 3.0
    patient = make_patient()
    order = place_order(patient, make_doctor())
    client, url = client_for(patient.user), f"/qaorder/order/pay/{order.order_number}/"
    provider.sandbox.fault("drop", "charge.create")
    client.patch(url, {"channel": "alipay"})

    provider.sandbox.fault("delay", "charge.list", seconds=2.7)
    provider.sandbox.fault("hang", "charge.create")
    started = time.monotonic()
    answer = client.patch(url, {"channel": "alipay"})

    assert answer.status_code == 503
    assert time.monotonic() - started < 5.0
    provider.sandbox.clear_faults()
    provider.pay_and_tell(client.patch(url, {"channel": "alipay"}).json()["charge"]["id"])
    assert_settled(provider, charges=1)


def owe_much(provider: Provider, each: int) -> None:
    """Owe so many refunds, questions about silent and lost charges, and expiries."""
    doctor = make_doctor()
    orders = []
    for _ in range(4 * each):
        patient = make_patient()
        order = place_order(patient, doctor)
        url = f"/qaorder/order/pay/{order.order_number}/"
        charge = client_for(patient.user).patch(url, {"channel": "alipay"}).json()["charge"]
        orders.append((order, charge["id"]))
    for order, charge_id in orders[:each]:
        provider.pay_and_tell(charge_id)
        refund(order)
    for order, _ in orders[each : 2 * each]:
        age(order, pay_deadline=timedelta(hours=1))
    lost = Payment.objects.filter(order__in=[order for order, _ in orders[2 * each : 3 * each]])
    lost.update(state="creating", charge_id=None, charge="", leased_until=None)
    Payment.objects.update(inquired_at=timezone.now() - timedelta(minutes=6))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["hang", "drip", "drop"])
def test_a_round_of_jobs_does_not_wait_for_each_row_in_turn(provider: Provider, settings, kind):
    settings.PINGPP_DEADLINE = 0.5
    owe_much(provider, 5)
    finished = order_in(Status.ANSWERED)
    age(finished, status_at=settings.ORDER_FINISH_WINDOW + timedelta(minutes=1))

    provider.sandbox.fault(kind, times=None, seconds=0.1 if kind == "drip" else None)
    started = time.monotonic()
    run_round()

    # Three calls by each sweep and one by the comparison, whatever number of rows is due.
    assert time.monotonic() - started < 13 * settings.PINGPP_DEADLINE + SLACK
    finished.refresh_from_db()
    assert finished.status == Status.FINISHED
    assert Order.objects.filter(status=Status.UNPAID).count() == 15

    provider.sandbox.clear_faults()
    settings.PINGPP_DEADLINE = 3.0
    for _ in range(2):
        Payment.objects.update(inquired_at=timezone.now() - timedelta(minutes=6), next_try_at=None)
        Order.objects.update(next_try_at=None)
        Refund.objects.update(next_try_at=timezone.now())
        run_round()
    assert not Refund.objects.exclude(status=RefundStatus.SUCCEEDED)
    assert Order.objects.filter(status=Status.UNPAID).count() == 10
    assert_settled(provider, charges=20, refunds=5)


@pytest.fixture(scope="module")
def jobs() -> Jobs | None:
    """Nobody runs jobs here."""
    return None
