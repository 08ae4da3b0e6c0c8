"""The part of the self-test's world that staff and the provider's console made."""

from datetime import date
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.utils import timezone

from accounts.models import Doctor, Patient
from feiqingsong.testing import factories
from qaorder.models import (
    Bearer,
    Channel,
    Discrepancy,
    DiscrepancyKind,
    HeldCharge,
    Notice,
    NoticeOutcome,
    Order,
    OrderType,
    Payment,
    PaymentState,
    Payout,
    Refund,
    StaffRequestState,
    Status,
)
from qaorder.models.reconciliation import BLOCKING_KINDS
from qaorder.payments import console, discrepancies, refund_answers, staff
from qaorder.payments.settlement import PaidCharge, settle
from qaorder.services.orders import new_order_number

World = dict[str, int]
PART_FEN = 500
SHARE_PERCENT = 30


def build(world: World) -> None:
    """Add to the world every way out that money has, each once; the keys by name."""
    doctor = factories.make_doctor(factories.new_name())
    side = _Side(world, factories.make_patient(factories.new_name()), doctor)
    world["staff_user"], world["staff_doctor"] = side.patient.user_id, doctor.pk
    side.refunds_that_failed()
    side.given_up()
    side.undone()
    side.console()
    side.held_money()
    side.notices()
    side.free_orders_of_a_refunded_period()
    payout = Payout.objects.create(
        channel=Channel.WX,
        reference="selftest",
        paid_on=date(2026, 1, 2),
        amount_fen=90,
        fee_fen=10,
    )
    side.ask("book_payout", payout)
    world["payout"] = payout.pk


