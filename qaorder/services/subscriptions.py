"""Monthly service: when periods start, whether one runs, what ends them."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from accounts.models import Doctor, Patient
from qaorder.models import Order, Subscription


def lock_patient(patient_id: int) -> None:
    """Make the patient's purchases, free orders and their refunds wait for each other.

    Taken after the order's lock, before any account's.
    """
    Patient.objects.select_for_update().get(pk=patient_id)


def running_period(patient: Patient, doctor: Doctor) -> Subscription | None:
    """Return the period that runs now between the two, or None."""
    periods = Subscription.objects.filter(patient=patient, doctor=doctor)
    return periods.running(timezone.now()).order_by("end_at").first()


def start_period(order: Order) -> Subscription:
    """Open the period a paid monthly order bought: now, or where the pair's last one ends."""
    lock_patient(order.patient_id)
    now = timezone.now()
    last_end: datetime | None = (
        Subscription.objects.filter(
            patient_id=order.patient_id, doctor_id=order.doctor_id, end_at__gt=now
        )
        .order_by("-end_at")
        .values_list("end_at", flat=True)
        .first()
    )
    start = last_end or now
    return Subscription.objects.create(
        order=order,
        patient_id=order.patient_id,
        doctor_id=order.doctor_id,
        start_at=start,
        end_at=start + settings.MONTHLY_PERIOD,
    )


def is_used(period: Subscription) -> bool:
    """Whether something was asked in the period: its own question or a free order."""
    return hasattr(period.order, "question") or period.free_orders.exists()


def end_period(period: Subscription) -> None:
    """End the period at once, because its money goes back; later periods keep their times."""
    now = timezone.now()
    period.end_at = min(period.end_at, max(now, period.start_at))
    period.refunded_at = now
    period.save(update_fields=["end_at", "refunded_at"])
