"""Refunds made in the provider's console, and staff: against each other, notices and the clock."""

from functools import partial
from itertools import cycle

import pytest

from accounts.models import User
from audit.runner import audit
from ledger.models import Transaction
from payments import (
    console_refunds,
    paid_charge,
    refund_outbox,
    refunds,
    settlement,
    staff_acts,
    suspense_acts,
)
from payments.models import Bearer, Discrepancy, Refund, RefundStatus, SuspenseCharge
from qaorder.models import Order, Status
from tests.races import unguarded
from tests.races.harness import Call, Problems, Race, at_point, code, codes, wrong
from tests.support.books import held_fen
from tests.support.people import make_user
from tests.support.world import World, drain

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]


def broken() -> Problems:
    """What the audit finds, whatever the provider's own book says."""
    return [f"{found.invariant.code}: {found.rows[:2]}" for found in audit() if found.rows]


def member() -> User:
    return make_user(is_staff=True, is_superuser=True)


def served(world: World) -> Order:
    """An answered order whose money came by the provider."""
    order = world.paid_by_charge()
    assert world.ask(order)().status_code == 201
    order.refresh_from_db()
    assert world.answer(order)().status_code == 201
    order.refresh_from_db()
    return order


def charge_of(order: Order) -> str:
    return str(order.payments.get().charge_id)


def told(world: World, order: Order, amount: int) -> Discrepancy:
    """The difference that a console's refund of the order's money leaves."""
    made = world.provider.console_refund(charge_of(order), amount)
    world.tell("refund.succeeded", made)()
    return Discrepancy.objects.get(refund_id=made["id"])


def acceptance(row: Discrepancy) -> Call:
    return partial(
        console_refunds.accept,
        row,
        bearer=Bearer.DOCTOR,
        actor=make_user(is_staff=True),
        reason="x",
    )


