"""Declared settings: wrong and unsafe values, each refused by its name and in one line."""

import re

import pytest
from Crypto.PublicKey import ECC, RSA

from api import limit_table
from feiqingsong.declared_settings import SETTINGS, read
from feiqingsong.environment import BASE_DIR, DEVELOPMENT, PRODUCTION, STAGING
from feiqingsong.testing.production import environment, key

EXAMPLE = (BASE_DIR / ".env.example").read_text()
NAMES = re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE, re.MULTILINE)
# No number, word, name, key or file; a folder may have any name.
WRONG = "错"
WRONG_FOLDER = str(BASE_DIR / "manage.py" / "var")
PRIVATE, PUBLIC = key().export_key().decode(), key().public_key().export_key().decode()
SMALL = RSA.generate(1024)
CURVE = ECC.generate(curve="P-256")


def problems(**changes):
    return read(environment(**changes), PRODUCTION)[1]


def staging(**changes):
    staged = {"FEIQINGSONG_ENV": STAGING, "PINGPP_API_KEY": "sk_test_1"}
    return read(environment(**staged | changes), STAGING)[1]


def development(**changes):
    return read(changes, DEVELOPMENT)[1]


def test_the_example_and_the_table_have_the_same_names():
    assert sorted(NAMES) == sorted(setting.name for setting in SETTINGS)


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_of_the_example_is_refused_when_it_is_wrong(name):
    wrong = WRONG_FOLDER if name == "VAR_DIR" else WRONG

    [line] = problems(**{name: wrong})

    assert line.startswith(f"{name} ")
    assert "\n" not in line
    assert wrong not in line


@pytest.mark.parametrize(
    "name", [setting.name for setting in SETTINGS if setting.for_development_only]
)
def test_development_s_own_are_checked_there_too(name):
    [line] = development(**{name: WRONG})

    assert line.startswith(f"{name} must be ")


def test_a_complete_production_and_a_complete_staging_start():
    assert problems() == []
    assert staging() == []
    assert development() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORDER_PAY_SECONDS", "0"),
        ("ORDER_ASK_SECONDS", "-1"),
        ("MONTHLY_SECONDS", "31622401"),
        ("ORDER_ANSWER_SECONDS", "1e3"),
        ("ORDER_FINISH_SECONDS", "1_000"),
        ("PLATFORM_SHARE_PERCENT", "101"),
        ("PLATFORM_SHARE_PERCENT", "-1"),
        ("PLATFORM_SHARE_PERCENT", "10.5"),
        ("CONN_MAX_AGE", "-1"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("TRUSTED_PROXY_COUNT", "-1"),
        ("SECURE_HSTS_SECONDS", "-1"),
        ("PINGPP_CONNECT_TIMEOUT", "0"),
        ("PINGPP_READ_TIMEOUT", "nan"),
        ("PINGPP_DEADLINE", "inf"),
        ("PINGPP_MAX_CONCURRENT", "0"),
        ("DB_STATEMENT_TIMEOUT", "0"),
        ("JOBS_INTERVAL", "0"),
        ("TOKEN_TTL_DAYS", "0"),
        ("DEBUG", "maybe"),
        ("SECURE_SSL_REDIRECT", "2"),
        ("LOG_LEVEL", "info"),
        ("DATABASE_URL", "mysql://a@b/c"),
        ("DATABASE_URL", "postgres://host:port/c"),
        ("DATABASE_URL", "postgres://host"),
        ("ALLOWED_HOSTS", "a.example,,b.example"),
        ("ALLOWED_HOSTS", "https://a.example"),
        ("ALLOWED_HOSTS", "a.example:443"),
        ("CSRF_TRUSTED_ORIGINS", "a.example"),
        ("PINGPP_API_BASE", "https://api.pingxx.com/v1"),
    ],
)
def test_numbers_words_and_names_out_of_range_are_refused_everywhere(name, value):
    for found in (development(**{name: value}), problems(**{name: value})):
        assert [line.split()[0] for line in found] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "x"),
        ("SECRET_KEY", "ab" * 40),
        ("SECRET_KEY", "django-insecure-" + "0123456789abcdef" * 4),
        ("DATABASE_URL", "sqlite:////srv/db.sqlite3"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "a.example,*"),
        ("ALLOWED_HOSTS", ".com"),
        ("ALLOWED_HOSTS", "a.example, .com.cn"),
        ("ALLOWED_HOSTS", ".CO.uk"),
        ("PINGPP_API_KEY", "sk_1"),
        ("PINGPP_API_KEY", "pk_live_1"),
        ("PINGPP_PRIVATE_KEY", "none"),
        ("PINGPP_PRIVATE_KEY", PUBLIC),
        ("PINGPP_PRIVATE_KEY", SMALL.export_key().decode()),
        ("PINGPP_PRIVATE_KEY", CURVE.export_key(format="PEM")),
        ("PINGPP_PUBLIC_KEY", "none"),
        ("PINGPP_PUBLIC_KEY", PRIVATE),
        ("PINGPP_PUBLIC_KEY", PUBLIC + "\n" + PRIVATE),
        ("PINGPP_PUBLIC_KEY", SMALL.public_key().export_key().decode()),
        ("PINGPP_PUBLIC_KEY", CURVE.public_key().export_key(format="PEM")),
        ("PINGPP_PRIVATE_KEY_PATH", "/nowhere/key.pem"),
        ("PINGPP_PRIVATE_KEY_PATH", str(BASE_DIR)),
        ("PINGPP_PRIVATE_KEY_PATH", str(BASE_DIR / "manage.py")),
        ("PINGPP_PUBLIC_KEY_PATH", "/nowhere/key.pem"),
        ("PINGPP_PUBLIC_KEY_PATH", str(BASE_DIR / "manage.py")),
        ("DEBUG", "1"),
        ("FAILPOINTS", "on"),
        ("SANDBOX_PORT", "8001"),
        ("SANDBOX_TIME_SCALE", "0.1"),
        ("SANDBOX_WEBHOOK_URL", "http://127.0.0.1/"),
    ],
)
def test_what_is_unsafe_is_refused_in_production_and_staging(name, value):
    for found in (problems(**{name: value}), staging(**{name: value})):
        assert [line.split()[0] for line in found] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PINGPP_API_BASE", "http://api.pingxx.com"),
        ("PINGPP_API_BASE", "https://127.0.0.1:8001"),
        ("PINGPP_API_BASE", "http://localhost:8001"),
        ("PINGPP_API_BASE", "https://10.0.0.1"),
        ("PINGPP_API_BASE", "https://api.pingxx.com.example"),
        ("PINGPP_API_KEY", "sk_test_1"),
        ("PINGPP_LIVEMODE", "off"),
    ],
)
def test_what_only_staging_may_have_is_refused_in_production(name, value):
    assert [line.split()[0] for line in problems(**{name: value})] == [name]


