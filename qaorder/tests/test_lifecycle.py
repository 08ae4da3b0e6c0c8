"""The whole product of status, event and role against the table, and the table in README."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from qaorder import orders
from qaorder.lifecycle import REFUSALS, TRANSITIONS, Event, Role, advance
from qaorder.models import Channel, Order, OrderEvent, Status
from tests.support import books
from tests.support.people import make_doctor, make_patient, order_in, place_order

README = Path(__file__).resolve().parents[2] / "README.md"
CELLS = list(product(Status, Event, Role))
ALLOWED = [
    (status, event, role)
    for status, event, role in CELLS
    if (status, event) in TRANSITIONS and role in TRANSITIONS[status, event].roles
]
REFUSED = [cell for cell in CELLS if cell not in ALLOWED]


def name_of(part: object) -> str:
    return getattr(part, "name", str(part)).lower()


def columns_of(event: Event) -> dict[str, Any]:
    """What the move writes along with the status."""
    return {"channel": Channel.WX, "paid_at": timezone.now()} if event is Event.PAY else {}


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "event", "role"), ALLOWED, ids=name_of)
def test_a_move_in_the_table_changes_the_status_and_writes_one_history_row(status, event, role):
    order = order_in(status)
    actor = order.patient.user
    history = order.events.count()
    ledger_before = books.everything()["ledger.Entry"]

    advance(order, event, role, actor, **columns_of(event))

    stored = Order.objects.get(pk=order.pk)
    row = order.events.last()
    assert stored.status == order.status == TRANSITIONS[status, event].target
    assert stored.status_at == order.status_at == row.created_at
    assert order.events.count() == history + 1
    assert (row.event, row.from_status, row.to_status, row.role, row.actor) == (
        event,
        status,
        TRANSITIONS[status, event].target,
        role,
        actor,
    )
    assert books.everything()["ledger.Entry"] == ledger_before


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "event", "role"), REFUSED, ids=name_of)
def test_any_other_move_is_refused_and_changes_nothing(status, event, role):
    order = order_in(status)
    before = books.everything()

    with pytest.raises(REFUSALS[event]):
        advance(order, event, role, order.patient.user, **columns_of(event))

    assert books.everything() == before
    assert order.status == status


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "event"), list(TRANSITIONS), ids=name_of)
def test_of_two_that_saw_the_same_status_the_second_is_refused(status, event):
    order = order_in(status)
    role = sorted(TRANSITIONS[status, event].roles)[0]
    stale = Order.objects.get(pk=order.pk)
    advance(order, event, role, **columns_of(event))
    before = books.everything()

    with pytest.raises(REFUSALS[event]):
        advance(stale, event, role, **columns_of(event))

    assert books.everything() == before
    assert stale.status == status


@pytest.mark.django_db
def test_a_stale_cancel_does_not_undo_a_payment():
    stale = place_order(make_patient(), make_doctor())
    paid = Order.objects.get(pk=stale.pk)
    advance(paid, Event.PAY, Role.PROVIDER, **columns_of(Event.PAY))
    before = books.everything()

    with pytest.raises(REFUSALS[Event.CANCEL]):
        orders.cancel_order(order=stale, role=Role.PATIENT)

    assert books.everything() == before


@pytest.mark.django_db(transaction=True)
def test_advance_outside_a_transaction_is_a_bug_in_the_caller():
    order = place_order(make_patient(), make_doctor())

    with pytest.raises(transaction.TransactionManagementError):
        advance(order, Event.CANCEL, Role.PATIENT)

    assert Order.objects.get().status == Status.UNPAID
    assert not OrderEvent.objects.exists()


@pytest.mark.django_db
def test_the_history_of_a_whole_consultation_is_one_row_per_move():
    order = order_in(Status.EVALUATED)
    patient, doctor = order.patient.user, order.doctor.user

    moves = order.events.values_list("event", "from_status", "to_status", "role", "actor_id")

    assert list(moves) == [
        ("pay", 0, 1, "patient", patient.pk),
        ("ask", 1, 2, "patient", patient.pk),
        ("answer", 2, 3, "doctor", doctor.pk),
        ("finish", 3, 4, "clock", None),
        ("evaluate", 4, 5, "patient", patient.pk),
    ]


def test_every_event_has_a_refusal_and_a_row_in_the_table():
    assert set(REFUSALS) == set(Event) == {event for _, event in TRANSITIONS}


def test_nothing_leaves_evaluated_and_cancelled():
    assert not {Status.EVALUATED, Status.CANCELLED} & {status for status, _ in TRANSITIONS}


def expected_readme_rows() -> list[str]:
    """The table that README must show, in the order of the statuses and their targets."""
    rows = sorted(TRANSITIONS.items(), key=lambda row: (row[0][0], row[1].target))
    return [
        f"| {status.value} | {status.label} | {move.target.value} | {event.label} | "
        + ", ".join(role.label for role in Role if role in move.roles)
        + " |"
        for (status, event), move in rows
    ]


def test_the_readme_shows_the_table_that_the_code_runs_by():
    block = re.search(
        r"<!-- lifecycle -->\n(.*?)<!-- /lifecycle -->", README.read_text("utf-8"), re.DOTALL
    )

    assert block is not None
    assert [row for row in block[1].splitlines() if re.match(r"\| \d", row)] == (
        expected_readme_rows()
    ), "README:\n" + "\n".join(expected_readme_rows())
