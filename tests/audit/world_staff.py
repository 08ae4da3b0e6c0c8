"""The part of the world that staff and the provider's console made."""

from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.db.models import Model
from django.utils import timezone

from accounts.models import Doctor, Patient, User
from payments import staff_acts
from payments.models import (
    Bearer,
    Discrepancy,
    DiscrepancyKind,
    NoticeOutcome,
    Payment,
    Payout,
    Refund,
    StaffRequestState,
    SuspenseCharge,
)
from payments.models.reconciliation import BLOCKING_KINDS
from payments.reconcile import discrepancies
from qaorder.lifecycle import Role
from qaorder.models import Channel, Order, OrderType, Status
from qaorder.orders import finish_order
from tests.audit import told
from tests.support import people

Keys = dict[str, int]
_SHARE_PERCENT = 30


class _Side(NamedTuple):
    keys: Keys
    patient: Patient
    doctor: Doctor
    member: User
    second: User

    def served(self, name: str, status: Status) -> tuple[Order, Payment]:
        """An order paid through the provider and brought to this status."""
        share = {"platform_share_percent": _SHARE_PERCENT}
        order = people.place_order(self.patient, self.doctor, **share)
        payment = told.paid(name, self.patient, order)
        order.refresh_from_db()
        if status >= Status.ANSWERED:
            people.answer(people.ask(order))
            order = Order.objects.get(pk=order.pk)
        if status >= Status.FINISHED:
            finish_order(order=order, role=Role.CLOCK)
        self.keys[name] = order.pk
        return order, payment

    def refunded(self, name: str) -> Refund:
        refund: Refund = people.refund(self.served(name, Status.PAID)[0])
        self.keys[f"{name}_refund"] = refund.pk
        return refund

    def ask(self, verb: str, row: Model, **arguments: str) -> None:
        """Let one member of staff do it, with the word of a second where that is needed."""
        request = staff_acts.request(verb, row, actor=self.member, reason="x", **arguments)
        if request.state == StaffRequestState.WAITING:
            staff_acts.approve(request, actor=self.second)

    def take_back(self, name: str) -> None:
        rows = Discrepancy.objects.filter(kind=DiscrepancyKind.REFUND_UNDONE)
        self.ask("take_back_refund", rows.get(refund_id=told.refund_id(name)))

    def accept(self, name: str, bearer: Bearer) -> Refund:
        [row] = told.console_refund(name)
        self.ask("accept_console_refund", row, bearer=bearer)
        refund = Refund.objects.get(refund_id=row.refund_id)
        told.say(refund, "succeeded", name)
        self.keys[f"{name}_refund"], self.keys[f"{name}_difference"] = refund.pk, row.pk
        return refund


def build(keys: Keys, patient: Patient, doctor: Doctor) -> None:
    """Add to the world every way out that money has, each once."""
    member, second = (
        people.make_user(is_staff=True, is_superuser=True) for _ in ("asks", "approves")
    )
    side = _Side(keys, patient, doctor, member, second)
    _refunds_that_failed(side)
    _given_up(side)
    _undone(side)
    _accepted(side)
    _disputed(side)
    _stopped(side)
    _held_money(side)
    _held_and_given_back(side)
    _free_orders_of_a_refunded_period(side)
    _payout(side)


def _refunds_that_failed(side: _Side) -> None:
    told.say(side.refunded("failed"), "failed")
    for name, verb in (
        ("to_balance", "refund_to_balance"),
        ("outside", "settle_refund_outside"),
    ):
        refund = side.refunded(name)
        told.say(refund, "failed")
        side.ask(verb, refund)


def _given_up(side: _Side) -> None:
    for name in ("given_up", "given_up_again"):
        refund = side.refunded(name)
        since = timezone.now() - settings.REFUND_OVERDUE
        Refund.objects.filter(pk=refund.pk).update(created_at=since)
        side.ask("give_up_refund", refund)
    side.ask("retry_refund", refund)


def _undone(side: _Side) -> None:
    """Refunds that succeeded, failed after all, and are sent again under another number."""
    refund = side.refunded("undone")
    told.say(refund, "succeeded", "undone")
    kind, refund_id = DiscrepancyKind.REFUND_MISSED, told.refund_id("undone")
    discrepancies.note(kind, told.charge_id("undone"), refund_id=refund_id)
    side.served("accepted_undone", Status.FINISHED)
    accepted = side.accept("accepted_undone", Bearer.PLATFORM)
    for name, row in (("undone", refund), ("accepted_undone", accepted)):
        told.say(row, "failed", name)
        side.take_back(name)
        side.ask("retry_refund", row)


