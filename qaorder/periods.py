"""Monthly service: when periods start, whether one runs, what ends them."""

from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import Doctor, Patient
from qaorder.lifecycle import Event, Role, advance
from qaorder.models import Order, Period, Status


def lock_patient(patient_id: int) -> None:
    """Make the patient's purchases, free orders and their refunds wait for each other.

    Taken after the order's lock, before any account's.
    """
    Patient.objects.select_for_update().get(pk=patient_id)


def running_period(patient: Patient, doctor: Doctor) -> Period | None:
    """Return the period that runs now between the two, or None."""
    periods = Period.objects.filter(patient=patient, doctor=doctor)
    return periods.running(timezone.now()).order_by("end_at").first()


def start_period(order: Order) -> Period:
    """Open the period a paid monthly order bought: now, or where the pair's last one ends."""
    lock_patient(order.patient_id)
    now = timezone.now()
    # Appended, never beside: two that run at once would cost the patient days of one.
    last_end: datetime | None = (
        Period.objects.filter(
            patient_id=order.patient_id, doctor_id=order.doctor_id, end_at__gt=now
        )
        .order_by("-end_at")
        .values_list("end_at", flat=True)
        .first()
    )
    start = last_end or now
    return Period.objects.create(
        order=order,
        patient_id=order.patient_id,
        doctor_id=order.doctor_id,
        start_at=start,
        end_at=start + settings.MONTHLY_PERIOD,
    )


def is_used(period: Period) -> bool:
    """Whether something was asked in the period: its own question, or a free order was opened."""
    return hasattr(period.order, "question") or (period.free_orders.exclude(paid_at=None).exists())


def end_period(period: Period) -> None:
    """End the period at once, because its money goes back; call with the patient locked.

    The pair's later periods move up by the time given back, so that no gap is left, and free
    orders of the period that were not opened are cancelled. Ending an ended one changes nothing.
    """
    if period.refunded_at is not None:
        return
    now, end = timezone.now(), period.end_at
    # One that has not begun becomes empty at its start; one that is over keeps its end, and gives
    # nothing back.
    period.end_at = min(end, max(now, period.start_at))
    period.refunded_at = now
    period.save(update_fields=["end_at", "refunded_at"])
    given_back = end - period.end_at
    # By their old places, before they move: whatever began where this one ended, or after it.
    later = Period.objects.filter(
        patient_id=period.patient_id, doctor_id=period.doctor_id, start_at__gte=end
    )
    later.update(start_at=F("start_at") - given_back, end_at=F("end_at") - given_back)
    # Orders after the patient is against the lock order, so none is waited for.
    # One that is being opened right now waits for the patient's lock, and is refused then.
    free = period.free_orders.select_for_update(
        skip_locked=connection.features.has_select_for_update_skip_locked
    )
    for order in free.filter(status=Status.UNPAID):
        advance(order, Event.CANCEL, Role.CLOCK)
