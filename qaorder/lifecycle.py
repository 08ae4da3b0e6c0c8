"""The order's lifecycle as data: one table, and the one function that moves an order along it."""

from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts.models import User
from api import errors
from qaorder.models import Order, OrderEvent, Status


class Event(models.TextChoices):
    PAY = "pay", "支付"
    CANCEL = "cancel", "取消"
    ASK = "ask", "提问"
    LAPSE = "lapse", "包月到期"
    REFUND = "refund", "退款"
    ANSWER = "answer", "回答"
    FINISH = "finish", "结束"
    EVALUATE = "evaluate", "评价"


class Role(models.TextChoices):
    PATIENT = "patient", "患者"
    DOCTOR = "doctor", "医生"
    STAFF = "staff", "工作人员"
    PROVIDER = "provider", "支付渠道"
    CLOCK = "clock", "系统"


class Move(NamedTuple):
    target: Status
    roles: frozenset[Role]


# The provider never: what its console refunds is a difference, until staff accept it.
_REFUNDERS = frozenset({Role.PATIENT, Role.DOCTOR, Role.STAFF, Role.CLOCK})

TRANSITIONS: dict[tuple[Status, Event], Move] = {
    (Status.UNPAID, Event.PAY): Move(Status.PAID, frozenset({Role.PROVIDER, Role.PATIENT})),
    (Status.UNPAID, Event.CANCEL): Move(
        Status.CANCELLED, frozenset({Role.PATIENT, Role.DOCTOR, Role.CLOCK})
    ),
    (Status.PAID, Event.ASK): Move(Status.WAITING, frozenset({Role.PATIENT})),
    (Status.PAID, Event.LAPSE): Move(Status.FINISHED, frozenset({Role.CLOCK})),
    (Status.PAID, Event.REFUND): Move(Status.CANCELLED, _REFUNDERS),
    (Status.WAITING, Event.ANSWER): Move(Status.ANSWERED, frozenset({Role.DOCTOR})),
    (Status.WAITING, Event.REFUND): Move(Status.CANCELLED, _REFUNDERS),
    (Status.ANSWERED, Event.FINISH): Move(
        Status.FINISHED, frozenset({Role.PATIENT, Role.DOCTOR, Role.CLOCK})
    ),
    (Status.FINISHED, Event.EVALUATE): Move(Status.EVALUATED, frozenset({Role.PATIENT})),
}

REFUSALS: dict[Event, type[errors.Refusal]] = {
    Event.PAY: errors.CannotPay,
    Event.CANCEL: errors.CannotCancel,
    Event.ASK: errors.CannotAsk,
    Event.LAPSE: errors.CannotFinish,
    Event.REFUND: errors.CannotRefund,
    Event.ANSWER: errors.CannotAnswer,
    Event.FINISH: errors.CannotFinish,
    Event.EVALUATE: errors.CannotEvaluate,
}


order_completed = Signal()
"""Sent with the `order` in the transaction that ends its consultation.

Who listens (`payments.release`) stands above this app; what it raises undoes the move.
"""


def advance(
    order: Order, event: Event, role: Role, actor: User | None = None, **columns: Any
) -> None:
    """Move the order along TRANSITIONS, writing `columns` too; call in a transaction.

    Raises: the event's Refusal if the table has no such move for this role, also when another
    request moved the order first; nothing is changed then.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("advance() belongs in a transaction")
    source = Status(order.status)
    move = TRANSITIONS.get((source, event))
    if move is None or role not in move.roles:
        raise REFUSALS[event]
    now = timezone.now()
    # The clock counts from `status_at`, and its failures were those of the old status.
    columns |= {"status": move.target, "status_at": now}
    # Compare and set: of two requests that both saw the old status, one changes a row.
    rows = Order.objects.filter(pk=order.pk, status=source)
    if not rows.update(**columns, next_try_at=None, failures=0):
        raise REFUSALS[event]
    for name, value in columns.items():
        setattr(order, name, value)
    OrderEvent.objects.create(
        order=order,
        event=event,
        from_status=source,
        to_status=move.target,
        role=role,
        actor=actor,
        created_at=now,
    )
