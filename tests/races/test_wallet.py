"""The balance: spent once, opened once, never locked in two orders."""

from functools import partial
from itertools import cycle
from typing import Any

import pytest

from ledger import services as ledger
from ledger.models import Account
from qaorder.models import Channel, OrderType, Status
from tests.races import unguarded
from tests.races.harness import Race, at_point, code, codes, wrong
from tests.support import people
from tests.support.books import order_problems
from tests.support.paying import recharge
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]


def test_r12_a_balance_is_spent_once(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        people.top_up(world.patient.user, 1500 - ledger.balance_fen(world.patient.user))
        orders = [world.new_order(), world.new_order()]

        answers = race.at_once(*(world.pay(order, "balance") for order in orders))

        left = ledger.balance_fen(world.patient.user)
        return wrong(answers=(codes(answers), ["-5", "ok"]), left=(left, 0)) + order_problems(
            *orders
        )

    race.run("R12 balance spent twice", play, lambda: unguarded.read_modify_write(race.meeting(2)))


def test_r13_balance_and_charge_pay_one_order_once(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        people.top_up(world.patient.user, 1500)
        order = world.new_order()
        notice = world.notice(world.charge(order))

        answers = race.at_once(world.pay(order, "balance"), notice)

        by_balance, told = map(code, answers)
        return (
            wrong(told=(told, "ok"), by_balance=(by_balance in ("ok", "-2"), True))
            + order_problems(order)
            + _settle(world)
        )

    race.run(
        "R13 balance and the notice of a charge",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )


def test_r13_a_charge_asked_for_while_the_balance_pays(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    turns = cycle([False, True])

    def play() -> list[str]:
        people.top_up(world.patient.user, 1500)
        order = world.new_order()

        by_hand, by_provider = world.pay(order, "balance"), world.pay(order, "alipay")
        if next(turns):
            by_balance, by_charge = race.at_once(by_hand, by_provider)
        else:
            answers: list[Any] = []
            with at_point("pay.charge_created", lambda: answers.append(by_hand())):
                by_charge = by_provider()
            [by_balance] = answers

        problems = wrong(
            by_balance=(code(by_balance), "ok"),
            by_charge=(code(by_charge) in ("ok", "-2"), True),
        )
        if code(by_charge) == "ok":
            told = world.notice(by_charge.json()["charge"]["id"])()
            problems += wrong(told=(code(told), "ok"))
        return problems + order_problems(order) + _settle(world)

    race.run("R13 balance and a new charge", play, unguarded.without_second_look)


def _settle(world: World) -> list[str]:
    """Take back what a refund left in the wallet, so that each round begins alike."""
    left = ledger.balance_fen(world.patient.user)
    if left:
        people.top_up(world.patient.user, -left)
    return wrong(left=(left in (0, 1500), True))


def test_r14_the_first_use_of_a_wallet(provider_race: Race) -> None:
    race = provider_race

    def play() -> list[str]:
        world = World(provider_race.provider)
        order = world.new_order()
        pay_in = partial(recharge, payer=world.patient.user)
        notices = [
            world.notice(pay_in(channel=Channel.ALIPAY, amount_fen=amount)["id"])
            for amount in (1000, 200)
        ]

        *told, paid = race.at_once(*notices, world.pay(order, "balance"))

        wallets = Account.objects.filter(owner=world.patient.user, kind="wallet")
        return wrong(
            told=(codes(told), ["ok", "ok"]),
            paid=(code(paid), "-5"),
            wallets=([wallet.balance_fen for wallet in wallets], [1200]),
        )

    race.run(
        "R14 first use of a wallet",
        play,
        lambda: unguarded.all_of(
            unguarded.without_unique("ledger_account", "code"),
            unguarded.without_unique("ledger_account", "owner_id", "kind"),
            unguarded.pausing(race.meeting(2), "webhook.notice_kept"),
        ),
    )


def test_paying_a_month_and_refunding_another_do_not_deadlock(race: Race) -> None:
    world = World(balance_fen=7000)

    def play() -> list[str]:
        paid = world.order_in(Status.PAID, OrderType.MONTHLY)
        order = world.new_order(OrderType.MONTHLY)

        answers = race.at_once(world.pay(order, "balance"), world.refund(paid))

        back = world.refund(order)()
        return wrong(answers=(codes([*answers, back]), ["ok", "ok", "ok"])) + order_problems(
            paid, order
        )

    race.run(
        "–   lock order of patient and wallet",
        play,
        lambda: unguarded.wallet_before_patient(race.meeting(2)),
    )
