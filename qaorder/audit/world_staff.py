"""The part of the self-test's world that staff and the provider's console made."""

from datetime import date
from typing import Any

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
    RefundMeans,
    Status,
)
from qaorder.payments import console, discrepancies, held, payouts, refund_answers, refunds
from qaorder.payments.settlement import PaidCharge, settle
from qaorder.services.orders import new_order_number

World = dict[str, int]
PART_FEN = 500


def build(world: World) -> None:
    """Add to the world every way out that money has, each once; the keys by name."""
    doctor = factories.make_doctor(factories.new_name())
    side = _Side(world, factories.make_patient(factories.new_name()), doctor)
    world["staff_user"], world["staff_doctor"] = side.patient.user_id, doctor.pk
    side.refunds_that_failed()
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
    payouts.book(payout)
    world["payout"] = payout.pk


class _Side:
    def __init__(self, world: World, patient: Patient, doctor: Doctor) -> None:
        self.world, self.patient, self.doctor = world, patient, doctor
        self.staff = factories.make_user(is_staff=True)

    def refunds_that_failed(self) -> None:
        for name, means in (
            ("failed", None),
            ("to_balance", RefundMeans.BALANCE),
            ("outside", RefundMeans.OUTSIDE),
        ):
            order, _ = self.served(name, Status.PAID)
            refund = factories.refund(order)
            self.say(refund, "failed")
            if means:
                refunds.end_otherwise(refund, means)
            self.world[f"{name}_refund"] = refund.pk

    def undone(self) -> None:
        """A refund that succeeded, failed after all, and is sent again under another number."""
        order, payment = self.served("undone", Status.PAID)
        refund = factories.refund(order)
        self.say(refund, "succeeded", "undone")
        kind, refund_id = DiscrepancyKind.REFUND_MISSED, _refund_id("undone")
        discrepancies.note(kind, str(payment.charge_id), refund_id=refund_id)
        self.say(refund, "failed", "undone")
        console.take_back(Discrepancy.objects.get(kind="refund_undone", refund_id=refund_id))
        refunds.retry(refund)
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
        self.accept("payer", Payment.objects.get(pk=recharge.pk), Bearer.PAYER)
        for name in ("disputed", "dispute_undone"):
            _, payment = self.served(name, Status.FINISHED)
            row = self.difference(name, payment.charge_id)
            console.dispute(row)
            self.world[name] = row.pk
        self.say_failed("dispute_undone")
        undone = Discrepancy.objects.get(
            kind="refund_undone", refund_id=_refund_id("dispute_undone")
        )
        console.take_back(undone)
        order, payment = self.served("stopped", Status.ANSWERED)
        self.world["stopped_difference"] = self.difference("stopped", payment.charge_id).pk
        factories.orders.finish_order(order=order, role=factories.Role.CLOCK)
        self.world["stopped"] = order.pk

    def held_money(self) -> None:
        for name in ("kept", "assigned", "sent_back", "given_back", "corrected"):
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
        held.keep(rows["kept"])
        held.assign_to_user(rows["assigned"], user=self.patient.user)
        self.world["held_refund"] = held.refund(rows["sent_back"], reason="x").pk
        console.look(_charge_id("given_back"), [self.answer("given_back", PART_FEN)])
        self.world["given_back_refund"] = Refund.objects.get(refund_id=_refund_id("given_back")).pk
        payment = Payment.objects.get(charge_id=_charge_id("corrected"))
        self.collect(payment)

    def free_orders_of_a_refunded_period(self) -> None:
        patient = factories.make_patient(factories.new_name())
        month = factories.order_in(Status.PAID, patient, self.doctor, OrderType.MONTHLY)
        opened = factories.order_in(Status.PAID, patient, self.doctor)
        refunds.refund_order(order=month, role=factories.Role.STAFF)
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

    def served(self, name: str, status: Status) -> tuple[Order, Payment]:
        """An order paid through the provider and brought to this status."""
        order = factories.place_order(self.patient, self.doctor)
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
        refund = console.accept(row, bearer=bearer, actor=self.staff, reason="x")
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
