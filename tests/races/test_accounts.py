"""Accounts and catalogues: no change is lost, and no token outlives a change of password."""

from functools import partial
from typing import Any

import pytest
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts import doctor_applications, services
from accounts.models import Doctor, User
from qaorder.models import Answer, DiagnosisTag, Status
from tests.races import unguarded
from tests.races.harness import Call, Race, code, codes, wrong
from tests.support import people
from tests.support.database import Holder, held, wait_until_blocked
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.django_db(transaction=True)]

NEW_PASSWORD = "correct-horse-7"


def _in_turn(race: Race, holder: Holder, first: Call, second: Call) -> list[Any]:
    """Both calls wait for the lock, the first in front; both have read the row by then."""

    def later() -> Any:
        wait_until_blocked()
        return second()

    def release() -> None:
        wait_until_blocked(2)
        holder.let_go()

    return race.at_once(first, later, release)[:2]


def test_profile_and_password_changed_at_once(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        passwords = {"old_password": people.PASSWORD, "new_password": NEW_PASSWORD}
        change = world.by_patient.call("post", "/accounts/password/", passwords)
        rename = world.by_patient.call("patch", "/accounts/me/", {"name": "张三"})

        with held(world.patient.user) as holder:
            answers = _in_turn(race, holder, change, rename)

        user = User.objects.get(pk=world.patient.user_id)
        return wrong(
            answers=(codes(answers), ["ok", "ok"]),
            name=(user.name, "张三"),
            password=(user.check_password(NEW_PASSWORD), True),
        )

    race.run("–   profile and password", play, unguarded.saving_whole_rows)


def test_a_doctor_changes_prices_while_staff_revoke(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        rows = Doctor.objects.filter(pk=world.doctor.pk)
        change = world.by_doctor.call("patch", "/accounts/me/", {"online_price": "20.00"})

        with held(world.doctor) as holder:
            revoked, changed = _in_turn(
                race, holder, lambda: rows.update(is_verified=False), change
            )

        doctor = rows.get()
        return wrong(
            answers=(codes([revoked, changed]), ["ok", "ok"]),
            price=(doctor.online_price_fen, 2000),
            verified=(doctor.is_verified, False),
        )

    race.run("R25 prices and staff's word", play, unguarded.saving_whole_rows)


def test_a_login_with_the_old_password_while_it_changes(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        passwords = {"old_password": people.PASSWORD, "new_password": NEW_PASSWORD}
        change = world.by_patient.call("post", "/accounts/password/", passwords)
        login = {"username": world.patient.user.username, "password": people.PASSWORD}
        changed = []

        with unguarded.doing_before(services, "issue_token", lambda: changed.append(change())):
            answer = APIClient().post("/accounts/login/", login, format="json")

        tokens = AuthToken.objects.filter(user=world.patient.user).count()
        return wrong(
            changed=(codes(changed), ["ok"]), login=(code(answer), "401"), tokens=(tokens, 1)
        )

    race.run("–   login and a new password", play, unguarded.issuing_without_a_look)


def test_a_reset_code_used_twice_at_once(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        user = world.patient.user
        body = {"username": user.username, "code": services.make_reset_code(user)}
        tries = [
            partial(_reset, body | {"new_password": f"{NEW_PASSWORD}-{number}"})
            for number in range(2)
        ]

        with held(user) as holder:
            answers = _in_turn(race, holder, *tries)

        user.refresh_from_db()
        return wrong(
            answers=(sorted(code(answer) for answer in answers), ["400", "ok"]),
            password=(user.check_password(f"{NEW_PASSWORD}-0"), True),
            tokens=(AuthToken.objects.filter(user=user).count(), 0),
        )

    race.run("–   a reset code twice", play, unguarded.resetting_without_a_second_look)


def _reset(body: dict[str, str]) -> Any:
    return APIClient().post("/accounts/password/reset/", body, format="json")


def test_a_login_with_the_old_password_while_it_is_reset(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        user = world.patient.user
        body = {"username": user.username, "code": services.make_reset_code(user)}
        login = {"username": user.username, "password": people.PASSWORD}
        done = []

        with unguarded.doing_before(
            services,
            "issue_token",
            lambda: done.append(_reset(body | {"new_password": NEW_PASSWORD})),
        ):
            answer = APIClient().post("/accounts/login/", login, format="json")

        tokens = AuthToken.objects.filter(user=user).count()
        return wrong(reset=(codes(done), ["ok"]), login=(code(answer), "401"), tokens=(tokens, 0))

    race.run("–   login and a reset", play, unguarded.issuing_without_a_look)


def test_a_doctor_answers_while_the_verification_is_withdrawn(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        order = world.order_in(Status.WAITING)
        body = {"question": order.question.pk, "diagnosis_result": "支气管炎"}
        answer = world.by_doctor.call("post", "/qaorder/answer/create/", body)

        with held(world.doctor) as holder:
            withdrawn, answered = _in_turn(
                race, holder, lambda: doctor_applications.withdraw(world.doctor), answer
            )

        order.refresh_from_db()
        return wrong(
            answers=([code(withdrawn), code(answered)], ["ok", "403"]),
            status=(order.status, Status.WAITING),
            answer=(Answer.objects.filter(question=order.question).count(), 0),
        )

    race.run("–   answer and withdrawal", play, unguarded.trusting_the_loaded_doctor)


def test_an_entry_is_changed_while_staff_share_it(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        tag = DiagnosisTag.objects.create(owner=world.doctor.user, name="支气管炎")
        rows = DiagnosisTag.objects.filter(pk=tag.pk)
        change = world.by_doctor.call("put", f"/qaorder/diagnosis_tag/{tag.pk}/", {"name": "毒"})

        with held(tag) as holder:
            _, changed = _in_turn(race, holder, lambda: rows.update(is_shared=True), change)

        tag.refresh_from_db()
        return wrong(
            changed=(code(changed), "404"),
            name=(tag.name, "支气管炎"),
            shared=(tag.is_shared, True),
        )

    race.run("–   an entry changed and shared", play, unguarded.saving_what_was_read)


def test_an_entry_saved_while_it_is_deleted_stays_deleted(race: Race) -> None:
    def play() -> list[str]:
        world = World()
        tag = DiagnosisTag.objects.create(owner=world.doctor.user, name="支气管炎")
        path = f"/qaorder/diagnosis_tag/{tag.pk}/"

        with held(tag) as holder:
            answers = _in_turn(
                race,
                holder,
                world.by_doctor.call("delete", path),
                world.by_doctor.call("put", path, {"name": "哮喘"}),
            )

        return wrong(
            answers=([code(answer) for answer in answers], ["ok", "404"]),
            left=(DiagnosisTag.objects.filter(pk=tag.pk).count(), 0),
        )

    race.run("–   an entry saved and deleted", play, unguarded.saving_what_was_read)
