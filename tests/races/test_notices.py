"""Notices: against cancelling, the clock, each other, and in any order."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import orders as sweeps
from ledger.models import Transaction
from payments import inquiry, refund_answers
from payments.models import DiscrepancyKind, Notice, Payment, Refund, RefundStatus
from payments.reconcile import comparison
from qaorder.models import Order, Status
from tests.races import unguarded
from tests.races.harness import Race, code, codes, rounds, times, wrong
from tests.support.books import order_problems, whole_book
from tests.support.world import World, drain

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]

LATE = timedelta(minutes=20)


def test_r3_cancel_and_the_notice(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        notice = world.notice(world.charge(order))

        cancelled, told = race.at_once(world.cancel(order), notice)

        order.refresh_from_db()
        wanted = {"ok": Status.CANCELLED, "-1": Status.PAID}.get(code(cancelled))
        return wrong(told=(code(told), "ok"), status=(order.status, wanted)) + order_problems(order)

    race.run(
        "R3  cancel and the notice",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )


def test_r22_destroy_and_the_notice(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        notice = world.notice(world.charge(order))

        destroyed, told = race.at_once(world.destroy(order), notice)

        order.refresh_from_db()
        wanted = {"ok": Status.CANCELLED, "400": Status.PAID}.get(code(destroyed))
        return wrong(told=(code(told), "ok"), status=(order.status, wanted)) + order_problems(order)

    race.run(
        "R22 destroy with a charge in flight",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )


def test_r4_the_clock_and_money_that_came_in_time_or_late(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    turns = cycle([True, False])

    def play() -> list[str]:
        order, in_time = world.new_order(), next(turns)
        charge = world.charge(order, "wx")
        deadline = timezone.now() - LATE
        Order.objects.filter(pk=order.pk).update(pay_deadline=deadline)
        paid_at = deadline - LATE if in_time else deadline + LATE / 2
        notice = world.notice(charge, time_paid=int(paid_at.timestamp()))

        told, tapped, _ = race.at_once(notice, world.pay(order, "wx"), sweeps.expire_unpaid)

        sweeps.expire_unpaid()
        order.refresh_from_db()
        return wrong(
            told=(code(told), "ok"),
            tapped=(code(tapped), "-2"),
            status=(order.status, Status.PAID if in_time else Status.CANCELLED),
        ) + order_problems(order)

    race.run(
        "R4  expiry, pay and the notice",
        play,
        lambda: unguarded.all_of(
            unguarded.without_asking(),
            unguarded.pausing(race.meeting(2), "sweep.cancelled", "webhook.notice_kept"),
        ),
    )


def test_r7_identical_notices(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        notice = world.notice(world.charge(order))
        kept = Notice.objects.count()

        told = race.at_once(*times(6, notice))

        outcomes = sorted(answer.json().get("outcome", "") for answer in told)
        return wrong(
            told=(codes(told), ["ok"] * 6),
            outcomes=(outcomes, ["applied", *["repeated"] * 5]),
            kept=(Notice.objects.count() - kept, 1),
            captures=(Transaction.objects.filter(order_number=order.order_number).count(), 1),
        ) + order_problems(order)

    race.run(
        "R7  identical notices",
        play,
        lambda: unguarded.all_of(
            unguarded.without_unique("payments_notice", "event_id"),
            unguarded.pausing(race.meeting(6), "webhook.notice_kept"),
        ),
    )


def test_r8_two_event_ids_for_one_charge(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        charge = world.charge(order)

        told = race.at_once(world.notice(charge), world.notice(charge))

        outcomes = sorted(str(answer.json().get("outcome")) for answer in told)
        return wrong(
            told=(codes(told), ["ok", "ok"]), outcomes=(outcomes, ["applied", "repeated"])
        ) + order_problems(order)

    race.run(
        "R8  two event ids, one charge",
        play,
        lambda: unguarded.all_of(
            unguarded.without_row_locks(),
            unguarded.pausing(race.meeting(2), "webhook.notice_kept"),
            unguarded.pausing(race.meeting(2, 0.2), "settle.captured"),
        ),
    )


def test_r9_asking_the_provider_and_the_notice(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        notice = world.notice(world.charge(order))
        payment = Payment.objects.get(order=order)

        told, asked = race.at_once(notice, partial(inquiry.inquire, payment))

        order.refresh_from_db()
        return wrong(
            told=(code(told), "ok"),
            asked=(code(asked), "ok"),
            status=(order.status, Status.PAID),
        ) + order_problems(order)

    race.run(
        "R9  asking and the notice",
        play,
        lambda: unguarded.all_of(
            unguarded.without_row_locks(),
            unguarded.pausing(race.meeting(2), "webhook.notice_kept", "sweep.inquired"),
            unguarded.pausing(race.meeting(2, 0.2), "settle.captured"),
        ),
    )


LONG_AGO = timedelta(days=3)


def test_r35_comparing_the_books_and_the_notice(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    clock = world.provider.sandbox.clock
    # Each round has two seconds of the past to itself, so that it compares its own charge only.
    seconds = count(int(LONG_AGO.total_seconds()), -2)

    def play() -> list[str]:
        order = world.new_order()
        clock.offset = -float(next(seconds))
        notice = world.notice(world.charge(order))
        start = timezone.now() + timedelta(seconds=clock.offset - 1)
        compare = partial(comparison.compare, start, start + timedelta(seconds=2))

        told, report = race.at_once(notice, compare)

        clock.offset = 0.0
        order.refresh_from_db()
        kinds = [row.kind for row in getattr(report, "found", ())]
        return wrong(
            told=(code(told), "ok"),
            compared=(code(report), "ok"),
            kinds=(kinds in ([], [DiscrepancyKind.MISSED]), True),
            status=(order.status, Status.PAID),
        ) + order_problems(order)

    race.run(
        "R35 comparing the books and the notice",
        play,
        lambda: unguarded.all_of(
            unguarded.without_row_locks(),
            _meeting_before_effect(race.meeting(2)),
            unguarded.pausing(race.meeting(2, 0.2), "settle.captured"),
        ),
    )


@contextmanager
def _meeting_before_effect(meet: Callable[[], None]) -> Iterator[None]:
    with (
        unguarded.meeting_before_settling(meet),
        unguarded.pausing(meet, "webhook.notice_kept"),
    ):
        yield


EVENTS = ("alipay", "alipay again", "wx", "cancel", "send refunds", "refund notices")


def test_r10_any_order_of_events_ends_alike(provider_race: Race) -> None:
    """Two charges of one order are paid; notices, cancel and refunds come in any order."""
    race, world = provider_race, World(provider_race.provider)

    def end(sequence: list[str]) -> list[str]:
        order = world.new_order()
        charges = {channel: world.charge(order, channel) for channel in ("alipay", "wx")}
        acts: dict[str, Any] = {
            "alipay": world.notice(charges["alipay"]),
            "alipay again": world.notice(charges["alipay"]),
            "wx": world.notice(charges["wx"]),
            "cancel": world.cancel(order),
            "send refunds": drain,
            "refund notices": partial(_tell_refunds, world, [*charges.values()]),
        }
        answers = {name: acts[name]() for name in sequence}
        for name in ("send refunds", "refund notices"):
            acts[name]()
        told = [answers[name] for name in ("alipay", "alipay again", "wx")]
        order.refresh_from_db()
        by_hand = code(answers["cancel"]) == "ok"
        kept = [f.status for f in Refund.objects.filter(payment__order=order)]
        return wrong(
            told=(codes(told), ["ok"] * 3),
            status=(order.status, Status.CANCELLED if by_hand else Status.PAID),
            refunds=(kept, [RefundStatus.SUCCEEDED] * (2 if by_hand else 1)),
        ) + order_problems(order)

    sequences: list[list[str]] = []

    @settings(
        max_examples=max(rounds(), 5),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.permutations(EVENTS))
    def collect(sequence: list[str]) -> None:
        sequences.append(list(sequence))

    collect()
    coming = cycle(sequences)
    race.run(
        "R10 events in any order",
        lambda: end(next(coming)),
        unguarded.believing_the_last_word,
        at_most=len(sequences),
    )


def _tell_refunds(world: World, charges: list[str]) -> None:
    """Deliver what the provider has to say of the charges' refunds, twice."""
    sandbox = world.provider.sandbox
    for charge in charges:
        for refund in sandbox.refunds.page(charge, {})["data"]:
            if refund["status"] == "pending":
                refund = sandbox.settle_refund(refund["id"])
            for _ in range(2):
                world.tell("refund.succeeded", refund)()


