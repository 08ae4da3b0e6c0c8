"""Settings by environment, each case in a process of its own with nothing else set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from feiqingsong import limit_table

ROOT = Path(settings.BASE_DIR)
COMPLETE = {
    "SECRET_KEY": "x" * 60,
    "ALLOWED_HOSTS": "api.example",
    "DATABASE_URL": "postgres://nobody@127.0.0.1/none",
    "PINGPP_API_KEY": "sk_live_1",
    "PINGPP_APP_ID": "app_1",
    "PINGPP_PRIVATE_KEY": "key",
    "PINGPP_PUBLIC_KEY": "key",
    "TRUSTED_PROXY_COUNT": "0",
}
# Named so that a developer's .env cannot fill them in.
BLANK = dict.fromkeys((*COMPLETE, "PINGPP_PRIVATE_KEY_PATH", "PINGPP_PUBLIC_KEY_PATH"), "") | {
    "DEBUG": "0",
    "FAILPOINTS": "0",
    "LIMITS": "on",
    "SANDBOX_PORT": "0",
    "SANDBOX_TIME_SCALE": "0",
}
SHOW = """
import json
from feiqingsong import settings as s
print(json.dumps({
    "environment": s.ENVIRONMENT, "debug": s.DEBUG, "apps": s.INSTALLED_APPS,
    "hosts": s.ALLOWED_HOSTS, "secret": s.SECRET_KEY, "livemode": s.PINGPP_LIVEMODE,
    "base": s.PINGPP_API_BASE, "failpoints": s.FAILPOINTS,
    "limits": s.LIMITS, "rates": s.LIMIT_RATES,
    "redirect": getattr(s, "SECURE_SSL_REDIRECT", None),
    "cookies": getattr(s, "SESSION_COOKIE_SECURE", None),
}))
"""


def run(code, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def shown(**environment):
    done = run(SHOW, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(**environment):
    done = run("import feiqingsong.settings", **environment)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def production(**changes):
    return BLANK | COMPLETE | {"FEIQINGSONG_ENV": "production"} | changes


def test_complete_production_settings_start_and_are_strict():
    values = shown(**production())

    assert (values["environment"], values["debug"]) == ("production", False)
    assert values["hosts"] == ["api.example"]
    assert values["secret"] == COMPLETE["SECRET_KEY"]
    assert (values["livemode"], values["base"]) == (True, "https://api.pingxx.com")
    assert "pingpp_sandbox" not in values["apps"]
    assert (values["redirect"], values["cookies"], values["failpoints"]) == (True, True, False)


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("blank", ["", "  "])
def test_production_refuses_to_start_without_each_and_names_it(name, blank):
    message = refusal(**production(**{name: blank}))

    assert "Refusing to start in production" in message
    assert f"{name} " in message
    assert message.count("is missing") == 1


@pytest.mark.parametrize("name", ["PINGPP_PRIVATE_KEY", "PINGPP_PUBLIC_KEY"])
def test_a_key_may_come_as_a_path(name, tmp_path):
    values = shown(**production(**{name: "", f"{name}_PATH": str(tmp_path / "key.pem")}))

    assert values["environment"] == "production"


def test_everything_missing_is_named_at_once():
    message = refusal(**BLANK, FEIQINGSONG_ENV="production")

    assert all(name in message for name in COMPLETE)
    assert message.count("is missing") == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "1"),
        ("DEBUG", "true"),
        ("DEBUG", "on"),
        ("FAILPOINTS", "1"),
        ("SANDBOX_PORT", "8001"),
        ("SANDBOX_TIME_SCALE", "0.1"),
    ],
)
def test_production_refuses_each_development_switch_and_names_it(name, value):
    message = refusal(**production(**{name: value}))

    assert f"{name} is for development only" in message


@pytest.mark.parametrize("value", ["", "0", "false", "off", "no"])
def test_a_development_switch_that_is_off_does_no_harm(value):
    assert shown(**production(DEBUG=value or "0", FAILPOINTS=value or "0"))["debug"] is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must not be *"),
        ({"ALLOWED_HOSTS": "a.example,*"}, "ALLOWED_HOSTS must not be *"),
        ({"PINGPP_API_KEY": "sk_test_1"}, "test key"),
        ({"FEIQINGSONG_ENV": "staging"}, "development or production"),
        ({"DATABASE_URL": "mysql://a@b/c"}, "DATABASE_URL must be"),
    ],
)
def test_unsafe_values_are_refused(changes, words):
    assert words in refusal(**production(**changes))


@pytest.mark.parametrize("environment", ["development", "production"])
def test_the_limits_are_on_and_as_the_table_says(environment):
    values = shown(**production(FEIQINGSONG_ENV=environment))

    table = {limit.name: [limit.many, limit.seconds] for limit in limit_table.TABLE}
    assert values["limits"] is True
    assert values["rates"] == table


@pytest.mark.parametrize("value", ["off", "0", "false", "no", "nonsense"])
def test_only_production_refuses_to_go_without_limits(value):
    message = refusal(**production(LIMITS=value))

    assert "LIMITS=off is for development only" in message
    assert shown(**production(LIMITS=value, FEIQINGSONG_ENV="development"))["limits"] is False


def test_every_limit_can_be_set():
    changed = {
        limit.variable: "7" if limit.seconds is None else "7/70" for limit in limit_table.TABLE
    }

    values = shown(**production(**changed))

    assert values["rates"] == {
        limit.name: [7, None if limit.seconds is None else 70] for limit in limit_table.TABLE
    }


def test_a_staging_host_may_use_a_test_key_when_it_says_so():
    values = shown(**production(PINGPP_API_KEY="sk_test_1", PINGPP_LIVEMODE="off"))

    assert values["livemode"] is False


def test_the_words_of_a_refusal_hold_no_secret():
    done = run(
        "import feiqingsong.settings",
        **production(SECRET_KEY="very-secret-value", PINGPP_API_KEY="sk_test_secret"),
    )

    assert done.returncode != 0
    assert "very-secret-value" not in done.stderr
    assert "sk_test_secret" not in done.stderr


def test_development_needs_nothing_set(tmp_path):
    values = shown(FEIQINGSONG_ENV="development", VAR_DIR=str(tmp_path))

    assert (values["environment"], values["debug"]) == ("development", True)
    assert values["secret"] == (tmp_path / "secret_key").read_text()
    assert values["livemode"] is False
    assert values["base"].startswith("http://127.0.0.1:")
    assert "pingpp_sandbox" in values["apps"]


def test_without_any_word_the_settings_are_productions():
    assert "Refusing to start in production" in refusal(**BLANK)


@pytest.mark.parametrize("module", ["wsgi", "asgi"])
def test_the_servers_entry_points_default_to_production(module):
    done = run(f"import feiqingsong.{module}", **BLANK)

    assert done.returncode != 0
    assert "Refusing to start in production" in done.stderr


def test_manage_defaults_to_development_and_can_be_told_otherwise(tmp_path):
    command = "import sys; sys.argv = ['manage.py', 'check']; import manage; manage.main()"

    plain = run(command, VAR_DIR=str(tmp_path))
    told = run(command, **BLANK, FEIQINGSONG_ENV="production")

    assert plain.returncode == 0, plain.stderr
    assert told.returncode != 0
    assert "Refusing to start in production" in told.stderr
