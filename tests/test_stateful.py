"""Random users over the HTTP API against a small independent model of orders and money.

Orders, payments, notices that are delivered, doubled or lost, refunds that the provider refuses or
that somebody makes in its console, what staff do about them, and a clock that moves on and lets the
jobs run. After every step each order's status and each balance must be the model's.
`STATEFUL_EXAMPLES` and `STATEFUL_STEPS` make it run longer than in CI.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from knox.models import AuthToken

from api import errors
from audit.runner import INVARIANTS, audit
from jobs.runner import run_round
from payments import staff_acts
from payments.models import Discrepancy, Refund, RefundStatus
from qaorder import models
from tests.support.people import client_for, make_doctor, make_patient, make_user

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "12"))
STEPS = int(os.environ.get("STATEFUL_STEPS", "30"))
START = datetime(2026, 3, 1, 4, tzinfo=UTC)
PRICES = {"online": 1500, "monthly": 7000}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNPAID, PAID, WAITING, ANSWERED, FINISHED, EVALUATED, CANCELLED = range(7)

WAYS_OUT = ("retry_refund", "refund_to_balance", "settle_refund_outside")
TIMELESS = [invariant for invariant in INVARIANTS if invariant.code not in ("I14", "I40")]

numbers = st.integers(min_value=0, max_value=10**6)


@dataclass
class Order:
    """What the model knows of an order; money in fen."""

    number: str
    patient: int
    doctor: int
    kind: str
    amount: int
    deadline: datetime
    status: int = UNPAID
    since: datetime = START
    by_balance: bool = False
    question: int | None = None
    period: "Period | None" = None
    hidden: set[str] = field(default_factory=set)

    def move(self, status: int) -> None:
        self.status, self.since = status, timezone.now()


@dataclass
class Period:
    """A month of service the model gave; `used` once something was asked in it."""

    patient: int
    doctor: int
    start: datetime
    end: datetime
    used: bool = False


@dataclass
class Charge:
    """A charge the service handed out, and what became of it at the provider."""

    id: str
    order: Order | None
    patient: int
    amount: int
    expires: datetime
    paid_at: datetime | None = None
    event: dict[str, Any] | None = None
    booked: bool = False
    opened: bool = False
    in_console: bool = False


class Consultations(RuleBasedStateMachine):
    provider: Any = None

    @initialize()
    def start(self) -> None:
        self.clock = time_machine.travel(START, tick=True)
        self.traveller = self.clock.start()
        self.provider.sandbox.clear_faults()
        self.boss = make_user(is_staff=True, is_superuser=True)
        people = [make_patient(balance_fen=2000), make_patient()]
        self.people = [patient.user for patient in people]
        self.doctors = [make_doctor(), make_doctor()]
        self.patients = [client_for(patient.user) for patient in people]
        self.doctor_clients = [client_for(doctor.user) for doctor in self.doctors]
        AuthToken.objects.update(expiry=None)
        self.balances = [2000, 0]
        self.orders: list[Order] = []
        self.charges: list[Charge] = []
        self.periods: list[Period] = []

    def teardown(self) -> None:
        self.clock.stop()

    # What the model thinks.

    def running(self, patient: int, doctor: int) -> Period | None:
        now = timezone.now()
        pair = [p for p in self.periods if (p.patient, p.doctor) == (patient, doctor)]
        return next((p for p in pair if p.start <= now < p.end), None)

    def becomes_paid(self, order: Order, *, by_balance: bool) -> None:
        order.by_balance = by_balance
        order.move(PAID)
        if order.kind == "online" and order.period:
            order.period.used = True
        if order.kind == "monthly":
            now = timezone.now()
            pair = (order.patient, order.doctor)
            ends = [p.end for p in self.periods if (p.patient, p.doctor) == pair and p.end > now]
            start = max(ends, default=now)
            order.period = Period(*pair, start, start + 30 * DAY)
            self.periods.append(order.period)

    def gives_back(self, order: Order) -> None:
        if order.by_balance:
            self.balances[order.patient] += order.amount
        if order.kind == "monthly" and order.period:
            self.ends(order.period)
        order.move(CANCELLED)

    def ends(self, period: Period) -> None:
        """A period's money is back: it ends, later ones move up, its unopened free orders go."""
        end = period.end
        period.end = min(end, max(timezone.now(), period.start))
        for later in self.periods:
            pair = (later.patient, later.doctor) == (period.patient, period.doctor)
            if pair and later is not period and later.start >= end:
                later.start, later.end = (t - (end - period.end) for t in (later.start, later.end))
        for order in self.orders:
            if order.kind == "online" and order.period is period and order.status == UNPAID:
                order.move(CANCELLED)

    def book(self, charge: Charge) -> None:
        """A charge's money reaches us, once."""
        if charge.booked or charge.paid_at is None:
            return
        charge.booked = True
        if charge.order is None:
            self.balances[charge.patient] += charge.amount
        elif charge.order.status == UNPAID and charge.paid_at <= charge.order.deadline:
            charge.opened = True
            self.becomes_paid(charge.order, by_balance=False)

    def pick(self, number: int, *statuses: int) -> Order:
        """Any order, for the most part one in these statuses: refusals are worth trying too."""
        fitting = [o for o in self.orders if o.status in statuses] or self.orders
        pool = self.orders if number % 5 == 0 else fitting
        return pool[number % len(pool)]

    def expect(self, response: Any, *allowed: tuple[bool, int, int | None]) -> int:
        """The first case that applies decides HTTP status and refusal code; return the former."""
        for applies, status, code in allowed:
            if applies:
                assert response.status_code == status, response.content
                if code is not None:
                    assert response.json()["status"] == code
                return status
        raise AssertionError("no case applies")

    # What users do.

    @rule(patient=st.integers(0, 1), doctor=st.integers(0, 1), kind=st.sampled_from(list(PRICES)))
    def place(self, patient: int, doctor: int, kind: str) -> None:
        period = self.running(patient, doctor) if kind == "online" else None
        body = {"doctor": self.doctors[doctor].user.username, "order_type": kind}
        shown = self.patients[patient].post("/qaorder/order/create/", body).json()

        amount = 0 if period else PRICES[kind]
        assert shown["amount"] == f"{amount / 100:.2f}"
        deadline = timezone.now() + 72 * HOUR
        order = Order(shown["order_number"], patient, doctor, kind, amount, deadline)
        order.since = timezone.now()
        order.period = period
        self.orders.append(order)

    @precondition(lambda self: self.orders)
    @rule(number=numbers, channel=st.sampled_from(["wx", "alipay", "balance"]))
    def pay(self, number: int, channel: str) -> None:
        order = self.pick(number, UNPAID)
        url = f"/qaorder/order/pay/{order.number}/"
        response = self.patients[order.patient].patch(url, {"channel": channel})

        late = timezone.now() > order.deadline - timedelta(minutes=5)
        poor = channel == "balance" and self.balances[order.patient] < order.amount
        status = self.expect(
            response,
            ("patient" in order.hidden, 404, None),
            (order.status != UNPAID or late, 400, -2),
            (poor, 400, -5),
            (True, 200, 0),
        )
        if status != 200:
            return
        if channel == "balance" or order.amount == 0:
            assert response.json()["charge"] is None
            self.balances[order.patient] -= order.amount
            self.becomes_paid(order, by_balance=True)
        else:
            self.handed_out(response.json()["charge"], order, order.patient)

    @rule(patient=st.integers(0, 1), amount=st.integers(1, 9000), channel=st.sampled_from(["wx"]))
    def recharge(self, patient: int, amount: int, channel: str) -> None:
        body = {"amount": f"{amount // 100}.{amount % 100:02d}", "channel": channel}
        response = self.patients[patient].post("/accounts/balance/recharge/", body)

        assert response.status_code == 200, response.content
        self.handed_out(response.json()["charge"], None, patient)

    def handed_out(self, charge: dict[str, Any], order: Order | None, patient: int) -> None:
        known = next((c for c in self.charges if c.id == charge["id"]), None)
        if known is None:
            expires = datetime.fromtimestamp(charge["time_expire"], UTC)
            self.charges.append(Charge(charge["id"], order, patient, charge["amount"], expires))
        else:
            assert known.order is order

    @precondition(lambda self: self.orders)
    @rule(number=numbers)
    def ask(self, number: int) -> None:
        order = self.pick(number, PAID)
        body = {"order": order.number, "condition_description": "咳嗽"}
        response = self.patients[order.patient].post("/qaorder/question/create/", body)

        gone = "patient" in order.hidden
        status = self.expect(
            response, (gone, 400, None), (order.status == PAID, 201, None), (True, 400, -7)
        )
        if status == 201:
            order.question = response.json()["pk"]
            order.move(WAITING)
            if order.period:
                order.period.used = True

    @precondition(lambda self: any(o.question for o in self.orders))
    @rule(number=numbers)
    def answer(self, number: int) -> None:
        order = self.pick(number, WAITING)
        if order.question is None:
            return
        body = {"question": order.question, "diagnosis_result": "支气管炎"}
        response = self.doctor_clients[order.doctor].post("/qaorder/answer/create/", body)

        gone = "doctor" in order.hidden
        status = self.expect(
            response, (gone, 400, None), (order.status == WAITING, 201, None), (True, 400, -8)
        )
        if status == 201:
            order.move(ANSWERED)

    @precondition(lambda self: self.orders)
    @rule(number=numbers, by_doctor=st.booleans(), verb=st.sampled_from(["cancel", "finish"]))
    def move_along(self, number: int, by_doctor: bool, verb: str) -> None:
        source, target, code = {
            "cancel": (UNPAID, CANCELLED, -1),
            "finish": (ANSWERED, FINISHED, -4),
        }[verb]
        order = self.pick(number, source)
        client, gone = self.side(order, by_doctor)
        response = client.put(f"/qaorder/order/{verb}/{order.number}/")

        right = order.status == source
        if self.expect(response, (gone, 404, None), (right, 200, None), (True, 400, code)) == 200:
            order.move(target)

    def side(self, order: Order, by_doctor: bool) -> tuple[Any, bool]:
        if by_doctor:
            return self.doctor_clients[order.doctor], "doctor" in order.hidden
        return self.patients[order.patient], "patient" in order.hidden

    @precondition(lambda self: self.orders)
    @rule(number=numbers, scores=st.integers(1, 5))
    def evaluate(self, number: int, scores: int) -> None:
        order = self.pick(number, FINISHED)
        body = {"scores": scores, "content": "好评"}
        url = f"/qaorder/order/evaluate/{order.number}/"
        response = self.patients[order.patient].put(url, body)

        gone, right = "patient" in order.hidden, order.status == FINISHED
        if self.expect(response, (gone, 404, None), (right, 200, None), (True, 400, -3)) == 200:
            order.move(EVALUATED)

    @precondition(lambda self: self.orders)
    @rule(number=numbers, by_doctor=st.booleans())
    def give_back(self, number: int, by_doctor: bool) -> None:
        order = self.pick(number, PAID, WAITING)
        client, gone = self.side(order, by_doctor)
        verb = "refuse" if by_doctor else "refund"
        response = client.put(f"/qaorder/order/{verb}/{order.number}/", {"reason": "改期"})

        bought = order.kind == "monthly" and order.period is not None
        used = bool(bought and order.period and order.period.used)
        refused = order.status not in (PAID, WAITING) or (used and not by_doctor)
        if self.expect(response, (gone, 404, None), (refused, 400, -9), (True, 200, None)) == 200:
            self.gives_back(order)

    @precondition(lambda self: self.orders)
    @rule(number=numbers, by_doctor=st.booleans())
    def destroy(self, number: int, by_doctor: bool) -> None:
        order = self.pick(number, FINISHED, EVALUATED, CANCELLED)
        client, gone = self.side(order, by_doctor)
        response = client.delete(f"/qaorder/order/destroy/{order.number}/")

        cancels = order.status == UNPAID and not by_doctor
        over = order.status in (FINISHED, EVALUATED, CANCELLED)
        if (
            self.expect(
                response, (gone, 404, None), (cancels or over, 204, None), (True, 400, None)
            )
            == 204
        ):
            order.hidden.add("doctor" if by_doctor else "patient")
            if cancels:
                order.move(CANCELLED)

    # What the provider refuses, what is done in its console, and what staff do about it.

    @rule(times=st.integers(1, 2))
    def refuse_refunds(self, times: int) -> None:
        self.provider.sandbox.script_refunds("reject", times)

    @rule(number=numbers, is_part=st.booleans())
    def refund_in_the_console(self, number: int, is_part: bool) -> None:
        served = self.served()
        if not served:
            return
        charge = served[number % len(served)]
        charge.in_console = True
        made = self.provider.console_refund(charge.id, 500 if is_part else None)
        event = self.provider.sandbox.event("refund.succeeded", made)
        assert self.provider.deliver(event).json()["outcome"] == "differs"

    def served(self) -> list[Charge]:
        """Charges that opened an order which still is not cancelled."""
        return [
            charge
            for charge in self.charges
            if charge.booked
            and charge.order
            and charge.opened
            and not charge.in_console
            and charge.order.status not in (UNPAID, CANCELLED)
        ]

    @rule(number=numbers, verb=st.sampled_from(["accept", "dispute"]), by_doctor=st.booleans())
    def decide(self, number: int, verb: str, by_doctor: bool) -> None:
        ours = [charge.id for charge in self.charges]
        found = Discrepancy.objects.filter(charge_id__in=ours, resolved_at=None)
        rows = list(found.order_by("pk"))
        if not rows:
            return
        row = rows[number % len(rows)]
        order = next(c.order for c in self.charges if c.id == row.charge_id)
        assert order is not None
        bearer = {"bearer": "doctor" if by_doctor else "platform"} if verb == "accept" else {}
        try:
            staff_acts.request(
                f"{verb}_console_refund", row, actor=self.boss, reason="核实", **bearer
            )
        except (errors.StaffRefusal, errors.Refusal):
            # Our own refund is under way, or has taken it all already.
            assert (verb, order.status) == ("accept", CANCELLED)
            return
        all_back = models.Period.objects.filter(order__order_number=order.number)
        if verb == "accept" and order.status in (PAID, WAITING):
            self.gives_back(order)
        elif order.period and order.kind == "monthly" and all_back.exclude(refunded_at=None):
            self.ends(order.period)

    @rule(number=numbers, verb=st.sampled_from(WAYS_OUT))
    def end_failed(self, number: int, verb: str) -> None:
        failed = Refund.objects.filter(payment__payer__in=self.people, status=RefundStatus.FAILED)
        rows = list(failed.order_by("pk"))
        if not rows:
            return
        row = rows[number % len(rows)]
        staff_acts.request(verb, row, actor=self.boss, reason="核实")
        if verb == "refund_to_balance":
            self.balances[self.people.index(row.payment.payer)] += row.amount_fen

    # What the provider does, and time.

    @precondition(lambda self: any(c.paid_at is None for c in self.charges))
    @rule(number=numbers)
    def pay_charge(self, number: int) -> None:
        open_charges = [c for c in self.charges if c.paid_at is None]
        charge = open_charges[number % len(open_charges)]
        if charge.expires <= timezone.now() + timedelta(seconds=2):
            return
        self.provider.pay(charge.id)
        charge.event = self.provider.events("charge.succeeded")[-1]
        time_paid = charge.event["data"]["object"]["time_paid"]
        charge.paid_at = datetime.fromtimestamp(time_paid, UTC)

    @precondition(lambda self: any(c.event for c in self.charges))
    @rule(number=numbers, times=st.integers(1, 2))
    def deliver(self, number: int, times: int) -> None:
        """Any notice, old ones too; those never delivered are lost."""
        told = [c for c in self.charges if c.event]
        charge = told[number % len(told)]
        for _ in range(times):
            assert self.provider.deliver(charge.event).status_code == 200
        self.book(charge)

    @rule(hours=st.sampled_from([1, 5, 30, 50, 80, 200, 800]))
    def time_passes(self, hours: int) -> None:
        """The clock moves and the jobs catch up; lost notices are made good by asking."""
        self.traveller.shift(hours * HOUR)
        for _ in range(3):
            run_round()
        for charge in self.charges:
            self.book(charge)
        now = timezone.now()
        for order in self.orders:
            waited = now - order.since
            online = order.kind == "online"
            unasked = order.status == PAID and waited >= 7 * DAY
            unanswered = order.status == WAITING and waited >= 2 * DAY
            answered = order.status == ANSWERED and waited >= 7 * DAY
            is_over = order.status == PAID and order.period and order.period.end <= now
            if order.status == UNPAID and now > order.deadline + timedelta(minutes=15):
                order.move(CANCELLED)
            elif online and (unasked or unanswered):
                self.gives_back(order)
            elif answered or (is_over and not online):
                order.move(FINISHED)
        broken = {f.invariant.code: f.rows for f in audit(TIMELESS) if f.rows}
        assert not broken, broken

    @invariant()
    def statuses_and_balances_are_the_models(self) -> None:
        for order in getattr(self, "orders", ()):
            by_doctor = "patient" in order.hidden
            client, gone = self.side(order, by_doctor)
            response = client.get(f"/qaorder/order/detail/{order.number}/")
            if not gone:
                assert response.json()["status"] == order.status, order
        for patient, client in enumerate(getattr(self, "patients", ())):
            fen = self.balances[patient]
            shown = client.get("/accounts/balance/").json()["balance"]
            assert shown == f"{fen // 100}.{fen % 100:02d}"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_random_users_and_the_model_agree_after_every_step(provider: Any):
    Consultations.provider = provider

    run_state_machine_as_test(
        Consultations,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
