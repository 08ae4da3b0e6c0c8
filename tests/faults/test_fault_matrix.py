"""The provider's faults, call by call: `matrix` says what must be, this makes it happen."""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.orders import expire_unpaid
from jobs.payments import inquire_about_silent
from payments import refunds
from payments.models import Payment, PaymentState, Refund, RefundStatus
from payments.refund_outbox import send_due
from qaorder.models import Order, Status
from tests.faults.matrix import (
    CELLS,
    COMMITTED,
    DOUBT,
    FAILED,
    FAULTS,
    OPEN,
    PENDING,
    UNASKED,
    Cell,
    cells,
)
from tests.support.books import assert_settled
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    place_order,
    refund,
)
from tests.support.provider import Provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DEADLINE = 0.6
SLACK = 1.0
UNHURRIED = 10.0
"""The deadline of the calls that are meant to work, also on a busy machine."""
LATER = 90
"""Seconds after which the provider no longer takes a repeated charge for the same one."""


class Bench:
    """A provider that fails on demand, and a patient's order."""

    def __init__(self, provider: Provider, settings: Any) -> None:
        self.provider, self.settings = provider, settings
        self.base = settings.PINGPP_API_BASE
        self.patient = make_patient()
        self.client = client_for(self.patient.user)
        self.order = place_order(self.patient, make_doctor())
        self.url = f"/qaorder/order/pay/{self.order.order_number}/"

    def pay(self) -> Any:
        return self.client.patch(self.url, {"channel": "alipay"})

    def paid(self) -> Order:
        """Pay the order and tell of it."""
        self.provider.pay_and_tell(self.pay().json()["charge"]["id"])
        return self.now(Status.PAID)

    def now(self, status: Status) -> Order:
        self.order.refresh_from_db()
        assert self.order.status == status
        return self.order

    def lose(self, operation: str, *, commit: bool) -> None:
        """Have the next such request end without an answer."""
        self.provider.sandbox.fault("drop", operation, commit=commit)

    def meeting(self, fault: str, operation: str, call: Callable[[], Any]) -> Any:
        """Make a call whose request of this kind meets the fault; it must be over in time."""
        options = FAULTS[fault]
        if options is None:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.settings.PINGPP_API_BASE = f"http://127.0.0.1:{probe.getsockname()[1]}"
        else:
            self.provider.sandbox.fault(operation=operation, **options)
        self.settings.PINGPP_READ_TIMEOUT = DEADLINE / 2
        self.settings.PINGPP_DEADLINE = DEADLINE
        started = time.monotonic()
        result = call()
        assert time.monotonic() - started < DEADLINE + SLACK
        assert options is None or not self.provider.sandbox.faults.shown(), "fault not met"
        self.provider.sandbox.clear_faults()
        self.settings.PINGPP_API_BASE = self.base
        self.settings.PINGPP_DEADLINE = self.settings.PINGPP_READ_TIMEOUT = UNHURRIED
        return result

    def later(self) -> None:
        """Everything that waits for its time is due."""
        now = timezone.now()
        self.provider.sandbox.advance(LATER)
        Refund.objects.update(next_try_at=now)
        Payment.objects.update(inquired_at=now - timedelta(minutes=6), next_try_at=None)
        Order.objects.update(next_try_at=None)


@pytest.fixture
def bench(provider, settings):
    settings.PINGPP_DEADLINE = settings.PINGPP_READ_TIMEOUT = UNHURRIED
    return Bench(provider, settings)


def test_the_matrix_has_a_cell_for_each_fault_call_and_try():
    tries = {(cell.call, cell.stage) for cell in CELLS}

    assert len(CELLS) == len(tries) * len(FAULTS) >= 54
    for call in ("charge", "refund", "retrieve charge", "retrieve refund"):
        assert {(call, "first"), (call, "again")} <= tries


