"""POST /accounts/password/reset/"""

from datetime import timedelta

import pytest
from django.contrib.auth import hashers
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import PasswordReset, User
from accounts.services import make_reset_code
from tests.support.books import picture
from tests.support.people import PASSWORD, client_for, make_patient

URL = "/accounts/password/reset/"
NEW = "another-long-secret"
WRONG = '{"code":["用户名或重置码错误，或重置码已失效。"]}'
pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_patient("zhang").user


def reset(code, username="zhang", new_password=NEW):
    body = {"username": username, "code": code, "new_password": new_password}
    return APIClient().post(URL, body, format="json")


@pytest.mark.parametrize("spelling", [str, str.lower, "  {}  ".format])
def test_a_code_sets_the_password_and_ends_every_token(user, spelling):
    client, stranger = client_for(user), client_for(make_patient().user)

    response = reset(spelling(make_reset_code(user)))

    user.refresh_from_db()
    assert (response.status_code, response.content) == (204, b"")
    assert user.check_password(NEW)
    assert client.get("/accounts/me/").status_code == 401
    assert stranger.get("/accounts/me/").status_code == 200
    assert not PasswordReset.objects.exists()


def used(user):
    code = make_reset_code(user)
    reset(code)
    return code


def expired(user):
    code = make_reset_code(user)
    PasswordReset.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    return code


def replaced(user):
    code = make_reset_code(user)
    make_reset_code(user)
    return code


def of_another(user):
    return make_reset_code(make_patient().user)


def of_the_deactivated(user):
    User.objects.filter(pk=user.pk).update(is_active=False)
    return make_reset_code(user)


def outdated_by_a_new_password(user):
    code = make_reset_code(user)
    body = {"old_password": PASSWORD, "new_password": "yet-another-secret"}
    client_for(user).post("/accounts/password/", body)
    return code


BAD = [used, expired, replaced, of_another, of_the_deactivated, outdated_by_a_new_password]


@pytest.mark.parametrize("cause", BAD)
def test_any_other_code_is_refused_in_the_same_words_and_changes_nothing(user, cause):
    code = cause(user)
    before = picture()

    response = reset(code)

    assert response.status_code == 400
    assert response.content.decode() == WRONG
    assert picture() == before


@pytest.mark.parametrize("code", ["x", "2" * 16, "0" * 50, "长" * 16])
@pytest.mark.parametrize("username", ["zhang", "nobody", "ZHANG", "apply"])
def test_a_wrong_code_and_an_unknown_name_are_told_alike(user, username, code):
    make_reset_code(user)
    before = picture()

    response = reset(code, username)

    assert (response.status_code, response.content.decode()) == (400, WRONG)
    assert picture() == before


def test_every_refusal_costs_the_same(user, django_assert_num_queries, monkeypatch):
    make_reset_code(user)
    hashed = []
    monkeypatch.setattr(
        hashers.MD5PasswordHasher, "encode", lambda self, password, salt: hashed.append(password)
    )

    for username in ("zhang", "nobody"):
        with django_assert_num_queries(2):
            assert reset("wrong", username).status_code == 400

    assert hashed == []


@pytest.mark.parametrize(
    "password", ["short", "zhang-zhang", "feiqingsong", "password", "        ", "x" * 129, "", None]
)
def test_a_weak_password_is_refused_and_leaves_the_code(user, password):
    code = make_reset_code(user)

    refused = reset(code, new_password=password)

    assert refused.status_code == 400
    assert list(refused.json()) == ["new_password"]
    assert reset(code).status_code == 204


def test_a_code_lives_for_a_day_and_is_kept_as_a_hash(user):
    code = make_reset_code(user)

    kept = PasswordReset.objects.get()

    left = kept.expires_at - timezone.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert code not in str(picture())
    assert not AuthToken.objects.exists()


def test_missing_fields_are_all_named():
    response = APIClient().post(URL, {}, format="json")

    assert response.status_code == 400
    assert list(response.json()) == ["username", "code", "new_password"]
