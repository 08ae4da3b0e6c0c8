"""What staff do with held money: give it back, to whom it belongs, or take it to the platform."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from feiqingsong.errors import CannotPay, StaffRefusal
from ledger import services as ledger
from ledger.models import Account, TransactionKind
from qaorder.lifecycle import Role
from qaorder.models import Bearer, Channel, HeldCharge, HeldResolution, Order, Refund
from qaorder.payments import checkout
from qaorder.services.subscriptions import lock_patient


@transaction.atomic
def refund(held: HeldCharge, *, reason: str) -> Refund:
    """Send what the provider still holds back the way it came.  Raises: StaffRefusal if decided.

    If the provider refuses, the money is undecided again.
    """
    held = _resolve(held, HeldResolution.REFUNDED)
    return Refund.objects.create(
        held=held,
        amount_fen=held.remaining_fen,
        bearer=Bearer.SUSPENSE,
        role=Role.STAFF,
        reason=reason,
    )


@transaction.atomic
def assign_to_user(held: HeldCharge, *, user: User) -> None:
    """Put the money on the balance of the user it belongs to.  Raises: StaffRefusal if decided."""
    _give(held, HeldResolution.ASSIGNED, ledger.wallet(user))


@transaction.atomic
def assign_to_order(held: HeldCharge, *, order: Order) -> None:
    """Pay an unpaid order with the money, by way of its patient's balance, which keeps the rest.

    Raises: StaffRefusal if decided; CannotPay if the order waits for no money; InsufficientBalance
    if it and the balance are not enough.
    """
    # The order's and the patient's locks come before any account's.
    rows = Order.objects.select_for_update(of=("self",)).select_related("patient__user")
    order = rows.get(pk=order.pk)
    lock_patient(order.patient_id)
    user = order.patient.user
    _give(held, HeldResolution.ASSIGNED, ledger.wallet(user))
    if not order.amount_fen:
        raise CannotPay
    checkout.pay_order(order=order, channel=Channel.BALANCE, client_ip="", payer=user)


@transaction.atomic
def keep(held: HeldCharge) -> None:
    """Take the money to the platform's account.  Raises: StaffRefusal if decided."""
    _give(held, HeldResolution.KEPT, ledger.platform())


def _give(held: HeldCharge, resolution: HeldResolution, account: Account) -> None:
    held = _resolve(held, resolution)
    legs = {ledger.suspense(): -held.remaining_fen, account: held.remaining_fen}
    ledger.post(TransactionKind.ASSIGNED, f"assigned:{held.pk}", legs)


def _resolve(held: HeldCharge, resolution: HeldResolution) -> HeldCharge:
    held = HeldCharge.objects.select_for_update().get(pk=held.pk)
    if held.resolution:
        raise StaffRefusal("该款项已经处理。")
    held.resolution, held.resolved_at = resolution, timezone.now()
    held.save(update_fields=["resolution", "resolved_at"])
    return held
