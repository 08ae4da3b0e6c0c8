"""The guards, taken away one at a time: context managers that break the service on purpose.

Each says which guard it removes. A race that still finds nothing wrong then proves nothing.

This is the one file that may patch our own code, private names too: a guard is what no public name
offers to leave out, and taking it away is how the race test is seen to go red. Where a name here is
gone, the guard has moved; the twin must follow it or it guards nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.db import connection, connections
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.serializers import ModelSerializer

from accounts import serializers, services
from accounts.models import Doctor, PasswordReset, Patient
from api import failpoints, idempotency
from ledger import services as ledger
from ledger.models import Account
from payments import (
    attempts,
    charges,
    console_refunds,
    inquiry,
    notices,
    paid_charge,
    refund_answers,
    refund_outbox,
    refunds,
    settlement,
    suspense,
    viewsets,
)
from payments import release as releases
from payments.models import NoticeOutcome, Payment, PaymentState, Refund, RefundStatus
from payments.reconcile import comparison, discrepancies
from qaorder import answering, lifecycle, orders, periods
from qaorder.models import Order, Period, Status
from qaorder.models.catalogue import CatalogueQuerySet

Meet = Callable[[], None]


@contextmanager
def without_row_locks() -> Iterator[None]:
    """Removes every SELECT … FOR UPDATE."""

    def unlocked(rows: Any, **_options: Any) -> Any:
        return rows.all()

    with mock.patch.object(QuerySet, "select_for_update", unlocked):
        yield


@contextmanager
def without_compare_and_set(meet: Meet) -> Iterator[None]:
    """Removes the condition on the old status from `advance`: it checks, then writes."""

    def any_status(*, pk: int, status: int) -> Any:
        meet()
        return Order.objects.filter(pk=pk)

    unconditional = SimpleNamespace(objects=SimpleNamespace(filter=any_status))
    with mock.patch.object(lifecycle, "Order", unconditional):
        yield


@contextmanager
def without_locks_and_compare_and_set(meet: Meet) -> Iterator[None]:
    """Removes both of the guards an order's move has: the row lock and the compare-and-set."""
    with without_row_locks(), without_compare_and_set(meet):
        yield


@contextmanager
def pausing(meet: Meet, *points: str) -> Iterator[None]:
    """Removes nothing: makes the threads meet at these points, so that what is missing shows."""
    failpoints.hooks.update(dict.fromkeys(points, meet))
    try:
        yield
    finally:
        for point in points:
            failpoints.hooks.pop(point, None)


def doing_before(owner: Any, name: str, act: Callable[[], Any]) -> Any:
    """Removes nothing: does something just before a function of ours is called."""
    function = getattr(owner, name)

    def both(*args: Any, **kwargs: Any) -> Any:
        act()
        return function(*args, **kwargs)

    return mock.patch.object(owner, name, both)


@contextmanager
def without_unique(table: str, *columns: str) -> Iterator[None]:
    """Removes every unique index whose columns or expressions these are, partial ones too.

    The table is emptied before they are made again, with all tables that point to it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), c.conname,"
            " pg_get_constraintdef(c.oid), ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true)"
            " FROM generate_series(1, i.indnatts) n) FROM pg_index i"
            " LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'"
            " WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary",
            [table],
        )
        found = [row for row in cursor.fetchall() if list(columns) == row[4]]
        assert found, f"{table} has no unique {columns}"
        for index, _, constraint, _, _ in found:
            if constraint:
                cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
            else:
                cursor.execute(f"DROP INDEX {index}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
            for _, index_text, constraint, text, _ in found:
                if constraint:
                    cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {text}')
                else:
                    cursor.execute(index_text)


@contextmanager
def all_of(*managers: Any) -> Iterator[None]:
    """Several of these together, where one guard alone would still hold."""
    with ExitStack() as stack:
        for manager in managers:
            stack.enter_context(manager)
        yield


# The wallet.


@contextmanager
def read_modify_write(meet: Meet) -> Iterator[None]:
    """Removes the conditional debit: the balance is read, compared and written back."""

    def move(account: Account, amount_fen: int) -> int | None:
        if account.owner_id is None:
            return None
        balance = Account.objects.get(pk=account.pk).balance_fen or 0
        if account.kind == "wallet" and balance + amount_fen < 0:
            raise ledger.InsufficientBalance
        meet()
        Account.objects.filter(pk=account.pk).update(balance_fen=balance + amount_fen)
        return balance + amount_fen

    with mock.patch.object(ledger, "_move", move):
        yield


# Asking the provider.


@contextmanager
def without_second_look() -> Iterator[None]:
    """Removes the second look at order and payer after the provider answered."""

    def store(payment: Payment, charge: dict[str, Any]) -> dict[str, Any]:
        payment = Payment.objects.get(pk=payment.pk)
        charges.attach(payment, charge)
        Order.objects.filter(payments=payment).update(channel=payment.channel)
        return charge

    with mock.patch.object(charges, "keep", store):
        yield


@contextmanager
def matching_by_charge_id() -> Iterator[None]:
    """Removes the match by our own number: only a charge that was stored is recognised."""

    def settle(fact: paid_charge.PaidCharge) -> NoticeOutcome:
        if not Payment.objects.filter(charge_id=fact.charge_id).exists():
            return suspense.hold(fact, suspense.UNKNOWN_NUMBER, None)
        return settlement.settle(fact)

    with mock.patch.object(notices, "settle", settle):
        yield


@contextmanager
def storing_over_everything() -> Iterator[None]:
    """Removes the look at the attempt's state before the charge is stored with it."""
    attach = charges.attach

    def attach_anyway(payment: Payment, charge: dict[str, Any]) -> None:
        payment.state, payment.paid_at = PaymentState.CREATING, None
        attach(payment, charge)

    with mock.patch.object(charges, "attach", attach_anyway):
        yield


