"""manage.py run_jobs and load_demo."""

import os
import signal
import threading
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.crypto import hash_token
from knox.models import AuthToken

from accounts.models import Doctor, Patient, User
from feiqingsong.testing.production import environment, run
from qaorder.models import Order, Status
from tests.support import books
from tests.support.people import age, order_in

PATIENT_TOKEN = "48cebaf1955b6f45ee76515dbed221a1f229dd69"
DOCTOR_TOKEN = "5fcfbbe09e2c7b18f4e5f2cca1f0511e9255ab49"

pytestmark = pytest.mark.django_db(transaction=True)


def test_run_jobs_once_does_one_round_and_returns(provider):
    age(order_in(Status.ANSWERED), status_at=timedelta(days=8))

    call_command("run_jobs", "--once")

    assert Order.objects.get().status == Status.FINISHED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_jobs_goes_on_until_it_is_told_to_stop(provider, settings, number):
    settings.JOBS_INTERVAL = 60.0
    before = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)}
    age(order_in(Status.ANSWERED), status_at=timedelta(days=8))
    threading.Timer(1.0, os.kill, (os.getpid(), number)).start()
    started = time.monotonic()

    try:
        call_command("run_jobs")
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)

    assert time.monotonic() - started < 20
    assert Order.objects.get().status == Status.FINISHED


def test_load_demo_makes_the_accounts_of_the_readme(client):
    call_command("load_demo", verbosity=0)

    prices = dict(
        Doctor.objects.values_list("user__username", "online_price_fen").order_by("user__username")
    )
    monthly = dict(Doctor.objects.values_list("user__username", "monthly_price_fen"))
    assert prices == {"doctor1": 1500, "doctor2": 1900}
    assert monthly == {"doctor1": 7000, "doctor2": 9900}
    assert set(Doctor.objects.values_list("is_verified", "is_accepting")) == {(True, True)}
    assert Patient.objects.count() == 2
    assert books.wallet(User.objects.get(username="patient1")) == 10_000
    assert books.wallet(User.objects.get(username="patient2")) == 0
    assert User.objects.get(username="admin").is_superuser
    for user in User.objects.all():
        answer = client.post(
            "/accounts/login/", {"username": user.username, "password": "feiqingsong"}
        )
        assert answer.status_code == 200, user.username


@pytest.mark.parametrize(
    ("token", "username"), [(PATIENT_TOKEN, "patient1"), (DOCTOR_TOKEN, "doctor1")]
)
def test_the_tokens_of_the_published_document_work(client, token, username):
    call_command("load_demo", verbosity=0)

    answer = client.get("/accounts/me/", headers={"Authorization": f"Token {token}"})

    assert answer.json()["owner"] == username


def test_load_demo_run_again_adds_nothing():
    call_command("load_demo", verbosity=0)
    before = books.everything()

    call_command("load_demo", verbosity=0)

    assert books.everything() == before


def test_load_demo_run_again_keeps_what_was_done_with_the_accounts():
    call_command("load_demo", verbosity=0)
    user = User.objects.get(username="patient1")
    user.set_password("another-password")
    user.name = "改名"
    user.save()
    Doctor.objects.update(online_price_fen=100)

    call_command("load_demo", verbosity=0)

    user.refresh_from_db()
    assert user.name == "改名"
    assert user.check_password("another-password")
    assert set(Doctor.objects.values_list("online_price_fen", flat=True)) == {100}


def test_load_demo_is_refused_outside_development(settings):
    settings.DEVELOPMENT = False

    with pytest.raises(CommandError):
        call_command("load_demo", verbosity=0)

    assert not User.objects.exists()


def test_load_demo_is_refused_for_a_database_of_another_machine(settings):
    settings.DATABASE_IS_ELSEWHERE = True

    with pytest.raises(CommandError, match="this machine only"):
        call_command("load_demo", verbosity=0)

    assert not User.objects.exists()


def test_load_demo_is_refused_in_one_line_under_the_production_settings():
    done = run("manage.py", "load_demo", variables=environment())

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "CommandError: load_demo is for development only"
    assert "Traceback" not in done.stderr


def test_load_demo_renews_the_tokens_of_the_published_document(client):
    call_command("load_demo", verbosity=0)
    long_ago = timezone.now() - timedelta(days=400)
    AuthToken.objects.update(created=long_ago, expiry=long_ago + timedelta(days=30))

    call_command("load_demo", verbosity=0)

    for token in (PATIENT_TOKEN, DOCTOR_TOKEN):
        row = AuthToken.objects.get(digest=hash_token(token))
        assert row.created > timezone.now() - timedelta(minutes=1)
        assert row.expiry > timezone.now() + timedelta(days=29)