def test_staging_may_have_a_provider_of_its_own_but_nothing_live():
    assert staging(PINGPP_API_BASE="http://127.0.0.1:8001", PINGPP_LIVEMODE="off") == []
    assert staging(PINGPP_API_KEY="sk_live_1") == [
        "PINGPP_API_KEY is a live key, which only production may use"
    ]
    assert staging(PINGPP_LIVEMODE="on") == ["PINGPP_LIVEMODE must be off in staging"]


@pytest.mark.parametrize("value", ["", "0", "false", "off", "no", "OFF"])
def test_a_development_switch_that_is_off_does_no_harm(value):
    names = [setting.name for setting in SETTINGS if setting.for_development_only]

    assert problems(**dict.fromkeys(names, value)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "a.example, .b.example,10.0.0.1,[2001:db8::1]"),
        ("PINGPP_PRIVATE_KEY", PRIVATE.replace("\n", "\\n")),
        (
            "PINGPP_PUBLIC_KEY",
            PUBLIC + "\n" + RSA.generate(2048).public_key().export_key().decode(),
        ),
        ("DATABASE_URL", "postgresql://a:b@db.example:5432/name?sslmode=require"),
        ("PORT", "0"),
        ("TRUSTED_PROXY_COUNT", "0"),
        ("PLATFORM_SHARE_PERCENT", "100"),
    ],
)
def test_what_is_right_is_not_refused(name, value):
    assert problems(**{name: value}) == []


def test_keys_may_come_as_files(tmp_path):
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_text(PRIVATE)
    public.write_text(PUBLIC)
    texts = {"PINGPP_PRIVATE_KEY": "", "PINGPP_PUBLIC_KEY": ""}
    paths = {"PINGPP_PRIVATE_KEY_PATH": str(private), "PINGPP_PUBLIC_KEY_PATH": str(public)}

    assert problems(**texts, **paths) == []
    swapped = dict(zip(paths, reversed(paths.values()), strict=True))
    assert [line.split()[0] for line in problems(**texts, **swapped)] == list(paths)


def test_the_secret_that_development_made_is_refused(tmp_path):
    secret = environment()["SECRET_KEY"]
    (tmp_path / "secret_key").write_text(secret)

    [line] = problems(SECRET_KEY=secret, VAR_DIR=str(tmp_path))

    assert line == "SECRET_KEY is the one that development made for itself"


def test_settings_that_contradict_each_other_are_refused():
    assert problems(ORDER_PAY_SECONDS="300", ORDER_PAY_MARGIN_SECONDS="300") == [
        "ORDER_PAY_MARGIN_SECONDS must be less than ORDER_PAY_SECONDS"
    ]
    assert problems(SECURE_HSTS_PRELOAD="on")[0].startswith("SECURE_HSTS_PRELOAD needs ")
    assert problems(SECURE_HSTS_PRELOAD="on", SECURE_HSTS_INCLUDE_SUBDOMAINS="on") == []


def test_every_declared_setting_reaches_the_settings():
    source = (BASE_DIR / "feiqingsong" / "settings.py").read_text()
    read_there = set(re.findall(r"""_set\[["']([A-Z_]+)["']\]""", source))

    read_there |= {limit.variable for limit in limit_table.TABLE}
    assert read_there == {setting.name for setting in SETTINGS} - {"FEIQINGSONG_ENV"}