@contextmanager
def without_finding_lost_charges() -> Iterator[None]:
    """Removes the look for a charge whose answer was lost, before one is made."""
    with mock.patch.object(charges, "find_charge", return_value=None):
        yield


@contextmanager
def without_finding_sent_refunds() -> Iterator[None]:
    """Removes the look for a refund whose answer was lost, before one is sent."""
    with mock.patch.object(refund_outbox, "_look_up", return_value=None):
        yield


@contextmanager
def without_asking() -> Iterator[None]:
    """Removes the question to the provider before an order is cancelled by the clock."""
    with mock.patch.object(inquiry, "inquire", return_value=None):
        yield


@contextmanager
def closing_whatever_was_tried() -> Iterator[None]:
    """Removes the look, before an attempt counts as failed, whether it was tried again since."""
    close = inquiry._close_if_over

    def close_if_over(payment: Payment, _last_sent_at: object) -> None:
        close(payment, payment.last_sent_at)

    with mock.patch.object(inquiry, "_close_if_over", close_if_over):
        yield


@contextmanager
def without_lease() -> Iterator[None]:
    """Removes the lease on a refund: every copy that saw it due sends it."""

    def claim() -> Refund | None:
        due = Refund.objects.filter(status=RefundStatus.OPEN, next_try_at__lte=timezone.now())
        return due.order_by("next_try_at").first()

    with mock.patch.object(refund_outbox, "_claim", claim):
        yield


@contextmanager
def refunding_without_limit() -> Iterator[None]:
    """Removes the condition that all refunds of a payment stay within it."""
    with mock.patch.object(refunds, "_claim"):
        yield


# Orders and periods.


@contextmanager
def without_patient_lock(meet: Meet) -> Iterator[None]:
    """Removes the lock under which a patient's periods are read and changed."""

    def unlocked(patient_id: int) -> None:
        meet()

    modules = ("qaorder.orders", "qaorder.periods")
    with ExitStack() as stack:
        for module in (*modules, "payments.refunds", "payments.settlement"):
            name = f"{module}.lock_patient"
            stack.enter_context(mock.patch(name, unlocked))
        yield


@contextmanager
def meeting_after_reading_periods(meet: Meet) -> Iterator[None]:
    """Removes nothing: lets the others in between reading a patient's periods and writing."""
    running, used = orders.running_period, periods.is_used

    def running_period(*args: Any) -> Any:
        period = running(*args)
        meet()
        time.sleep(0.1)  # so that the others have written by then
        return period

    def is_used(period: Period) -> bool:
        answer = used(period)
        meet()
        return answer

    with (
        mock.patch.object(orders, "running_period", running_period),
        mock.patch("payments.refunds.is_used", is_used),
    ):
        yield


@contextmanager
def wallet_before_patient(meet: Meet) -> Iterator[None]:
    """Removes the order of locks: a month's payment takes the wallet before the patient."""
    lock = periods.lock_patient

    def late(patient_id: int) -> None:
        meet()
        lock(patient_id)

    def early(patient_id: int) -> None:
        lock(patient_id)
        meet()

    with (
        mock.patch.object(settlement, "lock_patient"),
        mock.patch.object(periods, "lock_patient", late),
        mock.patch("payments.refunds.lock_patient", early),
    ):
        yield


