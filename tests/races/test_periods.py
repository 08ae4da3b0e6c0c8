"""Monthly service: periods that never overlap, and free orders that stay free."""

from datetime import timedelta
from itertools import cycle, pairwise

import pytest
from django.utils import timezone

from qaorder.models import Order, OrderType, Period, Status
from tests.races import unguarded
from tests.races.harness import Race, code, codes, wrong
from tests.support.books import order_problems
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]

PURCHASES = 3


def test_r23_months_bought_at_once_follow_each_other(provider_race: Race) -> None:
    race = provider_race

    def play() -> list[str]:
        world = World(race.provider)
        orders = [world.new_order(OrderType.MONTHLY) for _ in range(PURCHASES)]
        notices = [world.notice(world.charge(order)) for order in orders]

        told = race.at_once(*notices)

        periods = list(Period.objects.filter(patient=world.patient).order_by("start_at"))
        gaps = [later.start_at - sooner.end_at for sooner, later in pairwise(periods)]
        return wrong(
            told=(codes(told), ["ok"] * PURCHASES),
            gaps=(gaps, [timedelta(0)] * (PURCHASES - 1)),
        ) + order_problems(*orders)

    race.run(
        "R23 months bought at once",
        play,
        lambda: unguarded.without_patient_lock(race.meeting(PURCHASES)),
    )


def test_r24_a_free_order_stays_free_when_the_period_ends(race: Race) -> None:
    turns = cycle([True, False])

    def play() -> list[str]:
        world = World()
        month = world.order_in(Status.PAID, OrderType.MONTHLY)
        rows = Period.objects.filter(order=month)
        # Every second time the order is in time for certain.
        early = world.create()() if next(turns) else None
        created, _ = race.at_once(
            (lambda: early) if early else world.create(),
            lambda: rows.update(end_at=timezone.now()),
        )
        order = Order.objects.get(order_number=created.json()["order_number"])

        rows.update(end_at=timezone.now())
        is_free = order.covered_by_id is not None
        problems = wrong(amount=(order.amount_fen, 0 if is_free else 1500))
        if is_free:
            paid = world.pay(order, "balance")()
            asked = world.ask(order)()
            order.refresh_from_db()
            problems += wrong(answers=(codes([paid, asked]), ["ok", "ok"]))
        return problems + order_problems(order)

    race.run("R24 period over after a free order", play, unguarded.pricing_at_payment)


def test_a_free_order_and_the_refund_of_its_month(race: Race) -> None:
    """Placed before the refund it is cancelled with it, after it the order has its price."""

    def play() -> list[str]:
        world = World()
        month = world.order_in(Status.PAID, OrderType.MONTHLY)

        created, refunded = race.at_once(world.create(), world.refund(month))

        problems = wrong(answers=(codes([created, refunded]), ["ok", "ok"]))
        order = Order.objects.exclude(pk=month.pk).get(patient=world.patient)
        wanted = (Status.UNPAID, 1500) if order.covered_by_id is None else (Status.CANCELLED, 0)
        problems += wrong(order=((order.status, order.amount_fen), wanted))
        return problems + order_problems(month, order)

    race.run(
        "–   free order and the month's refund",
        play,
        lambda: unguarded.all_of(
            unguarded.without_patient_lock(lambda: None),
            unguarded.meeting_after_reading_periods(race.meeting(2)),
        ),
    )


def test_the_opening_of_a_free_order_and_the_refund_of_its_month(race: Race) -> None:
    """What was opened uses the month, and nothing is opened in a month that was refunded."""

    def play() -> list[str]:
        world = World()
        month = world.order_in(Status.PAID, OrderType.MONTHLY)
        free = world.new_order()

        paid, refunded = race.at_once(world.pay(free, "balance"), world.refund(month))

        month.refresh_from_db()
        free.refresh_from_db()
        opened = code(paid) == "ok"
        return wrong(
            answers=(codes([paid, refunded]) in (["-9", "ok"], ["-2", "ok"]), True),
            month=(month.status, Status.PAID if opened else Status.CANCELLED),
            free=(free.status == Status.PAID, opened),
        ) + order_problems(month, free)

    race.run(
        "–   free order opened and the month's refund",
        play,
        lambda: unguarded.all_of(
            unguarded.without_patient_lock(lambda: None),
            unguarded.meeting_after_reading_periods(race.meeting(2)),
        ),
    )


def test_the_months_own_question_and_its_refund(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        month = world.order_in(Status.PAID, OrderType.MONTHLY)

        asked, refunded = race.at_once(world.ask(month), world.refund(month))

        month.refresh_from_db()
        won = code(asked) == "ok"
        return wrong(
            answers=(codes([asked, refunded]) in (["-9", "ok"], ["-7", "ok"]), True),
            status=(month.status, Status.WAITING if won else Status.CANCELLED),
        ) + order_problems(month)

    race.run(
        "R20 a month's question and its refund",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )
