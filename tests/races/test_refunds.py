"""Refunds: one for one payment, whoever asks for it, sends it, or crashes while sending."""

from datetime import timedelta
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from jobs import orders as sweeps
from ledger import services as ledger
from payments import refund_outbox
from payments.models import Refund, RefundStatus
from qaorder import worklist
from qaorder.models import Order, Status
from tests.races import unguarded
from tests.races.harness import Race, at_point, code, codes, times, wrong
from tests.support.books import order_problems
from tests.support.world import World, drain

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]


class Killed(BaseException):
    """Stands for the death of the process at a failpoint."""


def test_r17_patient_doctor_and_the_clock_refund_at_once(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    turns = cycle(["balance", "alipay"])

    def play() -> list[str]:
        by_balance = next(turns) == "balance"
        order = world.order_in(Status.PAID) if by_balance else world.paid_by_charge()
        long_ago = timezone.now() - settings.ORDER_ASK_WINDOW - timedelta(seconds=1)
        Order.objects.filter(pk=order.pk).update(status_at=long_ago)
        before = ledger.balance_fen(world.patient.user)

        *answers, swept = race.at_once(
            *(world.refund(order) for _ in range(3)), world.refuse(order), sweeps.refund_unasked
        )

        drain()
        order.refresh_from_db()
        back = ledger.balance_fen(world.patient.user) - before
        won = codes(answers).count("ok") + (swept if isinstance(swept, int) else 0)
        return wrong(
            answers=({*codes(answers)} <= {"ok", "-9"}, True),
            won=(won, 1),
            status=(order.status, Status.CANCELLED),
            back=(back, 1500 if by_balance else 0),
        ) + order_problems(order)

    race.run(
        "R17 patient, doctor and clock refund",
        play,
        lambda: unguarded.all_of(
            unguarded.without_locks_and_compare_and_set(race.meeting(4)),
            unguarded.refunding_without_limit(),
        ),
    )


def test_r17_the_answer_and_the_notice_of_one_refund(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def play() -> list[str]:
        order = world.paid_by_charge()
        world.refund(order)()
        meeting = race.meeting(2)

        def told() -> Any:
            meeting()
            return world.tell("refund.succeeded", _at_provider(world, order)[0])()

        with at_point("refund.sent", meeting):
            sent, notice = race.at_once(refund_outbox.send_due, told)

        return wrong(
            sent=(code(sent), "ok"),
            notice=(code(notice), "ok"),
            status=(Refund.objects.get(payment__order=order).status, RefundStatus.SUCCEEDED),
        ) + order_problems(order)

    race.run(
        "R17 a refund's answer and its notice",
        play,
        lambda: unguarded.all_of(
            unguarded.without_row_locks(),
            unguarded.pausing(race.meeting(2, 0.2), "refund.recorded"),
        ),
    )


def test_r16_the_refund_is_made_and_its_answer_lost(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    faults: Any = cycle([{"kind": "drop"}, {"kind": "status", "status": 502}, {"kind": "garbage"}])

    def play() -> list[str]:
        order = world.paid_by_charge()
        world.refund(order)()
        world.provider.sandbox.fault(operation="refund.create", commit=True, **next(faults))
        refund_outbox.send_due()
        return _twice_again(race, world, order)

    race.run("R16 timeout after the refund was made", play, unguarded.without_finding_sent_refunds)


def test_r28_the_sender_dies_after_sending(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)

    def die() -> None:
        raise Killed

    def play() -> list[str]:
        order = world.paid_by_charge()
        world.refund(order)()
        with at_point("refund.sent", die), pytest.raises(Killed):
            refund_outbox.send_due()
        return _twice_again(race, world, order)

    race.run("R28 sender dies after sending", play, unguarded.without_finding_sent_refunds)


def _twice_again(race: Race, world: World, order: Order) -> list[str]:
    Refund.objects.filter(payment__order=order).update(next_try_at=timezone.now())

    sent = race.at_once(refund_outbox.send_due, refund_outbox.send_due)

    return wrong(
        sent=(codes(sent), ["ok", "ok"]),
        status=(Refund.objects.get(payment__order=order).status, RefundStatus.SUCCEEDED),
        theirs=(len(_at_provider(world, order)), 1),
    ) + order_problems(order)


def test_r28_three_copies_send_each_refund_once(
    provider_race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a lease a copy never runs out of rows.
    monkeypatch.setattr(worklist, "SWEEP_SECONDS", 3.0)
    race, world = provider_race, World(provider_race.provider)
    requests = partial(_requests, world, "refund.create")

    def play() -> list[str]:
        orders = [world.paid_by_charge(), world.paid_by_charge("wx")]
        for order in orders:
            world.refund(order)()
        before = requests()

        sent = race.at_once(*times(3, refund_outbox.send_due))

        asked = requests() - before
        drain()
        return wrong(sent=(codes(sent), ["ok"] * 3), asked=(asked, 2)) + order_problems(*orders)

    race.run("R28 three copies of the sender", play, unguarded.without_lease)


def test_r18_answer_and_refund(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        order = world.order_in(Status.WAITING)

        answered, refunded = race.at_once(world.answer(order), world.refund(order))

        order.refresh_from_db()
        wanted = Status.ANSWERED if code(answered) == "ok" else Status.CANCELLED
        return wrong(
            answers=(codes([answered, refunded]) in (["-9", "ok"], ["-8", "ok"]), True),
            status=(order.status, wanted),
            answered=(hasattr(order.question, "answer"), wanted == Status.ANSWERED),
        ) + order_problems(order)

    race.run(
        "R18 answer and refund",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )


def test_r20_question_and_refund(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        order = world.order_in(Status.PAID)

        asked, refunded = race.at_once(world.ask(order), world.refund(order))

        order.refresh_from_db()
        # A question may be refunded a moment later, but a refunded order takes no question.
        return wrong(
            refunded=(code(refunded), "ok"),
            asked=(code(asked) in ("ok", "-7"), True),
            question=(hasattr(order, "question"), code(asked) == "ok"),
            status=(order.status, Status.CANCELLED),
        ) + order_problems(order)

    race.run(
        "R20 question and refund",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(2)),
    )


def _at_provider(world: World, order: Order) -> list[dict[str, Any]]:
    charge_id = order.payments.get().charge_id
    return world.provider.sandbox.refunds.page(charge_id or "", {})["data"]


def _requests(world: World, operation: str) -> int:
    return world.provider.sandbox.state()["requests"].get(operation, 0)
