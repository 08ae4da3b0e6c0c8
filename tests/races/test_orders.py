"""Moves of an order that two ask for at once: each happens once, and pays once."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import Doctor
from jobs import orders as sweeps
from ledger.models import Account, Transaction
from qaorder.models import Answer, Evaluation, Order, Question, Status
from tests.races import unguarded
from tests.races.harness import Problems, Race, code, codes, wrong
from tests.support.books import order_problems
from tests.support.database import held, wait_until_blocked
from tests.support.world import World, fill

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]


def test_r19_evaluate_twice(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        order = world.order_in(Status.FINISHED)

        answers = race.at_once(*(world.evaluate(order) for _ in range(4)))

        return wrong(
            answers=(codes(answers), ["-3", "-3", "-3", "ok"]),
            evaluations=(Evaluation.objects.filter(order=order).count(), 1),
        ) + order_problems(order)

    race.run(
        "R19 evaluate twice",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(4)),
    )


def test_r19_evaluate_and_destroy(race: Race) -> None:
    world, meeting = World(), race.meeting(2)

    def play() -> list[str]:
        order = world.order_in(Status.FINISHED)

        evaluated, destroyed = race.at_once(
            race.then(world.evaluate(order), meeting), world.destroy(order)
        )

        order.refresh_from_db()
        is_done = code(evaluated) == "ok"
        return wrong(
            evaluated=(code(evaluated) in ("ok", "404"), True),
            destroyed=(code(destroyed), "ok"),
            status=(order.status, Status.EVALUATED if is_done else Status.FINISHED),
            evaluation=(hasattr(order, "evaluation"), is_done),
            hidden=(order.patient_hidden_at is not None, True),
        ) + order_problems(order)

    race.run(
        "R19 evaluate and destroy",
        play,
        lambda: unguarded.destroying_by_save(meeting),
    )


def test_r20_ask_twice(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        order = world.order_in(Status.PAID)

        answers = race.at_once(*(world.ask(order) for _ in range(4)))

        return wrong(
            answers=(codes(answers), ["-7", "-7", "-7", "ok"]),
            questions=(Question.objects.filter(order=order).count(), 1),
        ) + order_problems(order)

    race.run(
        "R20 question twice",
        play,
        lambda: unguarded.all_of(
            unguarded.without_locks_and_compare_and_set(race.meeting(4)),
            unguarded.without_unique("qaorder_question", "order_id"),
        ),
    )


def test_r20_ask_while_paying(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        fill(world.patient.user, 1500)
        order = world.new_order()

        paid, asked = race.at_once(world.pay(order, "balance"), world.ask(order))

        order.refresh_from_db()
        wanted = Status.WAITING if code(asked) == "ok" else Status.PAID
        return wrong(
            paid=(code(paid), "ok"),
            asked=(code(asked) in ("ok", "-7"), True),
            status=(order.status, wanted),
        ) + order_problems(order)

    race.run("R20 question on an unpaid order", play, unguarded.asking_when_unpaid)


def test_r21_finish_twice_and_by_the_clock(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        order = world.order_in(Status.ANSWERED)
        long_ago = timezone.now() - settings.ORDER_FINISH_WINDOW - timedelta(seconds=1)
        Order.objects.filter(pk=order.pk).update(status_at=long_ago)
        before = _earned(world.doctor)

        *answers, swept = race.at_once(
            world.finish(order), world.finish(order, world.by_doctor), sweeps.finish_answered
        )

        payouts = Transaction.objects.filter(reference__startswith=f"completion:{order.pk}")
        won = codes(answers).count("ok") + (swept if isinstance(swept, int) else 0)
        return wrong(
            answers=({*codes(answers)} <= {"ok", "-4"}, True),
            won=(won, 1),
            payouts=(payouts.count(), 1),
            earned=(_earned(world.doctor) - before, 1500),
        ) + order_problems(order)

    race.run(
        "R21 finish and the clock: one payout",
        play,
        lambda: unguarded.all_of(
            unguarded.without_locks_and_compare_and_set(race.meeting(3)),
            unguarded.without_unique("ledger_transaction", "reference"),
        ),
    )


def _earned(doctor: Doctor) -> int:
    account = Account.objects.filter(owner=doctor.user, kind="earnings").first()
    return (account.balance_fen or 0) if account else 0


def test_r21_answer_twice(race: Race) -> None:
    world = World()

    def play() -> list[str]:
        order = world.order_in(Status.WAITING)

        answers = race.at_once(*(world.answer(order) for _ in range(4)))

        return wrong(
            answers=(codes(answers), ["-8", "-8", "-8", "ok"]),
            written=(Answer.objects.filter(question__order=order).count(), 1),
        ) + order_problems(order)

    race.run(
        "R21 answer twice",
        play,
        lambda: unguarded.without_locks_and_compare_and_set(race.meeting(4)),
    )


NEVER = "999.99"


def test_r25_an_order_has_one_snapshot_of_the_doctor(race: Race) -> None:
    """A doctor who stops taking orders sets a price that no order may ever have."""
    world, was_read, is_changed = World(), race.meeting(2), race.meeting(2)

    def play() -> list[str]:
        _set(world.doctor, is_accepting=True, online_price_fen=1500)
        off_duty = {"is_accepting": False, "online_price": NEVER}

        change = world.by_doctor.call("patch", "/accounts/me/", off_duty)
        created, changed = race.at_once(
            world.create(), race.then(change, is_changed, after=was_read)
        )

        problems = wrong(
            changed=(code(changed), "ok"), created=(code(created) in ("ok", "400"), True)
        )
        if code(created) == "ok":
            problems += wrong(amount=(created.json()["amount"], "15.00"))
        return problems

    race.run(
        "R25 price and duty change",
        play,
        lambda: unguarded.reading_price_later(was_read, is_changed),
    )


def test_r25_an_order_that_waited_sees_the_doctor_of_now(race: Race) -> None:
    """The doctor went off duty, and was told so, while the order waited for a lock."""
    world = World()

    def play() -> list[str]:
        _set(world.doctor, is_accepting=True)
        with held(world.patient) as lock:

            def change() -> Problems:
                wait_until_blocked()
                answer = world.by_doctor.call("patch", "/accounts/me/", {"is_accepting": False})()
                lock.let_go()
                return wrong(changed=(code(answer), "ok"))

            created, changed = race.at_once(world.create(), change)
        return changed + wrong(created=(code(created), "400"))

    race.run("R25 off duty while an order waits", play, unguarded.locking_patient_late)


def _set(doctor: Doctor, **columns: object) -> None:
    Doctor.objects.filter(pk=doctor.pk).update(**columns)
