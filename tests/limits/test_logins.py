"""Failed logins: three doors, one count, decided before anything is hashed."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import hashers as django_hashers
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import hashers, password_attempts
from accounts.models import SignInNetwork, User
from tests.limits.callers import HOME, change_password, log_in, register
from tests.support.people import PASSWORD, client_for, make_patient, make_user

AWAY = "198.51.100.7"
ADMIN = "/admin/login/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def on(settings):
    settings.LIMITS = True


def sign_in(username, password=PASSWORD, address=HOME):
    """Sign in to the admin."""
    form = {"username": username, "password": password}
    return Client().post(ADMIN, form, REMOTE_ADDR=address)


def fail(username, times, address=HOME):
    return [log_in(username, address).status_code for _ in range(times)]


def test_all_doors_share_one_count_and_then_refuse_the_right_password_too(counting):
    boss = make_user("boss", is_staff=True)
    session = client_for(boss)

    answers = [
        log_in("boss").status_code,
        sign_in("boss", "wrong-password").status_code,
        change_password(session).status_code,
        log_in("boss").status_code,
        sign_in("boss", "wrong-password").status_code,
    ]

    assert answers == [401, 200, 400, 401, 200]
    right = [
        log_in("boss", password=PASSWORD),
        sign_in("boss"),
        change_password(session, password=PASSWORD),
    ]
    assert [answer.status_code for answer in right] == [429] * 3
    assert all(800 < int(answer.headers["Retry-After"]) <= 900 for answer in right)
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)
    assert log_in("boss", AWAY, PASSWORD).status_code == 200


def test_right_passwords_are_not_counted(counting):
    user = make_user("boss", is_staff=True)

    for _ in range(7):
        assert log_in("boss", password=PASSWORD).status_code == 200
        assert sign_in("boss").status_code == 302
        weak = client_for(user).post(
            "/accounts/password/", {"old_password": PASSWORD, "new_password": "x"}
        )
        assert list(weak.json()) == ["new_password"]

    assert counting.counts() == {}


def test_success_does_not_forgive_earlier_failures(on):
    make_user("somebody")
    fail("somebody", 4)
    log_in("somebody", password=PASSWORD)

    assert fail("somebody", 2) == [401, 429]


@pytest.mark.parametrize("spelling", ["nobody", "NoBody", "ｎｏｂｏｄｙ", " nobody "])
def test_all_spellings_of_a_name_known_or_not_are_one(on, spelling):
    fail("nobody", 5)

    assert log_in(spelling).status_code == 429


def test_an_ipv6_network_is_one_address_and_the_next_another(on):
    for number in range(5):
        fail("somebody", 1, f"2001:db8:1:2::{number + 1}")

    assert log_in("somebody", "2001:db8:1:2:ffff::1").status_code == 429
    assert log_in("somebody", "2001:db8:1:3::1").status_code == 401


def test_nobody_locks_out_somebody_else_from_where_that_one_usually_is(on, settings):
    settings.LIMIT_RATES = settings.LIMIT_RATES | {"FAILED_LOGINS_ELSEWHERE": (10, 3600)}
    make_user("boss", is_staff=True)
    by_login, by_admin, by_register = "192.0.2.1", "2001:db8:5:5::1", "192.0.2.3"
    log_in("boss", by_login, PASSWORD)
    sign_in("boss", address=by_admin)
    register("newcomer", by_register)
    for name in ("boss", "newcomer"):
        attack = [fail(name, 1, f"198.51.100.{number}")[0] for number in range(11)]
        assert attack == [401] * 10 + [429]

    assert log_in("boss", "203.0.113.77", PASSWORD).status_code == 429
    assert log_in("boss", by_login, PASSWORD).status_code == 200
    assert log_in("boss", "2001:db8:5:5:9::9", PASSWORD).status_code == 200
    assert log_in("newcomer", by_register, "a-long-secret-9").status_code == 200
    # At home the account's own failures count as ever.
    assert fail("boss", 6, by_login) == [401] * 5 + [429]


def test_at_the_limit_nothing_is_hashed(on, monkeypatch):
    make_user("boss", is_staff=True)
    session = client_for(User.objects.get())
    fail("boss", 5)
    hashed = []
    encode = django_hashers.MD5PasswordHasher.encode

    def counting_encode(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(django_hashers.MD5PasswordHasher, "encode", counting_encode)

    log_in("boss", password=PASSWORD)
    sign_in("boss")
    change_password(session, password=PASSWORD)

    assert hashed == []


def test_parallel_guesses_never_pass_the_limit(counting):
    make_user("somebody")
    start = threading.Barrier(8)

    def guess(_number):
        start.wait(10)
        try:
            return log_in("somebody").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(guess, range(8)))

    assert answers == [401] * 5 + [429] * 3


def test_the_admin_says_in_chinese_why_it_refuses(on):
    make_user("boss", is_staff=True)
    for _ in range(5):
        sign_in("boss", "wrong-password")

    page = sign_in("boss")

    text = page.content.decode()
    assert page.status_code == 429
    assert "登录失败次数过多，请稍后重试" in text
    assert re.search(r'<form[^>]+id="login-form"', text)
    assert sign_in("boss", address=AWAY).status_code == 302


@pytest.fixture
def busy_hashing(settings, monkeypatch):
    """The one place for a hash is taken, and nobody waits long."""
    settings.PASSWORD_HASHERS = ["accounts.hashers.BoundedScryptPasswordHasher"]
    queue = hashers.HashingQueue(1)
    monkeypatch.setattr(hashers, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(hashers, "_queue", queue)
    return queue


def test_a_password_that_nobody_had_time_to_check_is_503_and_not_counted(busy_hashing, counting):
    user = make_user("boss", is_staff=True)
    session = client_for(user)

    with busy_hashing.place():
        answers = [
            log_in("boss", password=PASSWORD),
            log_in("nobody"),
            change_password(session),
            register("newcomer"),
            sign_in("boss"),
        ]

    assert [answer.status_code for answer in answers] == [503] * 5
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert [answer.json() for answer in answers[:4]] == [{"detail": "系统繁忙，请稍后重试"}] * 4
    assert "系统繁忙，请稍后重试" in answers[4].content.decode()
    assert counting.counts() == {}
    assert log_in("boss", password=PASSWORD).status_code == 200


def test_staff_whose_form_finds_no_time_to_hash_are_told_so(busy_hashing, client):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(boss)
    form = {"username": "fresh", "password1": "lungs-and-air-42", "password2": "lungs-and-air-42"}

    with busy_hashing.place():
        answer = client.post("/admin/accounts/user/add/", form)

    assert (answer.status_code, answer.content.decode()) == (503, "系统繁忙，请稍后重试")
    assert answer.headers["Retry-After"]
    assert User.objects.count() == 1


def test_more_than_may_wait_are_sent_away_at_once(busy_hashing, monkeypatch):
    monkeypatch.setattr(hashers, "PATIENCE_SECONDS", 30.0)
    entered = []

    def wait_for_a_place():
        with busy_hashing.place():
            entered.append(True)

    with busy_hashing.place():
        waiting = [threading.Thread(target=wait_for_a_place) for _ in range(2)]
        for thread in waiting:
            thread.start()
        while busy_hashing._queue._value:
            pass
        with pytest.raises(hashers.Busy), busy_hashing.place():
            pass
        assert entered == []
    for thread in waiting:
        thread.join(10)

    assert entered == [True, True]


def test_hashes_are_djangos_own(settings):
    settings.PASSWORD_HASHERS = ["accounts.hashers.BoundedScryptPasswordHasher"]
    ours = django_hashers.make_password("a-secret")

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]

    assert ours.startswith("scrypt$")
    assert django_hashers.check_password("a-secret", ours)


def test_the_networks_of_an_account_are_few_and_forgotten_when_unused():
    user = make_patient().user
    for number in range(password_attempts.NETWORKS_KEPT + 5):
        log_in(user.username, f"192.0.2.{number + 1}", PASSWORD)
    log_in(user.username, "192.0.2.25", PASSWORD)

    kept = set(user.networks.values_list("network", flat=True))
    old = user.networks.filter(network__in=["192.0.2.6", "192.0.2.7"])
    old.update(used_at=timezone.now() - timedelta(days=181))

    assert kept == {f"192.0.2.{number}" for number in range(6, 26)}
    assert password_attempts.purge_networks() == 2
    assert SignInNetwork.objects.count() == 18


def test_only_a_sign_in_leaves_a_network():
    user = make_user("somebody")

    log_in("somebody")
    sign_in("somebody")
    change_password(client_for(user), password=PASSWORD)

    assert not SignInNetwork.objects.exists()
