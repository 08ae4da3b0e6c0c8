"""Settings by environment, each case in a process of its own with nothing else set."""

import json

import pytest

from api import limit_table
from feiqingsong import environment
from feiqingsong.testing.production import blank, run
from feiqingsong.testing.production import environment as production

SHOW = """
import json
from feiqingsong import settings as s
print(json.dumps({
    "environment": s.ENVIRONMENT, "debug": s.DEBUG, "apps": s.INSTALLED_APPS,
    "hosts": s.ALLOWED_HOSTS, "secret": s.SECRET_KEY, "livemode": s.PINGPP_LIVEMODE,
    "base": s.PINGPP_API_BASE, "failpoints": s.FAILPOINTS,
    "limits": s.LIMITS, "rates": s.LIMIT_RATES,
    "redirect": s.SECURE_SSL_REDIRECT, "hsts": s.SECURE_HSTS_SECONDS,
    "hsts_more": [s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD],
    "secure": [getattr(s, f"{c}_COOKIE_SECURE", False) for c in ("SESSION", "CSRF")],
}))
"""
STAGING = {"FEIQINGSONG_ENV": "staging", "PINGPP_API_KEY": "sk_test_1"}


def shown(variables):
    done = run("-c", SHOW, variables=variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(command, variables):
    done = run(*command, variables=variables)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


def test_complete_production_settings_start_and_are_strict():
    variables = production()

    values = shown(variables)

    assert (values["environment"], values["debug"]) == ("production", False)
    assert values["hosts"] == ["feiqingsong.example"]
    assert values["secret"] == variables["SECRET_KEY"]
    assert (values["livemode"], values["base"]) == (True, "https://api.pingxx.com")
    assert "pingpp_sandbox" not in values["apps"]
    assert (values["redirect"], values["secure"]) == (True, [True, True])
    assert values["failpoints"] is False
    assert (values["hsts"], values["hsts_more"]) == (365 * 24 * 3600, [False, False])


def test_staging_is_as_strict_but_for_its_provider():
    values = shown(production(**STAGING, PINGPP_API_BASE="http://127.0.0.1:8001/"))

    assert (values["environment"], values["debug"]) == ("staging", False)
    assert (values["livemode"], values["base"]) == (False, "http://127.0.0.1:8001")
    assert "pingpp_sandbox" not in values["apps"]
    assert (values["redirect"], values["secure"]) == (True, [True, True])


@pytest.mark.parametrize("names", environment.REQUIRED)
@pytest.mark.parametrize("value", ["", "  "])
def test_production_refuses_to_start_without_each_and_names_it(names, value):
    changes = dict.fromkeys(names, value)

    lines = refusal(["-c", "import feiqingsong.settings"], production(**changes))

    assert lines == [f"Refusing to start in production: {' or '.join(names)} is missing"]


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import feiqingsong.settings"],
        ["-c", "import feiqingsong.wsgi"],
        ["-c", "import feiqingsong.asgi"],
        ["manage.py", "check"],
        ["manage.py", "help"],
        ["manage.py", "migrate"],
        ["manage.py", "run_jobs"],
        ["-m", "django", "check", "--settings=feiqingsong.settings"],
    ],
    ids=lambda command: command[1] if command[0] != "-m" else "django",
)
@pytest.mark.parametrize("base", [{}, STAGING], ids=["production", "staging"])
def test_every_entry_point_names_all_that_is_wrong_a_line_each(command, base):
    wrong = {
        "SECRET_KEY": "x",
        "DATABASE_URL": "sqlite:///db.sqlite3",
        "ALLOWED_HOSTS": ".com",
        "ORDER_PAY_SECONDS": "abc",
        "DEBUG": "1",
        "PINGPP_APP_ID": "",
    }

    lines = refusal(command, production(**base | wrong))

    where = base.get("FEIQINGSONG_ENV", "production")
    prefix = f"Refusing to start in {where}: "
    assert all(line.startswith(prefix) for line in lines)
    assert sorted(line.removeprefix(prefix).split()[0] for line in lines) == sorted(wrong)


def test_the_words_of_a_refusal_hold_no_secret():
    secrets = {
        "SECRET_KEY": "very-secret-value",
        "PINGPP_API_KEY": "sk_secret_value",
        "PINGPP_PRIVATE_KEY": "secret-value",
        "PINGPP_PUBLIC_KEY": "secret-value",
        "DATABASE_URL": "mysql://me:secret-value@host/name",
        "PINGPP_API_BASE": "https://me:secret-value@host",
    }

    lines = refusal(["-c", "import feiqingsong.settings"], production(**secrets))

    assert len(lines) == len(secrets)
    assert "secret" not in "".join(lines).replace("SECRET_KEY", "")


def test_development_needs_nothing_set(tmp_path):
    variables = blank() | {"FEIQINGSONG_ENV": "development", "VAR_DIR": str(tmp_path)}

    values = shown(variables)

    assert (values["environment"], values["debug"]) == ("development", True)
    assert values["secret"] == (tmp_path / "secret_key").read_text()
    assert values["livemode"] is False
    assert values["base"] == "http://127.0.0.1:8001"
    assert "pingpp_sandbox" in values["apps"]
    assert (values["redirect"], values["secure"], values["hsts"]) == (False, [False, False], 0)


@pytest.mark.parametrize("name", ["development", "staging", "production"])
def test_the_limits_are_on_and_as_the_table_says(name):
    base = STAGING if name == "staging" else {}
    variables = blank() if name == "development" else production(**base)

    values = shown(variables | {"FEIQINGSONG_ENV": name})

    table = {limit.name: [limit.many, limit.seconds] for limit in limit_table.TABLE}
    assert values["limits"] is True
    assert values["rates"] == table


def test_only_production_refuses_to_go_without_limits():
    lines = refusal(["-c", "import feiqingsong.settings"], production(LIMITS="off"))

    assert lines == ["Refusing to start in production: LIMITS must be on in production"]
    assert shown(production(**STAGING, LIMITS="off"))["limits"] is False
    development = blank() | {"FEIQINGSONG_ENV": "development", "LIMITS": "off"}
    assert shown(development)["limits"] is False


def test_every_limit_can_be_set():
    changed = {
        limit.variable: "7" if limit.seconds is None else "7/70" for limit in limit_table.TABLE
    }

    values = shown(production(**changed))

    assert values["rates"] == {
        limit.name: [7, None if limit.seconds is None else 70] for limit in limit_table.TABLE
    }
