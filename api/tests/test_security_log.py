"""The security log: a line for each thing worth one, without secrets, and nobody forges one."""

import ast
import logging

import pytest
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from api import security_log
from tests.support.people import (
    PASSWORD,
    client_for,
    make_doctor,
    make_patient,
    make_user,
)

HOME = "203.0.113.1"
GUESS = "a-guessed-password"
pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(caplog):
    """What the security log has so far."""
    caplog.set_level(logging.INFO, "feiqingsong.security")
    return lambda: [
        record.getMessage() for record in caplog.records if record.name == "feiqingsong.security"
    ]


def log_in(username, password=GUESS):
    body = {"username": username, "password": password}
    return APIClient().post("/accounts/login/", body, REMOTE_ADDR=HOME)


def test_a_failed_login_is_one_line_with_who_where_and_what(lines, caplog):
    log_in("somebody")

    assert lines() == [
        "login_failed user='somebody' address=203.0.113.1 request='POST /accounts/login/'"
    ]
    assert caplog.records[-1].levelname == "WARNING"
    assert GUESS not in caplog.text


def test_a_right_login_is_none(lines, caplog):
    make_patient("somebody")

    log_in("somebody", PASSWORD)

    assert lines() == []
    assert PASSWORD not in caplog.text


def test_every_door_notes_its_failures(lines, caplog):
    boss = make_user("boss", is_staff=True)
    client = client_for(boss)

    client.post(
        "/accounts/password/",
        {"old_password": GUESS, "new_password": "new-one-12"},
        REMOTE_ADDR=HOME,
    )
    Client().post("/admin/login/", {"username": "boss", "password": GUESS}, REMOTE_ADDR=HOME)
    patient = make_patient("patient1")
    Client().post(
        "/admin/login/",
        {"username": patient.user.username, "password": PASSWORD},
        REMOTE_ADDR=HOME,
    )

    assert lines() == [
        "login_failed user='boss' address=203.0.113.1 request='POST /accounts/password/'",
        "login_failed user='boss' address=203.0.113.1 request='POST /admin/login/'",
        "login_failed user='patient1' address=203.0.113.1 request='POST /admin/login/'",
    ]
    assert [secret for secret in (GUESS, PASSWORD, "new-one-12") if secret in caplog.text] == []


def test_a_sign_in_of_staff_is_noted(lines, caplog):
    make_user("boss", is_staff=True)

    answer = Client().post(
        "/admin/login/", {"username": "boss", "password": PASSWORD}, REMOTE_ADDR=HOME
    )

    assert answer.status_code == 302
    assert lines() == ["admin_sign_in user='boss' address=203.0.113.1 request='POST /admin/login/'"]
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "header",
    ["Token " + "0" * 40, "Token nonsense", "Token", "Token a b", "Token " + "f" * 39 + "\u00e9"],
)
def test_a_refused_token_is_noted_without_the_token(lines, caplog, header):
    APIClient().get("/accounts/me/?token=secret", HTTP_AUTHORIZATION=header, REMOTE_ADDR=HOME)

    assert lines() == ["token_refused user='' address=203.0.113.1 request='GET /accounts/me/'"]
    assert "secret" not in caplog.text
    assert header.removeprefix("Token") == "" or header.removeprefix("Token ") not in caplog.text


def test_no_token_at_all_is_none(lines):
    APIClient().get("/accounts/me/")

    assert lines() == []


def test_verifying_and_withdrawing_a_doctor_are_noted_with_who_did_it(lines, client):
    make_doctor("doctor1", is_verified=False)
    doctor = make_doctor("doctor2", is_verified=False)
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    form = {"_selected_action": [doctor.pk], "index": 0}

    for action in ("verify", "verify", "withdraw"):
        client.post("/admin/accounts/doctor/", form | {"action": action}, REMOTE_ADDR=HOME)

    rest = "user='doctor2' address=203.0.113.1 request='POST /admin/accounts/doctor/' by='boss'"
    assert lines() == [f"doctor_verified {rest}", f"doctor_withdrawn {rest}"]


@pytest.mark.parametrize(
    "name",
    [
        "x\nadmin_sign_in user='boss' address=10.0.0.1",
        "x\r\nadmin_sign_in",
        "x\u2028admin_sign_in",
        "x\x1b[2Kadmin_sign_in",
        "x\u202eadmin_sign_in",
        "x' address=10.0.0.1",
        "%s %d %(name)s",
    ],
)
def test_nobody_forges_a_line(lines, name):
    log_in(name)

    (line,) = lines()
    assert line.isprintable()
    assert line.startswith("login_failed user=")
    assert line.endswith(" address=203.0.113.1 request='POST /accounts/login/'")
    quoted = line.split("user=", 1)[1].rsplit(" address=", 1)[0]
    assert ast.literal_eval(quoted) == name[:50].strip()


def test_long_names_and_paths_are_cut(lines):
    request = RequestFactory().get("/" + "p" * 1000 + "\n", REMOTE_ADDR=HOME)

    security_log.record(security_log.LOGIN_FAILED, request, "n" * 1000, fact="f" * 1000)

    assert lines() == [
        f"login_failed user='{'n' * 50}' address=203.0.113.1"
        f" request='GET /{'p' * 195}' fact='{'f' * 50}'"
    ]
