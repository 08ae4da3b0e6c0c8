"""Placing, cancelling, finishing, evaluating and hiding an order."""

import secrets
import uuid

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts.models import Doctor, Patient, User
from api import limit_table, limits
from api.errors import CannotDestroy
from qaorder.lifecycle import Event, Role, advance, order_completed
from qaorder.models import Evaluation, Order, OrderType, Status
from qaorder.models.order import ORDER_NUMBER_LENGTH
from qaorder.periods import lock_patient, running_period

NO_SUCH_DOCTOR = "该医生不存在或暂不接单。"
PATIENT_DIGITS = 4
DESTROYABLE = (Status.FINISHED, Status.EVALUATED, Status.CANCELLED)


def new_order_number(patient: Patient, request_id: uuid.UUID | None = None) -> str:
    """Return 26 digits: random ones, then the patient's pk modulo 10000.

    With a random `request_id`, always the same ones for it.
    """
    first = 10 ** (ORDER_NUMBER_LENGTH - PATIENT_DIGITS - 1)
    # What a repeated request began is found by this number alone; see `claim_recharge`.
    rest = (request_id.int if request_id else secrets.randbits(128)) % (9 * first)
    return f"{first + rest}{patient.pk % 10**PATIENT_DIGITS:0{PATIENT_DIGITS}d}"


@transaction.atomic
def place_order(*, patient: Patient, doctor_username: str, order_type: str) -> Order:
    """Order a consultation at the doctor's price of this moment, which is fixed from then on.

    Free while the patient's monthly service with this doctor runs.
    Raises: ValidationError naming `doctor`, in the same words for a name that does not exist, one
    that is no doctor, a doctor who takes no orders, and oneself; TooManyRequests.
    """
    lock_patient(patient.pk)  # before the doctor is read, who may change while this waits
    _refuse_one_more_unpaid(patient)
    doctor = Doctor.objects.select_related("user").filter(user__username=doctor_username).first()
    if doctor is None or not doctor.takes_orders or doctor.user_id == patient.user_id:
        raise ValidationError({"doctor": [NO_SUCH_DOCTOR]})
    period = None
    amount_fen = doctor.monthly_price_fen
    if order_type == OrderType.ONLINE:
        period = running_period(patient, doctor)
        amount_fen = 0 if period else doctor.online_price_fen
    now = timezone.now()
    return Order.objects.create(
        order_number=new_order_number(patient),
        patient=patient,
        doctor=doctor,
        order_type=order_type,
        amount_fen=amount_fen,
        platform_share_percent=settings.PLATFORM_SHARE_PERCENT,
        covered_by=period,
        created_at=now,
        status_at=now,
        pay_deadline=now + settings.ORDER_PAY_WINDOW,
    )


def _refuse_one_more_unpaid(patient: Patient) -> None:
    """Keep a patient's open orders few; under the patient's lock, or two at once would pass.

    Raises: TooManyRequests, until the first of them expires at the latest.
    """
    if not settings.LIMITS:
        return
    most, _ = limits.rate(limit_table.UNPAID_ORDERS)
    unpaid = Order.objects.filter(patient=patient, status=Status.UNPAID).order_by("pay_deadline")
    deadlines = list(unpaid.values_list("pay_deadline", flat=True)[:most])
    if len(deadlines) == most:
        # When the next place is free for certain, for Retry-After.
        left = deadlines[0] + settings.ORDER_EXPIRY_GRACE - timezone.now()
        raise limits.too_many(limit_table.UNPAID_ORDERS, left.total_seconds())


def lock_order(pk: int) -> Order:
    """Return the order, locked before all else; its doctor is read along, as of now."""
    # Everything about an order's money waits here. The doctor is read, not locked: who needs the
    # doctor to stay as they are calls `require_verified`.
    rows = Order.objects.select_for_update(of=("self",)).select_related("doctor")
    return rows.get(pk=pk)


@transaction.atomic
def cancel_order(*, order: Order, role: Role, actor: User | None = None) -> Order:
    """Cancel an unpaid order; money that still comes is refunded.  Raises: CannotCancel."""
    advance(order, Event.CANCEL, role, actor)
    return order


@transaction.atomic
def finish_order(*, order: Order, role: Role, actor: User | None = None) -> Order:
    """End an answered consultation and release its money.  Raises: CannotFinish."""
    advance(order, Event.FINISH, role, actor)
    # In this transaction: the money moves along with the status, or neither does.
    order_completed.send(Order, order=order)
    return order


@transaction.atomic
def lapse_order(*, order: Order) -> Order:
    """End a monthly order that nothing was asked in when its period is over; release it."""
    advance(order, Event.LAPSE, Role.CLOCK)
    order_completed.send(Order, order=order)
    return order


@transaction.atomic
def evaluate_order(*, order: Order, actor: User, scores: int, content: str) -> Evaluation:
    """Evaluate a finished consultation, once.  Raises: CannotEvaluate."""
    advance(order, Event.EVALUATE, Role.PATIENT, actor)
    return Evaluation.objects.create(
        order=order,
        doctor=order.doctor,
        evaluate_type=order.order_type,
        scores=scores,
        content=content,
    )


@transaction.atomic
def destroy_order(*, order: Order, role: Role, actor: User) -> None:
    """Hide the order from one side; an unpaid one, which only the patient may, is cancelled too.

    Nothing is erased.  Raises: CannotDestroy while the consultation goes on.
    """
    order = lock_order(order.pk)
    if order.status == Status.UNPAID and role is Role.PATIENT:
        advance(order, Event.CANCEL, role, actor)
    elif order.status not in DESTROYABLE:
        raise CannotDestroy
    # Each side has its own: what one of them puts away the other still has to see.
    field = "patient_hidden_at" if role is Role.PATIENT else "doctor_hidden_at"
    Order.objects.filter(pk=order.pk).update(**{field: timezone.now()})
