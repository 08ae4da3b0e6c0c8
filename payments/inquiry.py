"""Inquiring at the provider what became of an attempt, when no notice has told us."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

import pingpp_client
from api.failpoints import failpoint
from payments import charges
from payments.attempts import is_free
from payments.models import OPEN_STATES, Payment, PaymentState
from payments.paid_charge import read_paid_charge
from payments.settlement import settle
from qaorder import worklist

LEASE = "inquiry_leased_until"


@transaction.atomic
def claim(rows: QuerySet[Payment]) -> Payment | None:
    """Lease the one of these attempts inquired about longest ago; None if there is none left.

    It is pushed back before the inquiry, so that not even a death at it stops the others.
    """
    due = rows.filter(worklist.is_due(), worklist.is_free(LEASE))
    payment = worklist.pick(due.order_by("inquired_at"))
    if payment is None:
        return None
    worklist.push_back(payment)
    return worklist.lease(payment, LEASE)


def inquire_claimed(payment: Payment) -> None:
    """Inquire about a leased attempt and give it back: as one that works, or still pushed back.

    A search that goes on next time has not failed.
    Raises: pingpp_client.ProviderError.
    """
    answered = False
    try:
        with pingpp_client.time_limit(worklist.row_seconds()):
            inquire(payment)
        answered = True
    except pingpp_client.ProviderUnavailable as error:
        # It answered, page by page; `search_until` says where the next search goes on.
        answered = error.kind == "too_long"
        raise
    finally:
        works = {"failures": 0, "next_try_at": None, "inquired_at": timezone.now()}
        worklist.release(payment, LEASE, **works if answered else {})


def inquire(payment: Payment) -> None:
    """Bring an open attempt up to date with the provider; outside any transaction.

    A paid charge is settled; a charge whose answer was lost is adopted; an attempt the provider
    knows nothing of has failed; an unpaid one past its time has expired.
    Raises: pingpp_client.ProviderError, but not for an unknown charge.
    """
    charge = None
    if payment.charge_id:
        charge = charges.retrieve(payment.charge_id)
    elif payment.sent_at:
        charge = charges.find_charge(payment)
    failpoint("sweep.inquired")
    fact = read_paid_charge(charge)
    if fact is not None:
        settle(fact)
        return
    with transaction.atomic():
        # Without the order's lock, for nothing here touches the order: an unpaid charge has no
        # effect but on its own attempt.
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        if charge is not None:
            charges.attach(locked, charge)
        _close_if_over(locked, payment.last_sent_at)


def _close_if_over(payment: Payment, last_sent_at: datetime | None) -> None:
    now = timezone.now()
    if payment.state not in OPEN_STATES:
        return
    if payment.state == PaymentState.CREATING:
        # Looked for and not there; a request that still holds the lease may yet make it, and one
        # that asked for it since then may have made it.
        if is_free(payment) and payment.last_sent_at == last_sent_at:
            payment.state = PaymentState.FAILED
    elif payment.expires_at is None or payment.expires_at < now:
        payment.state = PaymentState.EXPIRED
    payment.inquired_at = now
    payment.save(update_fields=["state", "inquired_at"])
