"""Money on its ways out: refunds that fail or wait, the provider's console, and staff's acts."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from payments import console_refunds, refund_outbox
from payments.models import Bearer, Discrepancy, Payment, Payout, Refund, SuspenseCharge
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Status
from tests.support.people import (
    answer,
    ask,
    make_patient,
    make_user,
    new_order,
    order_in,
    pay_remotely,
    refund,
)
from tests.support.provider import Provider
from tests.support.world import drain


def paid_order(
    provider: Provider, status: Status = Status.PAID, order_type: str = OrderType.ONLINE
) -> tuple[Order, Payment]:
    """An order paid by alipay and brought to this status."""
    order = new_order(order_type)
    payment = pay_remotely(provider, order)
    if status >= Status.WAITING:
        ask(order)
    if status >= Status.ANSWERED:
        answer(Order.objects.get(pk=order.pk).question)
    if status >= Status.FINISHED:
        orders.finish_order(order=Order.objects.get(pk=order.pk), role=Role.PATIENT)
    order.refresh_from_db()
    return order, payment


def told(provider: Provider, payment: Payment, amount: int | None = None) -> Discrepancy:
    """The difference that the notice of a console's refund leaves."""
    made = provider.console_refund(str(payment.charge_id), amount)
    provider.deliver_all("refund.succeeded")
    return Discrepancy.objects.get(refund_id=made["id"])


def settle_all(provider: Provider) -> None:
    """Send and follow up refunds until nothing is due, with their notices."""
    drain()
    provider.deliver_all()


def accept(row: Discrepancy, bearer: Bearer = Bearer.PLATFORM) -> Any:
    return console_refunds.accept(
        row, bearer=bearer, actor=make_user(is_staff=True), reason="已核实"
    )


# For each act of staff a row that it acts on, made by the paths that lead there.


def paid(provider: Provider) -> Order:
    return paid_order(provider)[0]


def failed_refund(provider: Provider) -> Refund:
    order, payment = paid_order(provider)
    provider.reject_refunds(str(payment.charge_id))
    refund(order)
    refund_outbox.send_due()
    return Refund.objects.get(payment=payment)


def held(provider: Provider) -> SuspenseCharge:
    """Money with a number that nobody here gave out."""
    charge = provider.create_charge("20260101000001")
    provider.pay_and_tell(charge["id"])
    return SuspenseCharge.objects.get(charge_id=charge["id"])


def difference(provider: Provider) -> Discrepancy:
    return told(provider, paid_order(provider)[1])


def undone(provider: Provider) -> Discrepancy:
    order, payment = paid_order(provider)
    refund(order)
    refund_outbox.send_due()
    provider.fail_refund_late(str(Refund.objects.get(payment=payment).refund_id))
    provider.deliver_all("refund.failed")
    return Discrepancy.objects.get(kind="refund_undone")


def payout(provider: Provider) -> Payout:
    paid(provider)
    return Payout.objects.create(
        channel="alipay", reference="b1", paid_on=date(2026, 1, 2), amount_fen=1490, fee_fen=10
    )


def waiting_refund(provider: Provider) -> Refund:
    """A refund of ours that the provider has kept pending for longer than staff wait."""
    order, payment = paid_order(provider)
    provider.sandbox.script_refunds("wait")
    refund(order)
    refund_outbox.send_due()
    Refund.objects.update(created_at=timezone.now() - timedelta(days=4))
    return Refund.objects.get(payment=payment)


TARGETS: dict[str, tuple[Callable[[Provider], Any], dict[str, str]]] = {
    "refund_order": (paid, {}),
    "refund_completed": (lambda _: order_in(Status.FINISHED), {"bearer": "doctor"}),
    "give_up_refund": (waiting_refund, {}),
    "retry_refund": (failed_refund, {}),
    "refund_to_balance": (failed_refund, {}),
    "settle_refund_outside": (failed_refund, {}),
    "accept_console_refund": (difference, {"bearer": "platform"}),
    "dispute_console_refund": (difference, {}),
    "take_back_refund": (undone, {}),
    "refund_suspense": (held, {}),
    "assign_suspense": (held, {"to": "someone"}),
    "keep_suspense": (held, {}),
    "book_payout": (payout, {}),
}


def prepare(verb: str, provider: Provider) -> tuple[Any, dict[str, str]]:
    """The row for an act of staff, and what else the act asks."""
    make, arguments = TARGETS[verb]
    if verb == "assign_suspense":
        make_patient("someone")
    return make(provider), arguments