class _Side:
    def __init__(self, world: World, patient: Patient, doctor: Doctor) -> None:
        self.world, self.patient, self.doctor = world, patient, doctor
        self.member, self.second = (
            factories.make_user(factories.new_name(), is_staff=True, is_superuser=True)
            for _ in range(2)
        )

    def refunds_that_failed(self) -> None:
        for name, verb in (
            ("failed", ""),
            ("to_balance", "refund_to_balance"),
            ("outside", "settle_refund_outside"),
        ):
            order, _ = self.served(name, Status.PAID)
            refund = factories.refund(order)
            self.say(refund, "failed")
            if verb:
                self.ask(verb, refund)
            self.world[f"{name}_refund"] = refund.pk

    def given_up(self) -> None:
        for name in ("given_up", "given_up_again"):
            order, _ = self.served(name, Status.PAID)
            refund = factories.refund(order)
            since = timezone.now() - settings.REFUND_OVERDUE
            Refund.objects.filter(pk=refund.pk).update(created_at=since)
            self.ask("give_up_refund", refund)
            self.world[f"{name}_refund"] = refund.pk
        self.ask("retry_refund", refund)

    def undone(self) -> None:
        """A refund that succeeded, failed after all, and is sent again under another number."""
        order, payment = self.served("undone", Status.PAID)
        refund = factories.refund(order)
        self.say(refund, "succeeded", "undone")
        kind, refund_id = DiscrepancyKind.REFUND_MISSED, _refund_id("undone")
        discrepancies.note(kind, str(payment.charge_id), refund_id=refund_id)
        self.say(refund, "failed", "undone")
        self.take_back(refund_id)
        self.ask("retry_refund", refund)
        self.world["undone_refund"] = refund.pk

    def console(self) -> None:
        for bearer in (Bearer.DOCTOR, Bearer.PLATFORM):
            order, payment = self.served(f"{bearer}_bears", Status.FINISHED)
            self.accept(str(bearer), payment, bearer)
            self.world[f"{bearer}_order"] = order.pk
        _, answered = self.served("answered_part", Status.ANSWERED)
        self.accept("in_transit", answered, Bearer.DOCTOR)
        _, cancelled = self.served("cancelled_part", Status.PAID)
        self.accept("cancelling", cancelled, Bearer.DOCTOR)
        recharge = self.pending("console_recharge", None, 2000)
        self.collect(recharge)
        self.accept("payer", Payment.objects.get(pk=recharge.pk), Bearer.PLATFORM)
        for name in ("disputed", "dispute_undone"):
            _, payment = self.served(name, Status.FINISHED)
            row = self.difference(name, payment.charge_id)
            self.ask("dispute_console_refund", row)
            self.world[name] = row.pk
        self.say_failed("dispute_undone")
        self.take_back(_refund_id("dispute_undone"))
        late, _ = self.served("refunded_late", Status.FINISHED)
        self.ask("refund_completed", late, bearer=Bearer.DOCTOR)
        self.world["late_refund"] = Refund.objects.get(payment=late.paid_with).pk
        _, payment = self.served("accepted_undone", Status.FINISHED)
        self.accept("accepted_undone", payment, Bearer.PLATFORM)
        refund = Refund.objects.get(pk=self.world["accepted_undone_refund"])
        self.say(refund, "failed", "accepted_undone")
        self.take_back(_refund_id("accepted_undone"))
        self.ask("retry_refund", refund)
        order, payment = self.served("stopped", Status.ANSWERED)
        self.world["stopped_difference"] = self.difference("stopped", payment.charge_id).pk
        factories.orders.finish_order(order=order, role=factories.Role.CLOCK)
        self.world["stopped"] = order.pk
        for kind in set(BLOCKING_KINDS) - {DiscrepancyKind.REFUND_UNKNOWN}:
            order, payment = self.served(f"stopped_{kind}", Status.ANSWERED)
            discrepancies.note(kind, str(payment.charge_id), payment=payment)
            factories.orders.finish_order(order=order, role=factories.Role.CLOCK)

    def held_money(self) -> None:
        for name in ("kept", "assigned", "sent_back", "given_back", "accepted", "corrected"):
            fact = PaidCharge(_charge_id(name), f"77{name}", Channel.WX, PART_FEN, timezone.now())
            if name == "corrected":
                order = factories.place_order(self.patient, self.doctor)
                self.pending(name, order, order.amount_fen)
                fact = PaidCharge(
                    _charge_id(name), order.order_number, Channel.WX, 7, timezone.now()
                )
            settle(fact)
            row = HeldCharge.objects.get(charge_id=_charge_id(name))
            self.world[f"{name}_held"] = row.pk
        rows = {name: self.held(name) for name in ("kept", "assigned", "sent_back")}
        self.ask("keep_held", rows["kept"])
        self.ask("assign_held", rows["assigned"], to=self.patient.user.username)
        self.ask("refund_held", rows["sent_back"])
        self.world["held_refund"] = Refund.objects.get(held=rows["sent_back"]).pk
        console.look(_charge_id("given_back"), [self.answer("given_back", PART_FEN)])
        self.world["given_back_refund"] = Refund.objects.get(refund_id=_refund_id("given_back")).pk
        strange = discrepancies.note(
            DiscrepancyKind.REFUND_UNKNOWN,
            _charge_id("accepted"),
            refund_id=_refund_id("accepted"),
            theirs_fen=PART_FEN,
        )
        self.ask("accept_console_refund", strange, bearer=Bearer.PLATFORM)
        payment = Payment.objects.get(charge_id=_charge_id("corrected"))
        self.collect(payment)

    def free_orders_of_a_refunded_period(self) -> None:
        patient = factories.make_patient(factories.new_name())
        month = factories.order_in(Status.PAID, patient, self.doctor, OrderType.MONTHLY)
        opened = factories.order_in(Status.PAID, patient, self.doctor)
        self.ask("refund_order", month)
        self.world["free_before_refund"], self.world["ended_month"] = opened.pk, month.pk

    def notices(self) -> None:
        for name, outcome in (
            ("disputed", NoticeOutcome.DIFFERS),
            ("given_back", NoticeOutcome.APPLIED),
        ):
            notice = Notice.objects.create(
                event_id=f"evt_selftest_{name}",
                type="refund.succeeded",
                object_id=_refund_id(name),
                outcome=outcome,
                digest="0" * 64,
            )
            self.world[f"{name}_notice"] = notice.pk

    # How these are made.

    def ask(self, verb: str, row: Model, **arguments: str) -> None:
        """Let one member of staff do it, with the word of a second where that is needed."""
        request = staff.ask(verb, row, actor=self.member, reason="x", **arguments)
        if request.state == StaffRequestState.WAITING:
            staff.approve(request, actor=self.second)

    def take_back(self, refund_id: str) -> None:
        row = Discrepancy.objects.get(kind=DiscrepancyKind.REFUND_UNDONE, refund_id=refund_id)
        self.ask("take_back_refund", row)

    def served(self, name: str, status: Status) -> tuple[Order, Payment]:
        """An order paid through the provider and brought to this status."""
        order = factories.place_order(
            self.patient, self.doctor, platform_share_percent=SHARE_PERCENT
        )
        payment = self.pending(name, order, order.amount_fen)
        self.collect(payment)
        order.refresh_from_db()
        if status >= Status.ANSWERED:
            factories.answer(factories.ask(order))
        if status >= Status.FINISHED:
            order = Order.objects.get(pk=order.pk)
            factories.orders.finish_order(order=order, role=factories.Role.CLOCK)
        self.world[name] = order.pk
        return Order.objects.get(pk=order.pk), Payment.objects.get(pk=payment.pk)

    def pending(self, name: str, order: Order | None, amount_fen: int) -> Payment:
        return Payment.objects.create(
            order=order,
            payer=self.patient.user,
            channel=Channel.WX,
            order_no=order.order_number if order else new_order_number(self.patient),
            amount_fen=amount_fen,
            state=PaymentState.PENDING,
            charge_id=_charge_id(name),
            expires_at=timezone.now(),
        )

    def collect(self, payment: Payment) -> None:
        settle(
            PaidCharge(
                str(payment.charge_id),
                payment.order_no,
                Channel.WX,
                payment.amount_fen,
                timezone.now(),
            )
        )

    def held(self, name: str) -> HeldCharge:
        return HeldCharge.objects.get(charge_id=_charge_id(name))

    def answer(self, name: str, amount_fen: int, status: str = "succeeded") -> dict[str, Any]:
        return {"id": _refund_id(name), "amount": amount_fen, "status": status}

    def difference(self, name: str, charge_id: str | None) -> Discrepancy:
        [row] = console.look(str(charge_id), [self.answer(name, PART_FEN)])
        return row

    def say_failed(self, name: str) -> None:
        console.look(_charge_id(name), [self.answer(name, PART_FEN, "failed")])

    def accept(self, name: str, payment: Payment, bearer: Bearer) -> None:
        row = self.difference(name, payment.charge_id)
        self.ask("accept_console_refund", row, bearer=bearer)
        refund = Refund.objects.get(refund_id=row.refund_id)
        self.say(refund, "succeeded", name)
        self.world[f"{name}_refund"], self.world[f"{name}_difference"] = refund.pk, row.pk

    def say(self, refund: Refund, status: str, name: str = "") -> None:
        answer = self.answer(name or f"own{refund.pk}", refund.amount_fen, status)
        refund_answers.record(refund.pk, answer | {"charge": refund.charge_id})
        refund.refresh_from_db()


def _charge_id(name: str) -> str:
    return f"ch_selftest_{name}"


def _refund_id(name: str) -> str:
    return f"re_selftest_{name}"
