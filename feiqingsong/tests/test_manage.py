"""How long statements may take: the web's and run_jobs' are bounded, other commands' are not."""

import json

import pytest
from django.db import connection

from feiqingsong.testing.production import blank, run
from tests.support.processes import database_url

NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
SHOW = f"""
import json
from django.db import connection
with connection.cursor() as cursor:
    values = [cursor.execute("SHOW " + name) or cursor.fetchone()[0] for name in {NAMES!r}]
print(json.dumps(values))
"""
AS_COMMAND = """
import sys
import django
from feiqingsong.management.utility import Manage
django.setup()
Manage(sys.argv).fetch_command(sys.argv[1])
"""
SLOW_SETTINGS = """
from feiqingsong.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "slow"]
"""
SLOW_MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = []
    operations = [migrations.RunSQL("SELECT pg_sleep(1)", migrations.RunSQL.noop)]
"""

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def variables(**changes):
    here = {
        "FEIQINGSONG_ENV": "development",
        "DJANGO_SETTINGS_MODULE": "feiqingsong.settings",
        "DATABASE_URL": database_url(),
    }
    return blank() | here | changes


def shown(*command, **changes):
    done = run(*command, variables=variables(**changes))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("module", ["feiqingsong.wsgi", "feiqingsong.asgi"])
def test_the_web_waits_so_long_and_no_longer(module):
    code = f"import {module}\n{SHOW}"

    set_shorter = shown("-c", code, DB_STATEMENT_TIMEOUT="700", DB_LOCK_TIMEOUT="900")

    assert shown("-c", code) == ["5s", "3s", "10s"]
    assert set_shorter == ["700ms", "900ms", "10s"]


@pytest.mark.parametrize("command", ["run_jobs", "runserver"])
def test_commands_that_serve_are_bounded_like_the_web(command):
    assert shown("-c", AS_COMMAND + SHOW, command) == ["5s", "3s", "10s"]


@pytest.mark.parametrize("command", ["migrate", "money_audit", "reconcile", "load_demo"])
def test_other_commands_are_not_but_wait_for_locks_as_long_as_before(command):
    limits = shown("-c", AS_COMMAND + SHOW, command, DB_LOCK_TIMEOUT="900")

    assert limits == ["0", "900ms", "0"]


def test_manage_lifts_the_limit_of_what_it_runs():
    assert shown("manage.py", "shell", "-v0", "-c", SHOW) == ["0", "3s", "0"]


def test_a_migration_may_take_longer_than_any_request(tmp_path):
    (tmp_path / "slow" / "migrations").mkdir(parents=True)
    (tmp_path / "slow" / "__init__.py").touch()
    (tmp_path / "slow" / "migrations" / "__init__.py").touch()
    (tmp_path / "slow" / "migrations" / "0001_slow.py").write_text(SLOW_MIGRATION)
    (tmp_path / "slow_settings.py").write_text(SLOW_SETTINGS)
    limited = variables(
        DB_STATEMENT_TIMEOUT="200",
        DJANGO_SETTINGS_MODULE="slow_settings",
        PYTHONPATH=str(tmp_path),
    )

    try:
        hurried = run("-m", "django", "migrate", "slow", variables=limited)
        unhurried = run("manage.py", "migrate", "slow", variables=limited)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'slow'")

    assert "canceling statement due to statement timeout" in hurried.stderr
    assert unhurried.returncode == 0, unhurried.stderr
