"""Asking the provider what became of an attempt, when no notice has told us."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from feiqingsong.failpoints import failpoint
from qaorder.models import Payment
from qaorder.models.payment import OPEN_STATES, PaymentState
from qaorder.payments import charges, pingpp
from qaorder.payments.checkout import is_free, keep_charge
from qaorder.payments.settlement import read_paid_charge, settle


def ask(payment: Payment) -> None:
    """Bring an open attempt up to date with the provider; outside any transaction.

    A paid charge is settled; a charge whose answer was lost is adopted; an attempt the provider
    knows nothing of has failed; an unpaid one past its time has expired.
    Raises: pingpp.ProviderUnavailable, pingpp.ProviderRefused (but for an unknown charge).
    """
    asked_at = timezone.now()
    charge = None
    if payment.charge_id:
        charge = _retrieve(payment.charge_id)
    elif payment.asked_at:
        charge = charges.find_charge(payment)
    failpoint("sweep.asked")
    fact = read_paid_charge(charge)
    if fact is not None:
        settle(fact)
        return
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        if charge is not None:
            keep_charge(locked, charge)
        _close_if_over(locked, asked_at)


def _retrieve(charge_id: str) -> dict | None:
    try:
        return pingpp.retrieve_charge(charge_id)
    except pingpp.ProviderRefused as error:
        if error.http_status == 404:
            return None
        raise


def _close_if_over(payment: Payment, asked_at: datetime) -> None:
    now = timezone.now()
    if payment.state not in OPEN_STATES:
        return
    if payment.state == PaymentState.CREATING:
        # Looked for and not there; a request that still holds the lease may yet make it, and one
        # that was lost since then may have made it.
        if is_free(payment) and payment.checked_at <= asked_at:
            payment.state = PaymentState.FAILED
    elif payment.expires_at is None or payment.expires_at < now:
        payment.state = PaymentState.EXPIRED
    payment.checked_at = now
    payment.save(update_fields=["state", "checked_at"])
