"""A worker killed in the middle of many payments: all are decided, none twice."""

import functools
import threading
import time
from collections.abc import Iterator

import pytest

from pingpp_sandbox.sandbox import Sandbox
from qaorder.models import Order, Payment, PaymentState, Status
from tests.faults.books import assert_whole
from tests.faults.processes import Web, wait_until
from tests.faults.world import World

pytestmark = [pytest.mark.slow]

ORDERS = 30
KILLS = 3
TRIES = 40


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    web = Web(running_sandbox, tmp_path_factory.mktemp("web"), workers=2, PINGPP_DEADLINE="3")
    yield web
    web.end()


def _has(answered: list[Order], goal: int) -> bool:
    return len(answered) >= goal


def pay_until_paid(world: World, order: Order, answered: list[Order]) -> None:
    """What an app does: try again after a lost answer or a 503, then pay the charge."""
    for _ in range(TRIES):
        answer = world.pay(order)
        if answer is not None and answer.status_code == 200:
            answered.append(order)
            world.collect(answer)
            return
        assert answer is None or answer.status_code == 503, answer.text
        time.sleep(0.2)


def test_workers_killed_among_thirty_payments(world: World):
    orders = [world.order() for _ in range(ORDERS)]
    world.token(world.patient.user)
    answered: list[Order] = []
    threads = [
        threading.Thread(target=pay_until_paid, args=(world, order, answered)) for order in orders
    ]

    for thread in threads:
        thread.start()
    for kill in range(KILLS):
        goal = (kill + 1) * ORDERS // (KILLS + 2)
        enough = functools.partial(_has, answered, goal)
        wait_until(enough, "payments do not go on", 30)
        killed = time.monotonic()
        world.web.kill(world.web.workers()[-1])
        assert world.call(world.doctor.user, "GET", "/accounts/me/").status_code == 200
        assert time.monotonic() - killed < 5
    # What a killed worker was about to ask for is leased until then.
    world.time_passes(60)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()

    world.wait_for_notices()
    world.recover()
    assert len(answered) == ORDERS
    assert Order.objects.filter(status=Status.PAID).count() == ORDERS
    assert Payment.objects.filter(state=PaymentState.PAID).count() == ORDERS
    assert_whole(world.provider, charges=ORDERS)
