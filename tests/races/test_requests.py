"""Requests: locks held elsewhere, one key twice, one name twice."""

import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from django.db.models.functions import Now
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.lookalikes import skeletons
from accounts.models import User
from api.models import IdempotencyKey
from payments.models import Notice, Payment, PaymentState, Refund
from qaorder.models import (
    Answer,
    DiagnosisTag,
    Drug,
    Evaluation,
    Order,
    OrderEvent,
    OrderType,
    Question,
    Status,
)
from tests.races import unguarded
from tests.races.harness import Call, Race, at_point, code, codes, is_counting, wrong
from tests.support import people
from tests.support.books import order_problems
from tests.support.database import Holder, held
from tests.support.world import World, fresh_name

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]

LONGEST_SECONDS = 4.0
HELD_SECONDS = 5.0
PASSWORD = "correct-horse-7"

Case = tuple[str, Call, list[Any]]


def test_r30_a_lock_held_elsewhere_is_503_in_time(provider_race: Race) -> None:
    race = provider_race

    def play() -> list[str]:
        with held() as holder:
            cases = [*_order_cases(race), *_account_cases(holder)]
            for _, _, rows in cases:
                for row in rows:
                    holder.lock(row)
            before = _state()
            release = threading.Timer(HELD_SECONDS, holder.let_go)
            release.start()
            answers = race.at_once(*(partial(_timed, call) for _, call, _ in cases))
            after = _state()
            release.cancel()
        # The provider sends its notice again.
        again = next(call for name, call, _ in cases if name == "notice")()
        problems = wrong(changed=(after == before, True), again=(code(again), "ok"))
        for (name, _, _), (answer, seconds) in zip(cases, answers, strict=True):
            headers = getattr(answer, "headers", {})
            found = (code(answer), "Retry-After" in headers, seconds <= LONGEST_SECONDS)
            problems += wrong(**{name: (found, ("503", True, True))})
        return problems

    # A round takes three seconds, and is one of every endpoint.
    many = 10 if is_counting() else 1
    race.run("R30 lock held elsewhere", play, unguarded.without_lock_timeout, at_most=many)


def _timed(call: Call) -> tuple[Any, float]:
    started = time.monotonic()
    answer = call()
    return answer, time.monotonic() - started


def _state() -> list[Any]:
    models = (OrderEvent, Payment, Refund, Notice, Question, Answer, Evaluation, AuthToken)
    counts = [model.objects.count() for model in models]
    return [*counts, list(Order.objects.order_by("pk").values()), User.objects.count()]


def _order_cases(race: Race) -> list[Case]:
    """One order each, locked, and every way to change it."""

    def world() -> World:
        return World(race.provider)

    unpaid: dict[str, Callable[[World, Order], Call]] = {
        "pay by charge": lambda s, order: s.pay(order, "alipay"),
        "pay by balance": lambda s, order: s.pay(order, "balance"),
        "cancel": lambda s, order: s.cancel(order),
        "destroy": lambda s, order: s.destroy(order),
        "notice": lambda s, order: s.notice(s.charge(order)),
    }
    later: dict[str, tuple[Status, Callable[[World, Order], Call]]] = {
        "question": (Status.PAID, lambda s, order: s.ask(order)),
        "refund": (Status.PAID, lambda s, order: s.refund(order)),
        "refuse": (Status.WAITING, lambda s, order: s.refuse(order)),
        "answer": (Status.WAITING, lambda s, order: s.answer(order)),
        "finish": (Status.ANSWERED, lambda s, order: s.finish(order)),
        "evaluate": (Status.FINISHED, lambda s, order: s.evaluate(order)),
        "hide": (Status.FINISHED, lambda s, order: s.destroy(order)),
    }
    cases: list[Case] = []
    for name, make in unpaid.items():
        one = world()
        order = one.new_order()
        cases.append((name, make(one, order), [order]))
    for name, (status, make) in later.items():
        one = world()
        order = one.order_in(status)
        cases.append((name, make(one, order), [order]))
    one = world()
    cases.append(("create", one.create(), [one.patient]))
    one = world()
    cases.append(("recharge", one.recharge("10.00"), [one.patient.user]))
    return cases


def _account_cases(holder: Holder) -> list[Case]:
    """A row of one user each, locked, and what they may do to it."""
    cases: list[Case] = []

    def add(name: str, method: str, path: str, data: Any, row: str = "user") -> None:
        one = World()
        user = one.doctor.user
        rows: dict[str, Any] = {
            "user": user,
            "doctor": one.doctor,
            "token": AuthToken.objects.get(user=one.by_doctor.user),
            "tag": DiagnosisTag.objects.create(owner=user, name="支气管炎"),
            "drug": Drug.objects.create(owner=user, name="阿莫西林"),
        }
        call = one.by_doctor.call(method, path.format(pk=rows[row].pk), data)
        cases.append((name, call, [rows[row]]))

    passwords = {"old_password": people.PASSWORD, "new_password": PASSWORD}
    tag, drug = "/qaorder/diagnosis_tag/{pk}/", "/qaorder/drug/{pk}/"
    add("me", "patch", "/accounts/me/", {"name": "张"})
    add("prices", "patch", "/accounts/me/", {"online_price": "1.00"}, "doctor")
    add("password", "post", "/accounts/password/", passwords)
    add("logout", "post", "/accounts/logout/", {}, "token")
    add("logoutall", "post", "/accounts/logoutall/", {}, "token")
    add("new tag", "post", "/qaorder/diagnosis_tag/create/", {"name": "新"})
    add("tag", "put", tag, {"name": "新"}, "tag")
    add("no tag", "delete", tag, None, "tag")
    add("drug", "put", drug, {"name": "新"}, "drug")
    add("no drug", "delete", drug, None, "drug")

    name, user = fresh_name("twin"), people.make_user()
    looks = dict(zip(("skeleton", "typed_skeleton"), skeletons(name), strict=True))
    holder.insert_like(user, username=name, invitation_code="", **looks)
    data: dict[str, str] = {"username": name, "password": PASSWORD}
    cases.append(("register", partial(_post, "/accounts/register/", data), []))
    data = {"username": user.username, "password": people.PASSWORD}
    cases.append(("login", partial(_post, "/accounts/login/", data), [user]))
    return cases


