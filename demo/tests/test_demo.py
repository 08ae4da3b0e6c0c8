"""A demo's database is known by what it holds, and serves neither staging nor production."""

import secrets
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from knox.models import AuthToken
from psycopg2 import sql

from accounts.models import User
from demo import data
from feiqingsong import demo_guard
from feiqingsong.management.utility import ALLOWED_ON_A_DEMO
from feiqingsong.testing.production import environment, run
from ledger.models import Transaction
from tests.support.people import make_user
from tests.support.processes import database_url

STAGING = {"FEIQINGSONG_ENV": "staging", "PINGPP_API_KEY": "sk_test_1"}
MARK = "the mark of load_demo in its ledger"
SERVERS = [
    ["-c", "import feiqingsong.wsgi"],
    ["-c", "import feiqingsong.asgi"],
    ["manage.py", "runserver", "--noreload", "0"],
    ["manage.py", "run_jobs", "--once"],
    ["manage.py", "reconcile"],
    ["manage.py", "load_demo"],
    ["manage.py", "createsuperuser", "--noinput"],
]
TOKEN = "a token of the published document"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loaded():
    call_command("load_demo", verbosity=0)


def accounts(*names):
    return [f"the account {name} with the password of the README" for name in names]


def unusable(**users):
    User.objects.filter(**users).update(password=make_password(None))


def test_a_database_without_a_demo_has_no_trace():
    make_user("admin", is_staff=True, is_superuser=True)
    make_user("patient1")

    assert list(data.traces()) == []


def test_a_demo_is_seen_by_its_mark_its_tokens_and_its_accounts(loaded):
    names = ("patient1", "patient2", "doctor1", "doctor2", "admin")

    assert sorted(data.traces()) == sorted([MARK, TOKEN, *accounts(*names)])


def test_the_mark_stays_whatever_becomes_of_the_accounts(loaded):
    AuthToken.objects.all().delete()
    unusable()

    assert list(data.traces()) == [MARK]


def test_one_token_alone_is_a_trace(loaded):
    unusable()
    AuthToken.objects.filter(user__username="patient1").delete()

    assert list(data.traces()) == [MARK, TOKEN]


def test_one_account_alone_is_a_trace():
    User.objects.create_user("doctor2", password=data.PASSWORD)

    assert list(data.traces()) == accounts("doctor2")


def test_looking_for_traces_changes_nothing(loaded, django_assert_num_queries):
    with django_assert_num_queries(3):
        list(data.traces())


@pytest.fixture
def postgres_demo(settings):
    """The variables with which production would serve this very database, a demo's."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    call_command("load_demo", verbosity=0)
    return environment(DATABASE_URL=database_url())


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "commands"), [({}, SERVERS), (STAGING, SERVERS[:1])], ids=["production", "staging"]
)
def test_nothing_serves_or_moves_money_on_a_demo(postgres_demo, base, commands):
    before = Transaction.objects.count(), User.objects.count()

    for command in commands:
        done = run("-W", "ignore", *command, variables=postgres_demo | base)

        lines = done.stderr.splitlines()
        where = base.get("FEIQINGSONG_ENV", "production")
        assert (done.returncode, done.stdout, len(lines)) == (1, "", 7), command
        assert all(line.startswith(f"Refusing to start in {where}: the database") for line in lines)
    assert (Transaction.objects.count(), User.objects.count()) == before


@pytest.mark.postgres
@pytest.mark.slow
def test_what_looks_or_cleans_up_may_run_on_a_demo(postgres_demo):
    for command in ("check", "migrate", "showmigrations", "money_audit"):
        assert command in ALLOWED_ON_A_DEMO

        done = run("manage.py", command, variables=postgres_demo)

        assert done.returncode == 0, done.stderr


@pytest.mark.postgres
def test_a_database_without_a_demo_is_served():
    variables = environment(DATABASE_URL=database_url())

    served = run("-W", "ignore", "-c", "import feiqingsong.wsgi", variables=variables)

    assert (served.returncode, served.stderr) == (0, "")


@pytest.mark.parametrize(
    "command", [["-c", "import feiqingsong.wsgi"], ["manage.py", "diffsettings"]]
)
def test_a_database_out_of_reach_stops_nobody(command):
    done = run(*command, variables=environment())

    assert done.returncode == 0
    assert "not known whether the database is a demo's: OperationalError" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.postgres
def test_a_database_without_tables_stops_nobody():
    url = urlsplit(database_url())
    name = f"feiqingsong_empty_{secrets.token_hex(4)}"
    with closing(psycopg2.connect(url._replace(scheme="postgresql").geturl())) as server:
        server.autocommit = True
        server.cursor().execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            variables = environment(DATABASE_URL=url._replace(path=f"/{name}").geturl())
            done = run("-c", "import feiqingsong.wsgi", variables=variables)
        finally:
            server.cursor().execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))

    assert done.returncode == 0, done.stderr


def test_no_connection_is_left_for_a_server_to_fork(settings, loaded):
    settings.DEVELOPMENT = False
    connection.ensure_connection()

    with pytest.raises(SystemExit):
        demo_guard.refuse_outside_development()

    assert connection.connection is None
