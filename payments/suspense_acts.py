"""What staff do with money in suspense: give it back, to whom it belongs, or to the platform.

`settlement` is what puts money there that fits nothing: a wrong amount, an unknown number.
"""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from api.errors import CannotPay, StaffRefusal
from ledger import services as ledger
from ledger.models import Account, TransactionKind
from payments import checkout
from payments.models import Bearer, Refund, SuspenseCharge, SuspenseResolution
from qaorder.lifecycle import Role
from qaorder.models import Channel, Order
from qaorder.orders import lock_order
from qaorder.periods import lock_patient


@transaction.atomic
def refund(held: SuspenseCharge, *, reason: str) -> Refund:
    """Send what the provider still holds back the way it came.  Raises: StaffRefusal if decided.

    If the provider refuses, the money is undecided again.
    """
    held = _resolve(held, SuspenseResolution.REFUNDED)
    return Refund.objects.create(
        suspense=held,
        amount_fen=held.remaining_fen,
        bearer=Bearer.SUSPENSE,
        role=Role.STAFF,
        reason=reason,
    )


@transaction.atomic
def assign_to_user(held: SuspenseCharge, *, user: User) -> None:
    """Put the money on the balance of the user it belongs to.  Raises: StaffRefusal if decided."""
    _give(held, SuspenseResolution.ASSIGNED, ledger.wallet(user))


@transaction.atomic
def assign_to_order(held: SuspenseCharge, *, order: Order) -> None:
    """Pay an unpaid order with the money, by way of its patient's balance, which keeps the rest.

    Raises: StaffRefusal if decided; CannotPay if the order waits for no money; InsufficientBalance
    if it and the balance are not enough.
    """
    # The order's, this row's and the patient's locks come before any account's.
    order = lock_order(order.pk)
    SuspenseCharge.objects.select_for_update().get(pk=held.pk)
    lock_patient(order.patient_id)
    user = order.patient.user
    _give(held, SuspenseResolution.ASSIGNED, ledger.wallet(user))
    if not order.amount_fen:
        raise CannotPay
    checkout.pay_at_once(order=order, channel=Channel.BALANCE, payer=user)


@transaction.atomic
def keep(held: SuspenseCharge) -> None:
    """Take the money to the platform's account.  Raises: StaffRefusal if decided."""
    _give(held, SuspenseResolution.KEPT, ledger.platform())


def _give(held: SuspenseCharge, resolution: SuspenseResolution, account: Account) -> None:
    held = _resolve(held, resolution)
    legs = {ledger.suspense(): -held.remaining_fen, account: held.remaining_fen}
    ledger.post(TransactionKind.ASSIGNED, f"assigned:{held.pk}", legs)


def _resolve(held: SuspenseCharge, resolution: SuspenseResolution) -> SuspenseCharge:
    held = SuspenseCharge.objects.select_for_update().get(pk=held.pk)
    if held.resolution:
        raise StaffRefusal("该款项已经处理。")
    held.resolution, held.resolved_at = resolution, timezone.now()
    held.save(update_fields=["resolution", "resolved_at"])
    return held
