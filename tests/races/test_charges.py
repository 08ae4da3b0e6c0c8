"""Charges: one for twenty taps, and nothing believed of an order that moved meanwhile."""

from functools import partial

import pytest

from accounts.models import User
from payments import inquiry
from payments.models import Payment, PaymentState
from qaorder.models import Status
from tests.races import unguarded
from tests.races.harness import Race, at_point, code, codes, times, wrong
from tests.support.books import order_problems
from tests.support.world import World, attempts

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]

TAPS = 20


def test_r1_twenty_taps_make_one_charge(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()

        answers = race.at_once(*(world.pay(order, "alipay") for _ in range(TAPS)))

        bodies = {answer.content for answer in answers if code(answer) == "ok"}
        return wrong(
            answers=(codes(answers), ["ok"] * TAPS),
            different=(len(bodies), 1),
            attempts=(attempts(order), 1),
        )

    race.run("R1  twenty taps", play, unguarded.without_row_locks)


def test_r2_alipay_and_wx_both_paid(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        notices = [world.notice(world.charge(order, channel)) for channel in ("alipay", "wx")]

        told = race.at_once(*notices)

        order.refresh_from_db()
        return wrong(
            told=(codes(told), ["ok", "ok"]), status=(order.status, Status.PAID)
        ) + order_problems(order)

    race.run(
        "R2  alipay and wx both paid",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )


def test_r5_the_notice_comes_before_the_charge_is_stored(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    race.run(
        "R5  notice before the charge",
        partial(_early_notice, world),
        unguarded.matching_by_charge_id,
    )


def test_r5_the_charge_does_not_overwrite_what_the_notice_did(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    race.run(
        "R5  charge stored over the notice",
        partial(_early_notice, world),
        unguarded.storing_over_everything,
    )


def _early_notice(world: World) -> list[str]:
    order = world.new_order()
    told = []

    def pay_and_tell() -> None:
        charge = world.provider.sandbox.charges._earlier(
            {"order_no": order.order_number, "app": world.provider.sandbox.options.app_id}
        )
        told.append(world.notice(charge[0]["id"])())

    with at_point("pay.charge_created", pay_and_tell):
        answer = world.pay(order, "alipay")()

    order.refresh_from_db()
    return wrong(
        told=(codes(told), ["ok"]),
        answer=(code(answer), "ok"),
        status=(order.status, Status.PAID),
        attempt=(list(order.payments.values_list("state", flat=True)), [PaymentState.PAID]),
    ) + order_problems(order)


def test_r6_cancelled_while_the_provider_was_asked(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.new_order()
        with at_point("pay.charge_created", world.cancel(order)):
            answer = world.pay(order, "alipay")()

        problems = wrong(answer=(code(answer), "-2"))
        # Somebody pays it all the same.
        told = world.notice(Payment.objects.get(order=order).charge_id or "")()
        order.refresh_from_db()
        return (
            problems
            + wrong(told=(code(told), "ok"), status=(order.status, Status.CANCELLED))
            + order_problems(order)
        )

    race.run("R6  stale decision after the call", play, unguarded.without_second_look)


def test_r34_deactivated_while_the_provider_was_asked(provider_race: Race) -> None:
    race = provider_race

    def play() -> list[str]:
        world = World(race.provider)
        order = world.new_order()
        rows = User.objects.filter(pk=world.patient.user_id)
        with at_point("pay.charge_created", lambda: rows.update(is_active=False)):
            answer = world.pay(order, "alipay")()

        problems = wrong(answer=(code(answer), "-2"))
        told = world.notice(Payment.objects.get(order=order).charge_id or "")()
        return problems + wrong(told=(code(told), "ok")) + order_problems(order)

    race.run("R34 user deactivated while paying", play, unguarded.without_second_look)


def test_r15_the_charge_is_made_and_its_answer_lost(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    sandbox = world.provider.sandbox

    def play() -> list[str]:
        # No further ahead in the last round than in the first, or it is looked for too early.
        sandbox.clock.offset = 0.0
        order = world.new_order()
        sandbox.fault("drop", "charge.create", commit=True)
        lost = world.pay(order, "alipay")()
        # Past the minute in which the provider would repeat the charge by itself.
        sandbox.clock.offset = 61.0

        retries = race.at_once(*(world.pay(order, "alipay") for _ in range(3)))

        made = sandbox.charges._earlier(
            {"order_no": order.order_number, "app": sandbox.options.app_id}
        )
        problems = wrong(
            lost=(code(lost), "-6"), retries=(codes(retries), ["ok"] * 3), made=(len(made), 1)
        )
        told = world.notice(made[0]["id"])
        answers = race.at_once(told, *times(2, world.pay(order, "alipay")))
        order.refresh_from_db()
        return (
            problems
            + wrong(
                told=(code(answers[0]), "ok"),
                others=({*map(code, answers[1:])} <= {"ok", "-2"}, True),
                status=(order.status, Status.PAID),
            )
            + order_problems(order)
        )

    race.run(
        "R15 timeout after the charge was made",
        play,
        unguarded.without_finding_lost_charges,
    )


def test_r15_asked_about_while_another_try_is_lost(provider_race: Race) -> None:
    """The provider had nothing when the job looked, and a charge when the job says so."""
    race, world = provider_race, World(provider_race.provider)
    sandbox = world.provider.sandbox

    def play() -> list[str]:
        order = world.new_order()
        sandbox.fault("drop", "charge.create")
        lost = world.pay(order, "alipay")()
        sandbox.fault("drop", "charge.create", commit=True)
        with at_point("sweep.inquired", world.pay(order, "alipay")):
            inquiry.inquire(Payment.objects.get(order=order))

        found = world.pay(order, "alipay")()

        return wrong(
            answers=(codes([lost, found]), ["-6", "ok"]),
            attempts=(attempts(order), 1),
            charge=(Payment.objects.filter(order=order, charge_id=None).count(), 0),
        ) + order_problems(order)

    race.run(
        "R15 asking while another try is lost",
        play,
        unguarded.closing_whatever_was_tried,
    )
