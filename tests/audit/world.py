"""A small, sound world for the audit's self-test: every kind of row, made by the services."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Doctor, Patient
from feiqingsong.testing import factories
from ledger import services as ledger
from ledger.models import BalanceSnapshot, TransactionKind
from qaorder.lifecycle import TRANSITIONS, Event, Role
from qaorder.models import (
    Bearer,
    Channel,
    DiscrepancyKind,
    Notice,
    NoticeOutcome,
    Order,
    OrderType,
    Payment,
    PaymentState,
    Status,
)
from qaorder.payments import discrepancies, refund_answers, refunds
from qaorder.payments.settlement import PaidCharge, settle
from qaorder.services import orders
from tests.audit import world_staff as staff_side

World = dict[str, int]
_WRONG_FEN = 7


def build() -> World:
    """Make the world in the caller's transaction; return the primary keys by name."""
    patient = factories.make_patient(_name(), balance_fen=10_000)
    doctor = factories.make_doctor(_name())
    world: World = {"doctor": doctor.pk, "other_doctor": factories.make_doctor(_name()).pk}
    world["patient"], world["user"] = patient.pk, patient.user_id
    other = factories.make_patient(_name())
    world["other_patient"], world["other_user"] = other.pk, other.user_id
    for status in Status:
        world[status.name.lower()] = factories.order_in(status, patient, doctor).pk
    _provider_side(world, patient, doctor)
    _monthly_side(world, patient, doctor)
    staff_side.build(world)
    _snapshot(world)
    _every_move(factories.make_patient(_name()), doctor)
    free = factories.make_doctor(_name(), online_price_fen=0)
    world["zero"] = factories.order_in(Status.FINISHED, patient, free).pk
    for name in ("paid", "finished", "zero", "remote"):
        world[f"{name}_payment"] = _paid_with(world[name])
    return world


def _name() -> str:
    return f"selftest{secrets.token_hex(8)}"


def _provider_side(world: World, patient: Patient, doctor: Any) -> None:
    def order() -> Order:
        return factories.place_order(patient, doctor)

    remote = order()
    _collect(world, "remote", remote, order_no=remote.order_number)
    _collect(world, "twin", remote, order_no=remote.order_number)
    _back(refunds.refund_of(remote), world)
    waiting = order()
    world["pending_payment"] = _attempt(waiting, waiting.order_number, "pending", patient).pk
    world["pending"] = waiting.pk
    returned = order()
    _collect(world, "returned", returned, order_no=returned.order_number)
    world["open_refund"] = factories.refund(Order.objects.get(pk=returned.pk)).pk
    gift = factories.pay(order())
    world["back_refund"] = factories.refund(gift).pk
    recharge = _attempt(None, orders.new_order_number(patient), "recharge", patient)
    settle(_fact("recharge", recharge.order_no, recharge.amount_fen))
    world["recharge_payment"] = recharge.pk
    settle(_fact("stranger", "8888888888888", _WRONG_FEN))
    settle(_fact("wrong", waiting.order_number, _WRONG_FEN))
    _keep_records(world)


def _monthly_side(world: World, patient: Patient, doctor: Any) -> None:
    def paid() -> Order:
        return factories.order_in(Status.PAID, patient, doctor, OrderType.MONTHLY)

    monthly = paid()
    world["monthly"], world["period"] = monthly.pk, monthly.period.pk
    world["free"] = factories.order_in(Status.PAID, patient, doctor).pk
    returned = paid()
    world["monthly_refund"] = factories.refund(returned).pk
    world["monthly_refunded"], world["period_refunded"] = returned.pk, returned.period.pk
    lapsed = paid()
    orders.lapse_order(order=lapsed)
    world["lapsed"] = lapsed.pk
    used = paid()
    factories.answer(factories.ask(used))
    refunds.refund_completed(order=used, bearer=Bearer.DOCTOR, reason="x")
    world["monthly_used"] = used.pk


def _every_move(patient: Patient, doctor: Doctor) -> None:
    """What several may do, done by each of them; what is over then is hidden."""
    verbs: dict[Event, Callable[..., Any]] = {
        Event.CANCEL: orders.cancel_order,
        Event.REFUND: refunds.refund_order,
        Event.FINISH: orders.finish_order,
    }
    for (source, event), move in TRANSITIONS.items():
        for role in move.roles if event in verbs else ():
            verbs[event](order=factories.order_in(source, patient, doctor), role=role)
    for status in (Status.FINISHED, Status.EVALUATED, Status.CANCELLED):
        over = factories.order_in(status, patient, doctor)
        orders.destroy_order(order=over, role=Role.PATIENT, actor=patient.user)


def _snapshot(world: World) -> None:
    """A shared account of the self-test's own, so that no entry of others is in its snapshot."""
    account = ledger.clearing("selftest")
    for number, amount in enumerate((5, 7)):
        legs = {account: amount, ledger.platform(): -amount}
        booked = ledger.post(TransactionKind.ADJUSTMENT, f"selftest:{number}", legs)
        if not number:
            last = booked.entries.get(account=account).pk
            row = BalanceSnapshot.objects.create(account=account, last_entry=last, balance_fen=5)
            world["snapshot"] = row.pk


def _collect(world: World, name: str, order: Order, *, order_no: str) -> None:
    """Let the provider's money for the order arrive: the attempt, then what its notice says."""
    if not Payment.objects.filter(order_no=order_no).exists():
        _attempt(order, order_no, name, order.patient)
    settle(_fact(name, order_no, order.amount_fen))
    world[name] = order.pk
    world[f"{name}_payment"] = Payment.objects.get(charge_id=_charge_id(name)).pk


def _attempt(order: Order | None, order_no: str, name: str, patient: Patient) -> Payment:
    now = timezone.now()
    return Payment.objects.create(
        order=order,
        payer=patient.user,
        channel=Channel.WX,
        order_no=order_no,
        amount_fen=order.amount_fen if order else 500,
        state=PaymentState.PENDING,
        charge_id=_charge_id(name),
        asked_at=now,
        expires_at=now + timedelta(hours=2),
    )


def _fact(name: str, order_no: str, amount_fen: int) -> PaidCharge:
    return PaidCharge(_charge_id(name), order_no, Channel.WX, amount_fen, timezone.now())


def _charge_id(name: str) -> str:
    return f"ch_selftest_{name}"


def _back(refund: Any, world: World) -> None:
    """Let the provider return the money of a refund."""
    answer = {
        "id": f"re_selftest_{refund.pk}",
        "charge": refund.payment.charge_id,
        "amount": refund.amount_fen,
        "status": "succeeded",
    }
    refund_answers.record(refund.pk, answer)
    world["done_refund"] = refund.pk
    kind = DiscrepancyKind.REFUND_MISSED
    row = discrepancies.note(kind, answer["charge"], refund_id=answer["id"])
    world["missed_refund"] = row.pk


def _keep_records(world: World) -> None:
    for name, outcome in (("remote", NoticeOutcome.APPLIED), ("wrong", NoticeOutcome.HELD)):
        notice = Notice.objects.create(
            event_id=f"evt_selftest_{name}",
            type="charge.succeeded",
            object_id=_charge_id(name),
            outcome=outcome,
            digest="0" * 64,
        )
        world[f"{name}_notice"] = notice.pk
    discrepancies.note(DiscrepancyKind.MISSED, _charge_id("remote"))


def _paid_with(order_pk: int) -> int:
    pk = Order.objects.values_list("paid_with_id", flat=True).get(pk=order_pk)
    if pk is None:
        raise LookupError(order_pk)
    return pk
