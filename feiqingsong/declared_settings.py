"""Every variable that the settings read: what it may hold, where, and what it is when unset.

A new setting is one line in SETTINGS, which has it checked at start, and one in `settings`,
`.env.example` and README's table.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api import limit_table
from feiqingsong import setting_types as types
from feiqingsong.environment import (
    BASE_DIR,
    DEVELOPMENT,
    LIVE_KEY,
    NAME,
    NAMES,
    OFF_WORDS,
    PRODUCTION,
    REQUIRED,
    STAGING,
    is_elsewhere,
)

PROVIDER = "https://api.pingxx.com"
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Setting:
    """A variable. `deployed` is the stricter parser outside development.

    `defaults`, `only`: by environment, what it is when unset instead of `default`, and the one
    value that it may have there (which then is the default, too).
    """

    name: str
    parse: types.Parser
    default: Any = None
    deployed: types.Parser | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    only: Mapping[str, Any] = field(default_factory=dict)
    for_development_only: bool = False

    def read(self, text: str, environment: str) -> Any:
        """Return the value.  Raises: ValueError, whose words follow the name."""
        if self.for_development_only and environment != DEVELOPMENT:
            if text.lower() not in OFF_WORDS | {""}:
                raise ValueError("is for development only")
            return self.default
        if not text:
            return self.unset(environment)
        parse = self.deployed if self.deployed and environment != DEVELOPMENT else self.parse
        value = parse(text)
        if self.only.get(environment, value) != value:
            raise ValueError(f"must be {_word(self.only[environment])} in {environment}")
        return value

    def unset(self, environment: str) -> Any:
        return self.only.get(environment, self.defaults.get(environment, self.default))


SETTINGS = (
    Setting(NAME, types.one_of(*NAMES)),
    Setting("SECRET_KEY", types.text, "", deployed=types.strong_secret),
    Setting(
        "ALLOWED_HOSTS",
        types.hosts,
        [],
        deployed=types.public_hosts,
        defaults={DEVELOPMENT: ["*"]},
    ),
    Setting("DATABASE_URL", types.database, deployed=types.postgres),
    Setting("DB_STATEMENT_TIMEOUT", types.integer(100, 600_000), 5000),
    Setting("DB_LOCK_TIMEOUT", types.integer(100, 600_000), 3000),
    Setting("CONN_MAX_AGE", types.integer(0, YEAR_SECONDS), 600),
    Setting("VAR_DIR", types.folder, BASE_DIR / "var"),
    Setting("LOG_LEVEL", types.log_level, "INFO"),
    # The web
    Setting("HOST", types.bind_address, "127.0.0.1"),
    Setting("PORT", types.integer(0, 65535), 8000),
    Setting("TRUSTED_PROXY_COUNT", types.integer(0, 10), 0),
    Setting("CSRF_TRUSTED_ORIGINS", types.origins, []),
    Setting("SECURE_SSL_REDIRECT", types.switch, True, defaults={DEVELOPMENT: False}),
    Setting(
        "SECURE_HSTS_SECONDS",
        types.integer(0, 3 * YEAR_SECONDS),
        YEAR_SECONDS,
        defaults={DEVELOPMENT: 0},
    ),
    Setting("SECURE_HSTS_INCLUDE_SUBDOMAINS", types.switch, False),
    Setting("SECURE_HSTS_PRELOAD", types.switch, False),
    Setting("TOKEN_TTL_DAYS", types.integer(1, 366), 30),
    Setting("TOKEN_MAX_DAYS", types.integer(1, 3660), 180),
    # Limits
    Setting("LIMITS", types.switch, True, only={PRODUCTION: True}),
    *(Setting(limit.variable, limit.parse, limit.rate) for limit in limit_table.TABLE),
    Setting("REDIS_URL", types.redis_url, ""),
    Setting(
        "REDIS_PREFIX", types.matching(r"[A-Za-z0-9_.:-]{1,50}", "must be a word"), "feiqingsong"
    ),
    Setting("IDEMPOTENCY_MAX_KEYS", types.integer(1, 10**6), 1000),
    Setting("HASHES_MAX_CONCURRENT", types.integer(1, 1000), 2),
    # Orders
    Setting("ORDER_PAY_SECONDS", types.seconds, 72 * 3600),
    Setting("ORDER_PAY_MARGIN_SECONDS", types.seconds, 5 * 60),
    Setting("ORDER_EXPIRY_GRACE_SECONDS", types.seconds, 15 * 60),
    Setting("ORDER_ASK_SECONDS", types.seconds, 7 * 24 * 3600),
    Setting("ORDER_ANSWER_SECONDS", types.seconds, 48 * 3600),
    Setting("ORDER_FINISH_SECONDS", types.seconds, 7 * 24 * 3600),
    Setting("MONTHLY_SECONDS", types.seconds, 30 * 24 * 3600),
    # Evaluations of cheaper consultations are shown, but count in no figure.
    Setting("EVALUATION_MIN_FEN", types.integer(0, 10**9), 100),
    Setting("PLATFORM_SHARE_PERCENT", types.integer(0, 100), 0),
    # Above this, an act of staff that moves money waits for a second member of staff.
    Setting("STAFF_DOUBLE_CHECK_FEN", types.integer(0, 10**12), 100_000),
    Setting("RECONCILE_ALARM_HOURS", types.integer(1, 8784), 6),
    Setting("JOBS_INTERVAL", types.number(0.001, 3600), 5.0),
    # Ping++
    Setting(
        "PINGPP_API_KEY",
        types.matching(r"sk_(live|test)_\w+", "must be sk_live_… or sk_test_…"),
        "",
        defaults={DEVELOPMENT: "sk_test_feiqingsongSandbox00"},
    ),
    Setting(
        "PINGPP_APP_ID",
        types.matching(r"app_\w+", "must be app_…"),
        "",
        defaults={DEVELOPMENT: "app_feiqingsongDemo0"},
    ),
    Setting(
        "PINGPP_LIVEMODE", types.switch, only={DEVELOPMENT: False, STAGING: False, PRODUCTION: True}
    ),
    Setting(
        "PINGPP_API_BASE",
        types.origin,
        PROVIDER,
        defaults={DEVELOPMENT: ""},
        only={PRODUCTION: PROVIDER},
    ),
    Setting("PINGPP_PRIVATE_KEY", types.private_key, ""),
    Setting("PINGPP_PRIVATE_KEY_PATH", types.file_of(types.private_key), ""),
    Setting("PINGPP_PUBLIC_KEY", types.public_keys, ""),
    Setting("PINGPP_PUBLIC_KEY_PATH", types.file_of(types.public_keys), ""),
    Setting("PINGPP_CONNECT_TIMEOUT", types.timeout, 2.0),
    Setting("PINGPP_READ_TIMEOUT", types.timeout, 6.0),
    Setting("PINGPP_DEADLINE", types.timeout, 8.0),
    Setting("PINGPP_MAX_CONCURRENT", types.integer(1, 1000), 4),
    Setting("PINGPP_MAX_PER_USER", types.integer(1, 1000), 2),
    # Development only
    Setting("DEBUG", types.switch, False, defaults={DEVELOPMENT: True}, for_development_only=True),
    # Named points at which a test may pause, raise or kill the process.
    Setting("FAILPOINTS", types.switch, False, for_development_only=True),
    Setting("SANDBOX_PORT", types.integer(0, 65535), 8001, for_development_only=True),
    Setting("SANDBOX_WEBHOOK_URL", types.url, "", for_development_only=True),
    Setting("SANDBOX_TIME_SCALE", types.number(0, 1000), 1.0, for_development_only=True),
)


def read(variables: Mapping[str, str], environment: str) -> tuple[dict[str, Any], list[str]]:
    """Return every setting's value, and what forbids to start with them, all at once."""
    values: dict[str, Any] = {}
    problems = []
    for setting in SETTINGS:
        try:
            values[setting.name] = setting.read(
                variables.get(setting.name, "").strip(), environment
            )
        except ValueError as error:
            problems.append(f"{setting.name} {error}")
            values[setting.name] = setting.unset(environment)
    if environment != DEVELOPMENT:
        problems += [
            f"{' or '.join(names)} is missing"
            for names in REQUIRED
            if not any(variables.get(name, "").strip() for name in names)
        ]
    return values, [*problems, *_disagreements(values, environment, variables)]