def _post(path: str, data: dict[str, str]) -> Any:
    return APIClient().post(path, data, format="json")


TWINS = 4


KEYED = ("create", "pay", "recharge", "ask", "refund", "refuse", "answer", "evaluate")


def _keyed(world: World, name: str) -> tuple[Call, Callable[[], int], list[Order]]:
    """A request with a key, what counts its effects, and the order it is about."""
    header = {"Idempotency-Key": fresh_name("key")}

    def handed_out() -> int:
        return Payment.objects.filter(state=PaymentState.PENDING).count()

    if name == "create":
        # Nobody waits here for the patient's lock, which an online order takes.
        return world.create(OrderType.MONTHLY, **header), Order.objects.count, []
    if name == "recharge":
        return world.recharge("10.00", **header), handed_out, []
    if name == "pay":
        order = world.new_order()
        return world.pay(order, "wx", **header), handed_out, [order]
    status, verb = {
        "ask": (Status.PAID, world.ask),
        "refund": (Status.PAID, world.refund),
        "refuse": (Status.WAITING, world.refuse),
        "answer": (Status.WAITING, world.answer),
        "evaluate": (Status.FINISHED, world.evaluate),
    }[name]
    order = world.order_in(status)
    return verb(order, **header), OrderEvent.objects.count, [order]


def test_idempotency_key_twins_have_one_effect(provider_race: Race) -> None:
    race, world = provider_race, World(provider_race.provider)
    names = cycle(KEYED)

    def play() -> list[str]:
        name = next(names)
        call, count, about = _keyed(world, name)
        before = count()

        answers = race.at_once(*[call] * TWINS)

        bodies = {(a.status_code, a.content) for a in answers if code(a) == "ok"}
        problems = wrong(
            answers=({*codes(answers)} <= {"ok", "409"}, True),
            bodies=(len(bodies), 1),
            effects=(count() - before, 1),
        )
        again = call()
        problems += wrong(again=({(again.status_code, again.content)}, bodies))
        return [f"{name} {problem}" for problem in problems] + order_problems(*about)

    race.run(
        "–   one Idempotency-Key at once",
        play,
        lambda: unguarded.all_of(
            unguarded.without_unique("api_idempotencykey", "user_id", "key"),
            unguarded.pausing(race.meeting(TWINS), "idempotency.claimed"),
        ),
    )


def test_a_request_that_slept_past_its_lease_has_no_effect(provider_race: Race) -> None:
    """It sleeps before its effect, or with it done and not committed."""
    race, world = provider_race, World(provider_race.provider)
    cases = cycle(
        (("create", "idempotency.answered"), *((n, "idempotency.claimed") for n in KEYED))
    )

    def play() -> list[str]:
        name, point = next(cases)
        call, count, about = _keyed(world, name)
        before, answers = count(), []

        def send_again_later() -> Any:
            IdempotencyKey.objects.update(locked_until=Now())
            return call()

        with at_point(point, lambda: answers.extend(race.at_once(send_again_later))):
            late = call()

        # With its effect done it holds the patient too: the next is told to come back.
        said = "503" if point == "idempotency.answered" else "ok"
        kept = answers[0] if said == "ok" else call()
        again = call()
        problems = wrong(
            late=(code(late), "409"),
            next=(codes(answers), [said]),
            again=((code(again), again.content), ("ok", kept.content)),
            effects=(count() - before, 1),
        )
        return [f"{name} {problem}" for problem in problems] + order_problems(*about)

    race.run("–   one Idempotency-Key, slept past", play, unguarded.without_fencing)


def test_r33_one_name_registered_at_once(race: Race) -> None:
    def play() -> list[str]:
        name = fresh_name("reg")
        spellings = [name, name.upper(), name.title(), name, name.upper(), name]

        answers = race.at_once(
            *(
                partial(_post, "/accounts/register/", {"username": s, "password": PASSWORD})
                for s in spellings
            )
        )

        return wrong(
            answers=(codes(answers), ["400"] * 5 + ["ok"]),
            users=(User.objects.filter(username__iexact=name).count(), 1),
        )

    race.run(
        "R33 one name registered at once",
        play,
        lambda: unguarded.names_checked_only_before(race.meeting(6)),
    )