def _accepted(side: _Side) -> None:
    """Refunds of the console, borne by the doctor, the platform, the order, and the payer."""
    for name, status, bearer in (
        ("doctor", Status.FINISHED, Bearer.DOCTOR),
        ("platform", Status.FINISHED, Bearer.PLATFORM),
        ("in_transit", Status.ANSWERED, Bearer.DOCTOR),
        ("cancelling", Status.PAID, Bearer.DOCTOR),
    ):
        side.served(name, status)
        side.accept(name, bearer)
    told.paid("payer", side.patient)
    side.accept("payer", Bearer.PLATFORM)
    late, payment = side.served("late", Status.FINISHED)
    side.ask("refund_completed", late, bearer=Bearer.DOCTOR)
    side.keys["late_refund"] = Refund.objects.get(payment=payment).pk


def _disputed(side: _Side) -> None:
    for name in ("disputed", "dispute_undone"):
        side.served(name, Status.FINISHED)
        [row] = told.console_refund(name)
        side.ask("dispute_console_refund", row)
        side.keys[name] = row.pk
    told.console_refund("dispute_undone", "failed")
    side.take_back("dispute_undone")
    notice = told.notice("refund", "disputed", NoticeOutcome.DIFFERS)
    side.keys["disputed_notice"] = notice.pk


def _stopped(side: _Side) -> None:
    """Orders that are not released while a difference is open."""
    for kind in BLOCKING_KINDS:
        order, payment = side.served(f"stopped_{kind}", Status.ANSWERED)
        discrepancies.note(kind, told.charge_id(f"stopped_{kind}"), payment=payment)
        finish_order(order=order, role=Role.CLOCK)


def _held_money(side: _Side) -> None:
    for name, verb, arguments in (
        ("kept", "keep_suspense", {}),
        ("assigned", "assign_suspense", {"to": side.patient.user.username}),
        ("sent_back", "refund_suspense", {}),
    ):
        told.collect(name, f"77{name}", told.PART_FEN)
        row = _held(side, name)
        side.ask(verb, row, **arguments)
    side.keys["held_refund"] = Refund.objects.get(suspense=row).pk
    order = people.place_order(side.patient, side.doctor)
    payment = told.attempt("corrected", side.patient, order)
    told.collect("corrected", order.order_number, order.amount_fen - 1)
    _held(side, "corrected")
    told.collect("corrected", order.order_number, payment.amount_fen)


def _held_and_given_back(side: _Side) -> None:
    """Held money that the console gave back, before staff decided and as they accepted it."""
    for name in ("given_back", "accepted"):
        told.collect(name, f"77{name}", told.PART_FEN)
    told.console_refund("given_back")
    refund = Refund.objects.get(refund_id=told.refund_id("given_back"))
    notice = told.notice("refund", "given_back", NoticeOutcome.APPLIED)
    side.keys["given_back_refund"], side.keys["given_back_notice"] = refund.pk, notice.pk
    strange = discrepancies.note(
        DiscrepancyKind.REFUND_UNKNOWN,
        told.charge_id("accepted"),
        refund_id=told.refund_id("accepted"),
        theirs_fen=told.PART_FEN,
    )
    side.ask("accept_console_refund", strange, bearer=Bearer.PLATFORM)


def _held(side: _Side, name: str) -> SuspenseCharge:
    row = SuspenseCharge.objects.get(charge_id=told.charge_id(name))
    side.keys[f"{name}_held"] = row.pk
    return row


def _free_orders_of_a_refunded_period(side: _Side) -> None:
    patient = people.make_patient()
    month = people.order_in(Status.PAID, patient, side.doctor, OrderType.MONTHLY)
    people.order_in(Status.PAID, patient, side.doctor)
    side.ask("refund_order", month)
    side.keys["ended_month"] = month.pk


def _payout(side: _Side) -> None:
    values = {"channel": Channel.WX, "reference": "p1", "paid_on": date(2026, 1, 2)}
    payout = Payout.objects.create(**values, amount_fen=90, fee_fen=10)
    side.ask("book_payout", payout)
    side.keys["payout"] = payout.pk