def test_r10_what_the_provider_says_of_a_refund_in_any_order(provider_race: Race) -> None:
    """The answer "pending" may be read after the notice "succeeded"."""
    race, world = provider_race, World(provider_race.provider)
    words = [["pending", "succeeded"], ["succeeded", "pending"], ["succeeded", "succeeded"]]
    coming = cycle(words)

    def play() -> list[str]:
        order = world.paid_by_charge()
        world.refund(order)()
        drain()
        refund = Refund.objects.get(payment__order=order)
        return wrong(refund=(refund.status, RefundStatus.SUCCEEDED)) + _say(
            refund, next(coming), order
        )

    race.run("R10 a refund's answers in any order", play, unguarded.believing_the_last_word)


def _say(refund: Refund, words: list[str], order: Order) -> list[str]:
    answer = {
        "id": refund.refund_id,
        "charge": refund.payment.charge_id,
        "amount": refund.amount_fen,
    }
    outcomes = []
    for word in words:
        try:
            outcomes.append(refund_answers.record(refund.pk, answer | {"status": word}))
        except Exception as error:
            outcomes.append(type(error).__name__)
    refund.refresh_from_db()
    return wrong(
        outcomes=(outcomes, ["repeated"] * len(words)),
        status=(refund.status, RefundStatus.SUCCEEDED),
    ) + order_problems(order)