def _disagreements(
    values: Mapping[str, Any], environment: str, variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield what no setting shows alone."""
    key = values["PINGPP_API_KEY"]
    if key and key.startswith(LIVE_KEY) != (environment == PRODUCTION):
        yield (
            "PINGPP_API_KEY is a test key, which only staging may use"
            if environment == PRODUCTION
            else "PINGPP_API_KEY is a live key, which only production may use"
        )
    if environment == DEVELOPMENT:
        if is_elsewhere(values["DATABASE_URL"] or {}, variables):
            yield "DATABASE_URL is on another machine, which development may not use"
    elif values["SECRET_KEY"] in _secrets_of_development(values["VAR_DIR"]):
        yield "SECRET_KEY is the one that development made for itself"
    if values["ORDER_PAY_MARGIN_SECONDS"] >= values["ORDER_PAY_SECONDS"]:
        yield "ORDER_PAY_MARGIN_SECONDS must be less than ORDER_PAY_SECONDS"
    if values["SECURE_HSTS_PRELOAD"] and not (
        values["SECURE_HSTS_INCLUDE_SUBDOMAINS"] and values["SECURE_HSTS_SECONDS"] >= YEAR_SECONDS
    ):
        yield "SECURE_HSTS_PRELOAD needs SECURE_HSTS_INCLUDE_SUBDOMAINS and a year of HSTS"


def _secrets_of_development(var: Path) -> Iterator[str]:
    for path in (var / "secret_key", BASE_DIR / "var" / "secret_key"):
        with suppress(OSError, ValueError):
            yield path.read_text()


def _word(value: Any) -> str:
    return str(value) if not isinstance(value, bool) else "on" if value else "off"
