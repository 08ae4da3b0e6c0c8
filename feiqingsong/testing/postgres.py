"""Find a PostgreSQL for tests: DATABASE_URL, a throwaway server, or the one on this machine.

    python -m feiqingsong.testing.postgres make test     run a command with it in DATABASE_URL
    python -m feiqingsong.testing.postgres --check       only say whether there is one

A throwaway server lives until the program that started it ends. The exit status is 3 when there
is no PostgreSQL to be had.
"""

import atexit
import functools
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2

from feiqingsong.testing.processes import die_with_parent

HOST = "127.0.0.1"
START_SECONDS = 30
NOT_FOUND_STATUS = 3
BINARY_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@functools.cache
def find() -> str | None:
    """Return the URL of a PostgreSQL on which databases may be created, or None."""
    if url := from_environment():
        return url
    for folder in binary_folders():
        with suppress(OSError, subprocess.SubprocessError, psycopg2.Error):
            return _start_server(folder)
    with suppress(psycopg2.Error):
        psycopg2.connect(f"postgres://postgres@{HOST}:5432/postgres", connect_timeout=2).close()
        # Tests make a database named after this one, which need not exist: no clash of two runs.
        return f"postgres://postgres@{HOST}:5432/feiqingsong_{secrets.token_hex(4)}"
    return None


def from_environment() -> str | None:
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith(("postgres://", "postgresql://")) else None


def binary_folders() -> list[Path]:
    """Return the folders that hold initdb and postgres, the newest version first."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in BINARY_FOLDERS:
        folders += sorted(Path("/").glob(pattern), key=_version, reverse=True)
    programs = ("initdb", "postgres")
    return [f for f in folders if all(os.access(f / program, os.X_OK) for program in programs)]


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def unprivileged_identity() -> dict[str, Any]:
    """Return whom to run PostgreSQL as, which refuses to run as root."""
    if os.geteuid() == 0:
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                user = pwd.getpwnam(name)
                return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


def _start_server(binaries: Path) -> str:
    identity = unprivileged_identity()
    folder = Path(tempfile.mkdtemp(prefix="feiqingsong-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    settings: dict[str, Any] = {"cwd": folder, **silent, **identity}
    initdb = f"{binaries}/initdb -D data -U postgres -A trust -E UTF8 --no-locale --no-sync"
    subprocess.run(initdb.split(), check=True, timeout=120, **settings)
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    postgres = f"{binaries}/postgres -D data -h {HOST} -p {port} -N 200 -F -c full_page_writes=off"
    server = subprocess.Popen(
        [*postgres.split(), "-k", ""],  # no Unix socket
        start_new_session=True,  # Ctrl-C is for the tests; we stop the server ourselves
        preexec_fn=functools.partial(die_with_parent, os.getpid(), signal.SIGINT),
        **settings,
    )
    atexit.register(_stop_server, server)
    url = f"postgres://postgres@{HOST}:{port}/postgres"
    _wait_for_server(server, url)
    return url


def _wait_for_server(server: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return psycopg2.connect(url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _stop_server(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
    server.wait(timeout=20)


def main(arguments: list[str]) -> int:
    # atexit, which stops what we started, does not run when a signal ends the program.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    url = find()
    if url is None:
        print("找不到 PostgreSQL / no PostgreSQL to be had", file=sys.stderr)
        return NOT_FOUND_STATUS
    return 0 if arguments == ["--check"] else _run(arguments, url)


def _run(command: list[str], url: str) -> int:
    child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the child
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: child.send_signal(number))
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
