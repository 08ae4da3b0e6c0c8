"""Tokens: what is kept of them, how they live, and what kills them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token
from tests.support.books import picture
from tests.support.people import (
    PASSWORD,
    client_for,
    make_doctor,
    make_patient,
)

ME = "/accounts/me/"
pytestmark = pytest.mark.django_db


def token_of(user):
    response = APIClient().post(
        "/accounts/login/", {"username": user.username, "password": PASSWORD}
    )
    return response.json()["token"]


def client_with(token):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def works(token):
    return client_with(token).get(ME).status_code == 200


def test_nothing_of_the_token_is_kept_but_a_hash():
    token = token_of(make_patient().user)

    stored = str(picture())

    assert AuthToken.objects.count() == 1
    assert token not in stored
    assert not any(token[start : start + 8] in stored for start in range(33))


def test_the_digest_in_the_database_opens_nothing():
    token_of(make_patient().user)

    response = client_with(AuthToken.objects.get().digest).get(ME)

    assert response.status_code == 401


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: t[::-1]]
)
def test_anything_but_the_very_token_is_401(change):
    token = token_of(make_patient().user)

    response = client_with(change(token)).get(ME)

    assert response.status_code == (401 if change(token) != token else 200)


def test_the_word_token_may_be_in_any_case():
    token = token_of(make_patient().user)

    response = APIClient().get(ME, HTTP_AUTHORIZATION=f"TOKEN {token}")

    assert response.status_code == 200


def test_a_token_in_the_url_or_the_body_is_no_login():
    token = token_of(make_patient().user)

    by_url = APIClient().get(f"{ME}?token={token}&Authorization=Token {token}")
    by_body = APIClient().patch(ME, {"token": token, "name": "新名字"})

    assert (by_url.status_code, by_body.status_code) == (401, 401)
    assert not User.objects.filter(name="新名字").exists()


def test_a_browser_session_is_no_login():
    user = make_patient().user
    client = APIClient()
    client.force_login(user)

    response = client.get(ME)

    assert response.status_code == 401


def test_a_token_unused_for_thirty_days_is_dead():
    token = token_of(make_patient().user)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))

    response = client_with(token).get(ME)

    assert response.status_code == 401
    assert response.json() == {"detail": "登录已失效，请重新登录"}


def test_use_renews_a_token_for_thirty_days_at_most_once_a_day():
    token = token_of(make_patient().user)
    AuthToken.objects.update(expiry=timezone.now() + timedelta(hours=1))

    works(token)

    renewed = AuthToken.objects.get().expiry
    works(token)
    assert timedelta(days=29, hours=23) < renewed - timezone.now() <= timedelta(days=30)
    assert AuthToken.objects.get().expiry == renewed


@pytest.mark.parametrize("tokens", [1, 20])
def test_the_login_of_a_request_costs_one_query(django_assert_num_queries, tokens):
    user = make_doctor().user
    for _ in range(tokens - 1):
        issue_token(user)
    client = client_for(user)

    with django_assert_num_queries(1):
        response = client.get(ME)

    assert response.status_code == 200


def test_a_bad_token_costs_one_query(django_assert_num_queries):
    client = client_with("0" * 40)

    with django_assert_num_queries(1):
        response = client.get(ME)

    assert response.status_code == 401


def test_the_token_of_a_deactivated_user_is_dead_until_they_return():
    user = make_patient().user
    token = token_of(user)

    User.objects.filter(pk=user.pk).update(is_active=False)
    while_away = works(token)
    User.objects.filter(pk=user.pk).update(is_active=True)

    assert not while_away
    assert works(token)


def test_logout_kills_this_token_alone():
    user = make_patient().user
    mine, other = token_of(user), token_of(user)
    strangers = token_of(make_patient().user)

    response = client_with(mine).post("/accounts/logout/")

    assert response.status_code == 204
    assert response.content == b""
    assert [works(token) for token in (mine, other, strangers)] == [False, True, True]


def test_logging_out_twice_is_401():
    client = client_with(token_of(make_patient().user))
    client.post("/accounts/logout/")

    response = client.post("/accounts/logout/")

    assert response.status_code == 401


def test_logoutall_kills_every_token_of_the_caller():
    user = make_patient().user
    mine, other = token_of(user), token_of(user)
    strangers = token_of(make_patient().user)

    response = client_with(mine).post("/accounts/logoutall/")

    assert response.status_code == 204
    assert [works(token) for token in (mine, other, strangers)] == [False, False, True]


def change_password(token, old=PASSWORD, new="another-long-secret"):
    return client_with(token).post(
        "/accounts/password/", {"old_password": old, "new_password": new}, format="json"
    )


def test_a_new_password_kills_every_other_token():
    user = make_patient().user
    mine, other = token_of(user), token_of(user)
    strangers = token_of(make_patient().user)

    response = change_password(mine)

    user.refresh_from_db()
    assert response.status_code == 204
    assert response.content == b""
    assert user.check_password("another-long-secret")
    assert [works(token) for token in (mine, other, strangers)] == [True, False, True]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong-password", "another-long-secret", "old_password"),
        ("", "another-long-secret", "old_password"),
        (None, "another-long-secret", "old_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "", "new_password"),
        (PASSWORD, "password", "new_password"),
        (PASSWORD, "x" * 129, "new_password"),
        (PASSWORD, ["another-long-secret"], "new_password"),
    ],
)
def test_a_refused_password_changes_nothing(old, new, field):
    user = make_patient().user
    mine, other = token_of(user), token_of(user)

    response = change_password(mine, old, new)

    user.refresh_from_db()
    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert user.check_password(PASSWORD)
    assert works(mine)
    assert works(other)