@contextmanager
def believing_the_last_word() -> Iterator[None]:
    """Removes the look at a refund's state before the provider's word is recorded."""
    record = refund_answers.record

    def believe(pk: int, answer: dict[str, Any]) -> NoticeOutcome:
        Refund.objects.filter(pk=pk).update(status=RefundStatus.OPEN, refund_id=None)
        return record(pk, answer)

    with mock.patch.object(refund_answers, "record", believe):
        yield


@contextmanager
def locking_patient_late() -> Iterator[None]:
    """Removes the order in which a new order locks its patient and then reads its doctor."""
    running = orders.running_period

    def running_period(patient: Patient, doctor: Doctor) -> Period | None:
        periods.lock_patient(patient.pk)
        return running(patient, doctor)

    with (
        mock.patch.object(orders, "lock_patient"),
        mock.patch.object(orders, "running_period", running_period),
    ):
        yield


@contextmanager
def reading_price_later(was_read: Meet, is_changed: Meet) -> Iterator[None]:
    """Removes the single read of the doctor: duty first, the price in another statement."""

    def takes_orders(doctor: Doctor) -> bool:
        answer = doctor.is_accepting
        was_read()
        is_changed()
        doctor.refresh_from_db(fields=["online_price_fen"])
        return answer

    with mock.patch.object(Doctor, "takes_orders", property(takes_orders)):
        yield


@contextmanager
def destroying_by_save(meet: Meet) -> Iterator[None]:
    """Removes the update of one column in `destroy_order`: the whole row is written back."""

    def destroy_order(*, order: Order, role: lifecycle.Role, actor: object) -> None:
        meet()
        order.patient_hidden_at = timezone.now()
        order.save()

    with mock.patch.object(orders, "destroy_order", destroy_order):
        yield


@contextmanager
def asking_when_unpaid() -> Iterator[None]:
    """Removes the table's word on when a question may be asked."""
    move = lifecycle.TRANSITIONS[Status.PAID, lifecycle.Event.ASK]
    with mock.patch.dict(lifecycle.TRANSITIONS, {(Status.UNPAID, lifecycle.Event.ASK): move}):
        yield


@contextmanager
def pricing_at_payment() -> Iterator[None]:
    """Removes the entitlement kept with the order: what it costs is decided when it is paid."""
    lock = attempts.lock_payable

    def lock_payable(order: Order) -> Order:
        locked = lock(order)
        if not periods.running_period(locked.patient, locked.doctor):
            locked.amount_fen = locked.doctor.online_price_fen
        return locked

    with (
        mock.patch.object(attempts, "lock_payable", lock_payable),
        mock.patch.object(viewsets, "is_remote", lambda channel, fen: channel != "balance"),
    ):
        yield


# Requests.


@contextmanager
def without_lock_timeout() -> Iterator[None]:
    """Removes the limits on how long a statement waits for a lock, in new connections."""
    options = connections.settings["default"]["OPTIONS"]
    with mock.patch.dict(options, {"options": "-c lock_timeout=0 -c statement_timeout=0"}):
        yield


@contextmanager
def without_fencing() -> Iterator[None]:
    """Removes the look at whose a key is, and whether it has its answer, before one is stored."""
    with (
        mock.patch.object(idempotency, "_held", lambda mine, _token: mine),
        mock.patch.object(idempotency, "_unanswered", lambda rows: rows),
    ):
        yield


@contextmanager
def saving_whole_rows() -> Iterator[None]:
    """Removes the list of columns with which a profile is saved: all are written back."""
    with (
        mock.patch.object(serializers.UserUpdateSerializer, "update", ModelSerializer.update),
        mock.patch.object(serializers.DoctorProfileSerializer, "update", ModelSerializer.update),
    ):
        yield


@contextmanager
def issuing_without_a_look() -> Iterator[None]:
    """Removes the second look at the password, under lock, before a token is issued."""
    with mock.patch.object(services, "_check_unchanged"):
        yield


@contextmanager
def resetting_without_a_second_look() -> Iterator[None]:
    """Removes the question, under lock, whether the code is still there to be used."""
    delete = QuerySet.delete

    def always(rows: Any) -> Any:
        counted = delete(rows)
        return (1, {}) if rows.model is PasswordReset else counted

    with mock.patch.object(QuerySet, "delete", always):
        yield


