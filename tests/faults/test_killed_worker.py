"""A worker killed in the middle of many payments: all are decided, none twice."""

import threading
import time
from collections.abc import Iterator

import pytest

from payments.models import Payment, PaymentState
from pingpp_sandbox.sandbox import Sandbox
from qaorder.models import Order, Status
from tests.faults.world import World
from tests.support.books import assert_settled
from tests.support.processes import Web, wait_until

pytestmark = [pytest.mark.slow]

ORDERS = 30
KILLS = 3
TRIES = 150


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    web = Web(running_sandbox, tmp_path_factory.mktemp("web"), workers=2, PINGPP_DEADLINE="3")
    yield web
    web.end()


class Payers:
    """Apps that try again after a lost answer or a 503, and then pay the charge."""

    def __init__(self, world: World, orders: list[Order]) -> None:
        self.world = world
        # Lists, because `+= 1` loses a count when two threads do it at once.
        self.lost: list[Order] = []
        self.paid: list[Order] = []
        self.threads = [threading.Thread(target=self._pay, args=(order,)) for order in orders]
        for thread in self.threads:
            thread.start()

    def wait_for(self, paid: int) -> None:
        wait_until(lambda: len(self.paid) >= paid, "payments do not go on", 60)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def _pay(self, order: Order) -> None:
        for _ in range(TRIES):
            answer = self.world.pay(order)()
            if answer is not None and answer.status_code == 200:
                self.world.collect(answer)
                self.paid.append(order)
                return
            assert answer is None or answer.status_code == 503, answer.text
            self.lost += [order] * (answer is None)
            time.sleep(0.2)


def test_workers_killed_among_thirty_payments(world: World):
    payers = Payers(world, [world.new_order() for _ in range(ORDERS)])

    for kill in range(KILLS):
        payers.wait_for(kill * ORDERS // (KILLS + 1))
        killed = time.monotonic()
        world.web.kill(world.web.workers()[-1])
        answer = world.by_doctor.call("get", "/accounts/me/")()
        assert answer is not None
        assert answer.status_code == 200
        assert time.monotonic() - killed < 10
    # What a killed worker was about to ask for is leased until then.
    world.time_passes(60)
    payers.join()
    world.wait_for_notices()
    world.recover()

    assert payers.lost
    assert len(payers.paid) == ORDERS
    assert Order.objects.filter(status=Status.PAID).count() == ORDERS
    assert Payment.objects.filter(state=PaymentState.PAID).count() == ORDERS
    assert_settled(world.provider, charges=ORDERS)