PROCESSES = 4
NOTICES = 25


@pytest.mark.slow
def test_r7_four_processes_deliver_the_same_notices(provider: Any, tmp_path: Path) -> None:
    """Doubled and shuffled, in processes that share nothing but the database."""
    world = World(provider)
    orders = [world.new_order() for _ in range(min(max(NOTICES, rounds()), 200))]
    notices = []
    for order in orders:
        post = world.notice(world.charge(order))
        raw, signature = post.args  # type: ignore[attr-defined]
        notices += [(raw.decode(), signature)] * 2
    children = []
    for number in range(PROCESSES):
        random.Random(number).shuffle(notices)
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(notices), "utf-8")
        children.append(_deliverer(path))

    outcomes: dict[str, int] = {}
    for child in children:
        out, _ = child.communicate(timeout=240)
        assert child.returncode == 0, out
        for word, seen in json.loads(out.splitlines()[-1]).items():
            outcomes[word] = outcomes.get(word, 0) + seen

    total = len(orders) * 2 * PROCESSES
    assert outcomes == {"applied": len(orders), "repeated": total - len(orders)}
    assert order_problems(*orders) == []
    assert whole_book(provider) == []
    assert {order.status for order in Order.objects.all()} == {Status.PAID}


def _deliverer(path: Path) -> "subprocess.Popen[str]":
    target = connection.settings_dict
    url = f"postgres://{target['USER']}:{target['PASSWORD']}@{target['HOST']}:{target['PORT']}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"{url}/{target['NAME']}",
        "DJANGO_SETTINGS_MODULE": "feiqingsong.settings_test",
        "PINGPP_PUBLIC_KEY": django_settings.PINGPP_PUBLIC_KEY,
        "LOG_LEVEL": "CRITICAL",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.races.deliver", str(path)],
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
