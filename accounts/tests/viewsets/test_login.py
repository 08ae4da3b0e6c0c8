"""POST /accounts/login/"""

import re

import pytest
from django.contrib.auth import hashers
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.support.people import PASSWORD, make_doctor, make_patient

URL = "/accounts/login/"
WRONG = '{"detail":"用户名或密码错误"}'
pytestmark = pytest.mark.django_db


def log_in(username, password=PASSWORD, **headers):
    return APIClient().post(URL, {"username": username, "password": password}, headers=headers)


def test_logging_in_answers_a_new_token_expiry_and_user():
    doctor = make_doctor("doctor1")

    response = log_in("doctor1")

    body = response.json()
    assert response.status_code == 200
    assert list(body) == ["token", "expiry", "user"]
    assert re.fullmatch(r"[0-9a-f]{40}", body["token"])
    assert list(body["user"].items()) == [
        ("pk", doctor.user.pk),
        ("owner", "doctor1"),
        ("invitation_code", ""),
        ("name", ""),
        ("avatar", ""),
        ("patient", None),
        ("doctor", doctor.pk),
    ]


def test_every_login_adds_a_token_and_leaves_the_others():
    patient = make_patient()

    first, second = (log_in(patient.user.username).json()["token"] for _ in range(2))

    answers = [
        APIClient().get("/accounts/me/", HTTP_AUTHORIZATION=f"Token {token}")
        for token in (first, second)
    ]
    assert first != second
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("patient1", "wrong"),
        ("patient1", PASSWORD.upper()),
        ("patient1", f" {PASSWORD}"),
        ("nobody", PASSWORD),
        ("inactive", PASSWORD),
        ("医生", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("a" * 150, "b" * 128),
    ],
)
def test_a_wrong_login_is_401_in_the_same_words_for_every_cause(username, password):
    make_patient("patient1")
    make_patient("inactive", is_active=False)

    response = log_in(username, password)

    assert response.status_code == 401
    assert response.content.decode() == WRONG
    assert response.headers["WWW-Authenticate"] == "Token"
    assert not AuthToken.objects.exists()


def test_an_unknown_name_costs_as_many_hashes_as_a_wrong_password(settings, monkeypatch):
    make_patient("patient1")
    make_patient("inactive", is_active=False)
    hashed = []
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    encode = hashers.MD5PasswordHasher.encode

    def counting(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counting)
    costs = []
    for username in ("patient1", "nobody", "inactive"):
        hashed.clear()
        log_in(username, "wrong-password")
        costs.append(len(hashed))

    assert costs == [1, 1, 1]


@pytest.mark.parametrize("header", ["Token " + "0" * 40, "Token", "Basic eDp5", "nonsense"])
def test_the_authorization_header_is_not_looked_at(header):
    make_patient("patient1")

    response = log_in("patient1", Authorization=header)

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["username", "password"]),
        ({"username": "patient1"}, ["password"]),
        ({"username": "", "password": PASSWORD}, ["username"]),
        ({"username": "patient1", "password": ""}, ["password"]),
        ({"username": "patient1", "password": "x" * 129}, ["password"]),
        ({"username": "x" * 151, "password": PASSWORD}, ["username"]),
        ({"username": ["patient1"], "password": {"a": 1}}, ["username", "password"]),
    ],
)
def test_a_login_without_its_fields_is_400(body, fields):
    make_patient("patient1")

    response = APIClient().post(URL, body, format="json")

    assert response.status_code == 400
    assert list(response.json()) == fields
    assert not AuthToken.objects.exists()


def test_staff_without_a_profile_log_in_too():
    make_patient("staff", is_staff=True)

    response = log_in("staff")

    assert response.status_code == 200


@pytest.mark.parametrize("username", ["x", "apply", "doctor1\u3164", "жukов"])
def test_a_name_from_before_the_rules_logs_in(username):
    make_patient(username)

    response = log_in(username)

    assert response.status_code == 200
