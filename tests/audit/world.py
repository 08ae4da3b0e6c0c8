"""A small, sound world: every kind of row and every way of money, made by the services."""

from collections.abc import Callable
from typing import Any

from accounts.models import Doctor, Patient
from ledger import services as ledger
from ledger.models import BalanceSnapshot, Entry, TransactionKind
from payments import refunds
from payments.models import Bearer, DiscrepancyKind, NoticeOutcome, Payment
from payments.reconcile import discrepancies
from qaorder import orders
from qaorder.lifecycle import TRANSITIONS, Event, Role
from qaorder.models import Order, OrderType, Status
from tests.audit import told, world_staff
from tests.support import people

Keys = dict[str, int]
_WRONG_FEN = 7


def build() -> Keys:
    """Make the world in the caller's transaction; return the primary keys by name."""
    patient, doctor = people.make_patient(balance_fen=10_000), people.make_doctor()
    keys: Keys = {
        status.name.lower(): people.order_in(status, patient, doctor).pk for status in Status
    }
    _people(keys, patient)
    _charges(keys, patient, doctor)
    _odd_charges(keys, patient, doctor)
    _months(keys, patient, doctor)
    world_staff.build(keys, people.make_patient(), doctor)
    _snapshot(keys)
    _every_move(people.make_patient(), doctor)
    free = people.make_doctor(online_price_fen=0)
    keys["zero"] = people.order_in(Status.FINISHED, patient, free).pk
    for name in ("paid", "finished", "zero"):
        keys[f"{name}_payment"] = Payment.objects.get(opened_order=keys[name]).pk
    return keys


def _people(keys: Keys, patient: Patient) -> None:
    wallet, other = ledger.wallet(patient.user), people.make_patient()
    keys["user"], keys["wallet"] = patient.user_id, wallet.pk
    keys["wallet_entry"] = Entry.objects.filter(account=wallet).earliest("pk").pk
    keys["other_patient"], keys["other_user"] = other.pk, other.user_id
    keys["other_doctor"] = people.make_doctor().pk


def _charges(keys: Keys, patient: Patient, doctor: Doctor) -> None:
    """One order paid twice under one number, one that waits, one refunded, and a recharge."""
    remote = people.place_order(patient, doctor)
    keys["remote"] = remote.pk
    keys["remote_payment"] = told.paid("remote", patient, remote).pk
    told.collect("twin", remote.order_number, remote.amount_fen)
    keys["twin_payment"] = Payment.objects.get(charge_id=told.charge_id("twin")).pk
    double = refunds.refund_of(remote)
    assert double is not None
    told.say(double, "succeeded", "twin")
    keys["done_refund"] = double.pk
    kind, charge_id = DiscrepancyKind.REFUND_MISSED, told.charge_id("twin")
    missed = discrepancies.note(kind, charge_id, refund_id=told.refund_id("twin"))
    keys["missed_refund"] = missed.pk
    returned = people.place_order(patient, doctor)
    keys["returned_payment"] = told.paid("returned", patient, returned).pk
    keys["open_refund"] = people.refund(Order.objects.get(pk=returned.pk)).pk
    keys["returned"] = returned.pk
    keys["back_refund"] = people.refund(people.order_in(Status.PAID, patient, doctor)).pk
    keys["recharge_payment"] = told.paid("recharge", patient).pk


def _odd_charges(keys: Keys, patient: Patient, doctor: Doctor) -> None:
    """Money of nobody and of a wrong amount; what notices and reconciliation did is kept."""
    waiting = people.place_order(patient, doctor)
    keys["pending_payment"] = told.attempt("pending", patient, waiting).pk
    told.collect("stranger", "8888888888888", _WRONG_FEN)
    told.collect("wrong", waiting.order_number, _WRONG_FEN)
    keys["remote_notice"] = told.notice("charge", "remote", NoticeOutcome.APPLIED).pk
    told.notice("charge", "wrong", NoticeOutcome.HELD)
    discrepancies.note(DiscrepancyKind.MISSED, told.charge_id("remote"))


def _months(keys: Keys, patient: Patient, doctor: Doctor) -> None:
    def month() -> Order:
        return people.order_in(Status.PAID, patient, doctor, OrderType.MONTHLY)

    monthly = month()
    keys["monthly"], keys["period"] = monthly.pk, monthly.period.pk
    keys["free"] = people.order_in(Status.PAID, patient, doctor).pk
    returned = month()
    keys["monthly_refund"] = people.refund(returned).pk
    keys["monthly_refunded"], keys["period_refunded"] = returned.pk, returned.period.pk
    orders.lapse_order(order=month())
    used = month()
    people.answer(people.ask(used))
    refunds.refund_completed(order=used, bearer=Bearer.DOCTOR, reason="x")


def _every_move(patient: Patient, doctor: Doctor) -> None:
    """What several may do, done by each of them; what is over then is hidden."""
    verbs: dict[Event, Callable[..., Any]] = {
        Event.CANCEL: orders.cancel_order,
        Event.REFUND: refunds.refund_order,
        Event.FINISH: orders.finish_order,
    }
    for (source, event), move in TRANSITIONS.items():
        for role in move.roles if event in verbs else ():
            verbs[event](order=people.order_in(source, patient, doctor), role=role)
    for status in (Status.FINISHED, Status.EVALUATED, Status.CANCELLED):
        over = people.order_in(status, patient, doctor)
        orders.destroy_order(order=over, role=Role.PATIENT, actor=patient.user)


def _snapshot(keys: Keys) -> None:
    """A shared account with an entry in its snapshot and one after it."""
    account = ledger.clearing("shared")
    for number, amount in enumerate((5, 7)):
        legs = {account: amount, ledger.platform(): -amount}
        booked = ledger.post(TransactionKind.ADJUSTMENT, f"shared:{number}", legs)
        if not number:
            last = booked.entries.get(account=account).pk
            row = BalanceSnapshot.objects.create(account=account, last_entry=last, balance_fen=5)
            keys["shared"], keys["snapshot"] = account.pk, row.pk
