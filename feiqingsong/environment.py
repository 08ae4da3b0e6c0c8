"""Which environment this process is in: one rule for every entry point.

`FEIQINGSONG_ENV` says it. With nothing said wsgi and asgi are production; manage.py and pytest
are development, but production where anything is set that only production has. What was decided
is written back to `FEIQINGSONG_ENV`, so that a child process cannot think otherwise.
"""

import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import environ

NAME = "FEIQINGSONG_ENV"
DEVELOPMENT, STAGING, PRODUCTION = "development", "staging", "production"
NAMES = (DEVELOPMENT, STAGING, PRODUCTION)
# A pair is one requirement: either will do.
REQUIRED: tuple[tuple[str, ...], ...] = (
    ("SECRET_KEY",),
    ("ALLOWED_HOSTS",),
    ("DATABASE_URL",),
    ("TRUSTED_PROXY_COUNT",),
    ("PINGPP_API_KEY",),
    ("PINGPP_APP_ID",),
    ("PINGPP_PRIVATE_KEY", "PINGPP_PRIVATE_KEY_PATH"),
    ("PINGPP_PUBLIC_KEY", "PINGPP_PUBLIC_KEY_PATH"),
)
"""What staging and production do not start without."""
LIVE_KEY = "sk_live_"
OFF_WORDS = frozenset({"0", "false", "off", "no"})
BASE_DIR = Path(__file__).resolve().parent.parent

_DATABASE_URL = re.compile(r"(postgres|postgresql|psql|pgsql)://|sqlite:///")
_LOCAL_NAMES = {"localhost", "localhost.localdomain", "*", "testserver"}
# With this status gunicorn's master stops, instead of starting workers that refuse for ever.
_GUNICORN_BOOT_ERROR = 3


@dataclass(frozen=True)
class Environment:
    """A decision; `because` says why where nobody had said it."""

    name: str
    because: str = ""

    @property
    def is_development(self) -> bool:
        return self.name == DEVELOPMENT


_decided: Environment | None = None


def decide(default: str = PRODUCTION) -> Environment:
    """Return this process's environment; the first call, which an entry point makes, decides.

    `.env` counts like the environment, whose variables win. A word that names no environment
    is production here, and refused with all other wrong values.
    """
    global _decided
    if _decided is None:
        env_file = BASE_DIR / ".env"
        if env_file.is_file():
            environ.Env.read_env(env_file)
        _decided = rule(os.environ, default)
        if not os.environ.get(NAME, "").strip():
            os.environ[NAME] = _decided.name
    return _decided


def rule(variables: Mapping[str, str], default: str) -> Environment:
    """Return what these variables make of a process whose entry point has this default."""
    said = variables.get(NAME, "").strip()
    if said:
        return Environment(said if said in NAMES else PRODUCTION)
    mark = next(marks_of_production(variables), None)
    if default != PRODUCTION and mark:
        return Environment(PRODUCTION, f"{NAME} is not set, and {mark}")
    return Environment(default)


def marks_of_production(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield, in words, what a developer's machine would not have set."""
    if variables.get("PINGPP_API_KEY", "").strip().startswith(LIVE_KEY):
        yield "PINGPP_API_KEY is a live key"
    if is_elsewhere(database(variables.get("DATABASE_URL", "")), variables):
        yield "DATABASE_URL is on another machine"
    hosts = variables.get("ALLOWED_HOSTS", "").split(",")
    if not all(_is_local(host.strip().strip("[].")) for host in hosts):
        yield "ALLOWED_HOSTS names other machines"
    if variables.get("DEBUG", "").strip().lower() in OFF_WORDS:
        yield "DEBUG is off"
    if all(any(variables.get(name, "").strip() for name in names) for names in REQUIRED):
        yield "all that production requires is set"


def database(url: str) -> dict[str, Any]:
    """Return Django's settings of a PostgreSQL or SQLite URL, empty if it is none."""
    if not _DATABASE_URL.match(url.strip()):
        return {}
    try:
        return dict(environ.Env.db_url_config(url.strip()))
    except ValueError:
        return {}


def is_elsewhere(values: Mapping[str, Any], variables: Mapping[str, str]) -> bool:
    """Whether a PostgreSQL database is on another machine, by its name alone.

    `variables`: libpq looks there for what a URL leaves out, and for an address in its place.
    """
    if not str(values.get("ENGINE", "")).endswith("postgresql"):
        return False
    options = values.get("OPTIONS") or {}
    if options.get("service") or variables.get("PGSERVICE"):
        return True
    host = values.get("HOST") or options.get("host") or variables.get("PGHOST", "")
    address = options.get("hostaddr") or variables.get("PGHOSTADDR", "")
    return not all(_is_local(name) for name in f"{host},{address}".split(","))


def _is_local(host: str) -> bool:
    name = host.strip().strip("[]").lower()
    if not name or name.startswith(("/", "@")):  # PostgreSQL's sockets
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return name in _LOCAL_NAMES or name in {socket.gethostname().lower()}
    return address.is_loopback or address.is_unspecified


def refuse(problems: Iterable[str], decided: Environment | None = None) -> NoReturn:
    """End the process, with a line of its own on stderr for each problem and no traceback."""
    decided = decided or decide()
    because = f" ({decided.because})" if decided.because else ""
    for problem in problems:
        sys.stderr.write(f"Refusing to start in {decided.name}{because}: {problem}\n")
    sys.exit(_GUNICORN_BOOT_ERROR if "gunicorn.arbiter" in sys.modules else 1)