def assert_unpayable_now(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.json() == {"status": -6, "message": "支付渠道暂不可用，请稍后重试"}
    assert answer.headers["Retry-After"]


def assert_attempt_is(state: str) -> None:
    payment = Payment.objects.get()
    assert payment.leased_until is None
    assert payment.charge_id is None
    expected = {
        UNASKED: (PaymentState.CREATING, False),
        DOUBT: (PaymentState.CREATING, True),
        FAILED: (PaymentState.FAILED, True),
    }
    assert (payment.state, payment.sent_at is not None) == expected[state]


def lose_the_try_before(bench: Bench, stage: str, operation: str, call: Callable[[], Any]) -> None:
    if stage != "first":
        bench.lose(operation, commit=stage == "lookup")
        call()
        bench.later()


@pytest.mark.parametrize("cell", [*cells("charge"), *cells("charge by jobs")], ids=str)
def test_charge(bench: Bench, cell: Cell):
    lose_the_try_before(bench, cell.stage, "charge.create", bench.pay)
    operation = "charge.list" if cell.stage == "lookup" else "charge.create"

    answer = bench.meeting(cell.fault, operation, bench.pay)

    assert_unpayable_now(answer)
    assert_attempt_is(cell.state)
    bench.now(Status.UNPAID)
    made = cell.stage == "lookup" or cell.fault in COMMITTED
    assert len(bench.provider.charges()) == made

    bench.later()
    if cell.call == "charge by jobs":
        inquire_about_silent()
        states = {True: PaymentState.PENDING, False: PaymentState.FAILED}
        assert Payment.objects.get().state == states[made]
    bench.paid()
    assert_settled(bench.provider, charges=1)


def assert_refund_is_open() -> None:
    row = Refund.objects.get()
    assert row.status == RefundStatus.OPEN
    assert row.finished_at is None
    assert row.failure_code
    assert row.next_try_at > timezone.now()


def assert_refunded_at_last(bench: Bench) -> None:
    bench.later()
    assert send_due() == 1
    assert Refund.objects.get().status == RefundStatus.SUCCEEDED
    bench.now(Status.CANCELLED)
    assert_settled(bench.provider, charges=1, refunds=1)


@pytest.mark.parametrize("cell", cells("refund"), ids=str)
def test_refund(bench: Bench, cell: Cell):
    refund(bench.paid())
    lose_the_try_before(bench, cell.stage, "refund.create", send_due)
    operation = "refund.list" if cell.stage == "lookup" else "refund.create"

    assert bench.meeting(cell.fault, operation, send_due) == 1

    if cell.state == FAILED:
        assert Refund.objects.get().status == RefundStatus.FAILED
        refunds.retry(Refund.objects.get())
        assert_refunded_at_last(bench)
        return
    assert cell.state == OPEN
    assert_refund_is_open()
    assert send_due() == 0
    made = cell.stage == "lookup" or cell.fault in COMMITTED
    assert len(bench.provider.refunds()) == made
    assert_refunded_at_last(bench)


@pytest.mark.parametrize("cell", cells("retrieve refund"), ids=str)
def test_retrieve_refund(bench: Bench, cell: Cell):
    refund(bench.paid())
    bench.provider.sandbox.script_refunds("pending")
    send_due()
    bench.provider.sandbox.settle_refund(Refund.objects.get().refund_id)
    bench.later()
    if cell.stage == "again":
        bench.lose("refund.retrieve", commit=False)
        send_due()
        bench.later()

    assert bench.meeting(cell.fault, "refund.retrieve", send_due) == 1

    assert cell.state == OPEN
    assert_refund_is_open()
    assert_refunded_at_last(bench)


def assert_attempt_is_pending(cell: Cell, bench: Bench) -> None:
    assert cell.state == PENDING
    assert Payment.objects.get().state == PaymentState.PENDING
    bench.now(Status.UNPAID)


@pytest.mark.parametrize("cell", cells("retrieve charge"), ids=str)
def test_retrieve_charge(bench: Bench, cell: Cell):
    bench.provider.pay(bench.pay().json()["charge"]["id"])
    bench.later()
    if cell.stage == "again":
        bench.lose("charge.retrieve", commit=False)
        inquire_about_silent()
        bench.later()

    assert bench.meeting(cell.fault, "charge.retrieve", inquire_about_silent) == 1

    assert_attempt_is_pending(cell, bench)
    bench.later()
    assert inquire_about_silent() == 1
    bench.now(Status.PAID)
    assert_settled(bench.provider, charges=1)


@pytest.mark.parametrize("cell", cells("retrieve at expiry"), ids=str)
def test_retrieve_at_expiry(bench: Bench, cell: Cell):
    charge_id = bench.pay().json()["charge"]["id"]
    overdue = bench.settings.ORDER_EXPIRY_GRACE + timedelta(seconds=1)
    Order.objects.update(pay_deadline=timezone.now() - overdue)
    in_time = timezone.now() - overdue - timedelta(minutes=1)
    bench.provider.pay(charge_id, time_paid=int(in_time.timestamp()))

    assert bench.meeting(cell.fault, "charge.retrieve", expire_unpaid) == 0

    assert_attempt_is_pending(cell, bench)
    bench.later()
    assert expire_unpaid() == 0
    bench.now(Status.PAID)
    assert_settled(bench.provider, charges=1)