def test_accept_and_dispute(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> Problems:
        order = served(world)
        row = told(world, order, 1500)

        decided = race.at_once(acceptance(row), partial(console_refunds.dispute, row))

        drain()
        return wrong(decided=(codes(decided), ["!StaffRefusal", "ok"])) + broken()

    race.run(
        "C2  accept and dispute", play, lambda: unguarded.deciding_without_lock(race.meeting(2))
    )


def test_accept_and_finish(provider_race: Race) -> None:
    """The doctor's share is taken in transit or after the release, never from both or neither."""
    race, world = provider_race, World(provider_race.provider)

    def play() -> Problems:
        order = served(world)
        row = told(world, order, 1500)

        accepted, finished = race.at_once(acceptance(row), world.finish(order))

        drain()
        order.refresh_from_db()
        return wrong(
            answers=([code(accepted), code(finished)], ["ok", "ok"]),
            status=(order.status, Status.FINISHED),
            released=(order.released_at is not None, True),
            held=(held_fen(order), 0),
        )

    race.run(
        "C2  accept and finish",
        play,
        lambda: unguarded.releasing_without_lock(race.meeting(2)),
    )


def test_dispute_and_the_sender_that_finds_it_covers_ours(provider_race: Race) -> None:
    """Either the console's refund is ours, or the platform stands for it; never both."""
    race, world = provider_race, World(provider_race.provider)
    race.provider = None  # its book has what was disputed as a refund, ours has not

    def play() -> Problems:
        order = world.paid_by_charge()
        row = told(world, order, 1500)
        world.refund(order)()

        disputed, sent = race.at_once(partial(console_refunds.dispute, row), refund_outbox.send_due)

        drain()
        refund = Refund.objects.get(payment__order=order)
        is_disputed = code(disputed) == "ok"
        status = RefundStatus.FAILED if is_disputed else RefundStatus.SUCCEEDED
        return wrong(
            answers=(code(disputed) in ("ok", "!StaffRefusal"), True),
            sent=(code(sent), "ok"),
            status=(refund.status, status),
        )

    race.run(
        "C2  dispute and adoption",
        play,
        lambda: unguarded.all_of(
            unguarded.deciding_without_lock(meeting := race.meeting(2)),
            unguarded.pausing(meeting, "refund.recorded"),
        ),
    )


def test_two_members_approve_and_a_third_declines(provider_race: Race, settings: object) -> None:
    race, world = provider_race, World(provider_race.provider)
    race.provider = None  # its book knows nothing of what staff do
    settings.STAFF_DOUBLE_CHECK_FEN = 0  # type: ignore[attr-defined]

    def play() -> Problems:
        order = world.paid_by_charge()
        world.provider.reject_refunds(charge_of(order))
        world.refund(order)()
        refund_outbox.send_due()
        row = Refund.objects.get(payment__order=order)
        request = staff_acts.request("refund_to_balance", row, actor=member(), reason="x")

        decided = race.at_once(
            partial(staff_acts.approve, request, actor=member()),
            partial(staff_acts.approve, request, actor=member()),
            partial(staff_acts.decline, request, actor=member()),
        )

        request.refresh_from_db()
        row.refresh_from_db()
        posted = Transaction.objects.filter(reference__startswith=f"refund:{row.pk}:").count()
        is_done = request.state == "done"
        return wrong(
            decided=(codes(decided), ["!StaffRefusal", "!StaffRefusal", "ok"]),
            posted=(posted, int(is_done)),
        )

    race.run("–   approve, approve, decline", play, unguarded.without_row_locks)


def test_taking_back_and_the_notice_that_says_so_again(provider_race: Race) -> None:
    """One goes from the difference to the refund, the other from the refund to the difference."""
    race, world = provider_race, World(provider_race.provider)

    def play() -> Problems:
        order = world.paid_by_charge()
        world.refund(order)()
        drain()
        refund = Refund.objects.get(payment__order=order)
        failed = world.provider.fail_refund_late(str(refund.refund_id))
        world.tell("refund.failed", failed)()
        row = Discrepancy.objects.get(refund_id=failed["id"])

        done = race.at_once(
            partial(console_refunds.take_back, row), world.tell("refund.failed", failed)
        )

        refund.refresh_from_db()
        return wrong(done=(codes(done), ["ok", "ok"]), status=(refund.status, RefundStatus.FAILED))

    race.run(
        "C2  taking back and its notice",
        play,
        lambda: unguarded.locking_the_refund_alone(race.meeting(2)),
    )


def test_two_readers_of_a_console_refund_that_covers_ours(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> Problems:
        order = world.paid_by_charge()
        world.refund(order)()
        made = world.provider.console_refund(charge_of(order))

        done = race.at_once(
            world.tell("refund.succeeded", made),
            partial(console_refunds.take_note, made["charge"], [made]),
        )

        drain()
        return wrong(
            done=(codes(done), ["ok", "ok"]),
            status=(Refund.objects.get(payment__order=order).status, RefundStatus.SUCCEEDED),
            differences=(Discrepancy.objects.filter(resolved_at=None).count(), 0),
        )

    race.run(
        "C2  two readers of a console's refund",
        play,
        lambda: unguarded.believing_the_first_look(race.meeting(2)),
    )


def test_retry_late_failure_and_the_sender(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> Problems:
        order = world.paid_by_charge()
        world.provider.sandbox.script_refunds("refuse")
        world.refund(order)()
        drain()
        refund = Refund.objects.get(payment__order=order)
        failed = world.provider.sandbox.refunds.page(charge_of(order), {})["data"][0]
        tell = world.tell("refund.failed", failed)
        refunds.retry(refund)

        with at_point("refund.asked", lambda: tell() and None):
            done = race.at_once(refund_outbox.send_due, tell, refund_outbox.send_due)

        refund.refresh_from_db()
        return wrong(done=(codes(done), ["ok"] * 3), status=(refund.status, RefundStatus.SUCCEEDED))

    race.run("C12 retry and a late failure", play, unguarded.failing_whatever_attempt)


def test_keeping_held_money_and_the_notice_that_puts_it_right(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    race.provider = None  # its book knows nothing of what staff do
    is_there, is_decided = race.meeting(2), race.meeting(2)
    turns = cycle([100, 1499])

    def play() -> Problems:
        order = world.new_order()
        charge = world.charge(order)
        right = world.provider.sandbox.pay(charge, force=True)
        world.tell("charge.succeeded", right | {"amount": next(turns)})()
        row = SuspenseCharge.objects.get(charge_id=charge)
        fact = paid_charge.read_paid_charge(right)
        assert fact is not None

        keep = race.then(partial(suspense_acts.keep, row), is_decided, after=is_there)
        done = race.at_once(keep, partial(settlement.settle, fact))

        order.refresh_from_db()
        is_kept = SuspenseCharge.objects.get(pk=row.pk).resolution == "kept"
        return wrong(
            kept=(code(done[0]), "ok" if is_kept else "!StaffRefusal"),
            settled=(code(done[1]), "ok"),
            status=(order.status, Status.UNPAID if is_kept else Status.PAID),
        )

    race.run(
        "C3  keeping held money and its right notice",
        play,
        lambda: unguarded.unholding_whatever_was_decided(is_there, is_decided),
    )