@contextmanager
def trusting_the_loaded_doctor() -> Iterator[None]:
    """Removes the look at the doctor from under the lock: what was read before it counts."""

    def look_then_lock(doctor_id: int) -> None:
        is_verified = Doctor.objects.get(pk=doctor_id).is_verified
        Doctor.objects.select_for_update().get(pk=doctor_id)
        assert is_verified

    with mock.patch.object(answering, "require_verified", look_then_lock):
        yield


@contextmanager
def saving_what_was_read() -> Iterator[None]:
    """Removes the condition, and the locks, from a change of an entry: read, then save it all."""

    def save(rows: Any, **values: Any) -> int:
        entries = list(rows)
        for entry in entries:
            for name, value in values.items():
                setattr(entry, name, value)
            entry.save()
        return len(entries)

    with without_row_locks(), mock.patch.object(CatalogueQuerySet, "update", save):
        yield


@contextmanager
def names_checked_only_before(meet: Meet) -> Iterator[None]:
    """Removes the database's word on user names; what remains is a look before the insert."""
    code = services.new_invitation_code

    def new_invitation_code() -> str:
        meet()
        return code()

    with (
        without_unique("accounts_user", "username"),
        without_unique("accounts_user", "skeleton"),
        without_unique("accounts_user", "typed_skeleton"),
        mock.patch.object(services, "new_invitation_code", new_invitation_code),
    ):
        yield


@contextmanager
def meeting_before_settling(meet: Meet) -> Iterator[None]:
    """Removes nothing: lets the comparison of the books wait until a notice is as far."""

    def settle(fact: paid_charge.PaidCharge) -> NoticeOutcome:
        meet()
        return settlement.settle(fact)

    with mock.patch.object(comparison, "settle", settle):
        yield


# The provider's console, and staff.


@contextmanager
def deciding_without_lock(meet: Meet) -> Iterator[None]:
    """Removes the lock under which staff see that a difference is not decided yet."""
    open_difference = console_refunds._open_difference

    def unlocked(*args: Any) -> Any:
        found = open_difference(*args)
        meet()
        return found

    with without_row_locks(), mock.patch.object(console_refunds, "_open_difference", unlocked):
        yield


@contextmanager
def releasing_without_lock(meet: Meet) -> Iterator[None]:
    """Removes the lock under which it is seen whether an order's money can be released."""

    def release(order: Order) -> None:
        releases.release(order)
        meet()

    def send(_sender: type[Order], order: Order) -> None:
        release(order)

    with (
        without_row_locks(),
        mock.patch.object(discrepancies, "release", release),
        mock.patch.object(lifecycle.order_completed, "send", send),
    ):
        yield


@contextmanager
def locking_the_refund_alone(meet: Meet) -> Iterator[None]:
    """Removes the order of locks: a refund's comes before that of what its money came by."""
    open_difference = console_refunds._open_difference

    def lock(refund_pk: int) -> Refund:
        rows = Refund.objects.select_for_update(of=("self",))
        refund = rows.select_related("payment__order", "suspense").get(pk=refund_pk)
        meet()
        return refund

    def then_meet(*args: Any) -> Any:
        found = open_difference(*args)
        meet()
        return found

    with (
        mock.patch.object(refunds, "lock", lock),
        mock.patch.object(console_refunds, "_open_difference", then_meet),
    ):
        yield


@contextmanager
def believing_the_first_look(meet: Meet) -> Iterator[None]:
    """Removes the second look, under lock, at whose a provider's refund is."""
    match, seen = refund_answers.match, threading.local()

    def match_once(answer: dict[str, Any]) -> Refund | None:
        known = vars(seen)
        if answer["id"] not in known:
            known[answer["id"]] = match(answer)
            meet()
        found: Refund | None = known[answer["id"]]
        return found

    with mock.patch.object(refund_answers, "match", match_once):
        yield


@contextmanager
def unholding_whatever_was_decided(is_there: Meet, is_decided: Meet) -> Iterator[None]:
    """Removes the look, under lock, at whether staff decided about money that is put right."""
    take_out = suspense.take_out

    def always(fact: paid_charge.PaidCharge) -> bool:
        is_there()
        is_decided()
        take_out(fact)
        return True

    with mock.patch.object(suspense, "take_out", always):
        yield


@contextmanager
def failing_whatever_attempt() -> Iterator[None]:
    """Removes the look at which attempt of a refund the provider's word is about."""
    with mock.patch.object(refund_answers, "_attempt", lambda _answer, refund: refund.attempt):
        yield
