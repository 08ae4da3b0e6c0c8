"""Two copies of `run_jobs` at once: everything that is due happens, and happens once."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from jobs.runner import run_round
from ledger.models import Account
from payments.models import Comparison, Payment
from qaorder.models import Order, OrderType, Period, Status
from tests.races import unguarded
from tests.races.harness import Race, code, codes, wrong
from tests.support.books import order_problems
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]

SECOND = timedelta(seconds=1)


def test_r28_two_copies_of_the_jobs(provider_race: Race) -> None:
    race = provider_race
    _compared()
    ends = {
        "unpaid": Status.CANCELLED,
        "paid in silence": Status.PAID,
        "unasked": Status.CANCELLED,
        "unanswered": Status.CANCELLED,
        "answered": Status.FINISHED,
        "month": Status.FINISHED,
    }

    def play() -> list[str]:
        world = World(race.provider)
        orders = _due(world)

        done = race.at_once(run_round, run_round)

        found = {name: Order.objects.get(pk=order.pk).status for name, order in orders.items()}
        return (
            wrong(
                done=(codes(done), ["ok", "ok"]),
                ends=(found, ends),
                earned=(_earned(world), 1500 + 7000),
            )
            + order_problems(*orders.values())
            + _counts(done)
        )

    race.run(
        "R28 two copies of run_jobs",
        play,
        lambda: unguarded.all_of(
            unguarded.without_locks_and_compare_and_set(race.meeting(2, 0.2)),
            unguarded.without_unique("ledger_transaction", "reference"),
        ),
    )


def _compared() -> None:
    """The books count as compared: the provider's also holds charges of other tests."""
    soon = timezone.now() + timedelta(hours=1)
    Comparison.objects.create(start_at=soon - timedelta(days=2), end_at=soon, compared_to=soon)


def _due(world: World) -> dict[str, Order]:
    """One order of each kind that the clock must move."""
    now = timezone.now()
    orders = {
        "unpaid": world.new_order(),
        "paid in silence": world.new_order(),
        "unasked": world.paid_by_charge(),
        "unanswered": world.order_in(Status.WAITING),
        "answered": world.order_in(Status.ANSWERED),
        "month": world.order_in(Status.PAID, OrderType.MONTHLY),
    }
    silent = world.charge(orders["paid in silence"])
    world.notice(silent)
    rows = Payment.objects.filter(charge_id=silent)
    rows.update(inquired_at=now - timedelta(minutes=10))
    late = {
        "unasked": settings.ORDER_ASK_WINDOW,
        "unanswered": settings.ORDER_ANSWER_WINDOW,
        "answered": settings.ORDER_FINISH_WINDOW,
        "month": settings.MONTHLY_PERIOD,
    }
    for name, window in late.items():
        rows_of = Order.objects.filter(pk=orders[name].pk)
        rows_of.update(status_at=now - window - SECOND)
    past = now - settings.ORDER_EXPIRY_GRACE - SECOND
    Order.objects.filter(pk=orders["unpaid"].pk).update(pay_deadline=past)
    Period.objects.filter(order=orders["month"]).update(
        start_at=now - settings.MONTHLY_PERIOD, end_at=now - SECOND
    )
    return orders


def _earned(world: World) -> int:
    account = Account.objects.filter(owner=world.doctor.user, kind="earnings").first()
    return (account.balance_fen or 0) if account else 0


def _counts(done: list[dict[str, int]]) -> list[str]:
    """Each sweep moved its one order in one of the two copies."""
    if codes(done) != ["ok", "ok"]:
        return [f"round: {code(one)}" for one in done]
    sweeps = ("expire_unpaid", "refund_unasked", "refund_unanswered", "lapse_monthly")
    return wrong(
        **{
            name: (sum(one.get(name, 0) for one in done), 1)
            for name in (*sweeps, "finish_answered")
        }
    )
