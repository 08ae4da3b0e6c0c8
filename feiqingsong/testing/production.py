"""A complete production environment of throw-away secrets, to try what starts in it.

    python -m feiqingsong.testing.production manage.py check --deploy

runs a program of this project in it. Nothing is there that the environment names.
"""

import functools
import os
import secrets
import subprocess
import sys

from Crypto.PublicKey import RSA

from feiqingsong.declared_settings import SETTINGS
from feiqingsong.environment import BASE_DIR
from feiqingsong.setting_types import KEY_BITS

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE")


@functools.cache
def key() -> RSA.RsaKey:
    return RSA.generate(KEY_BITS)


def blank() -> dict[str, str]:
    """Return an environment in which no setting is set, nor can a developer's `.env` set one."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | dict.fromkeys(
        (setting.name for setting in SETTINGS), ""
    )


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a process that starts in production, with these changes."""
    complete = {
        "FEIQINGSONG_ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "feiqingsong.example",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "TRUSTED_PROXY_COUNT": "1",
        "PINGPP_API_KEY": "sk_live_none",
        "PINGPP_APP_ID": "app_none",
        "PINGPP_PRIVATE_KEY": key().export_key().decode(),
        "PINGPP_PUBLIC_KEY": key().public_key().export_key().decode(),
    }
    return blank() | complete | changes


def run(*arguments: str, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run this Python with the arguments and nothing in its environment but the variables."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=BASE_DIR,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


if __name__ == "__main__":
    command = [sys.executable, *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=BASE_DIR, env=environment()).returncode)
