"""Find a PostgreSQL for tests: DATABASE_URL, a server on this machine, or a throwaway one.

    python -m feiqingsong.testing.postgres               print a DATABASE_URL
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
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql

from feiqingsong.testing.processes import die_with_parent

HOST = "127.0.0.1"
SERVER_PORT = 5432
CONNECT_SECONDS = 2
START_SECONDS = 30
NOT_FOUND_STATUS = 3
# Databases of runs that were killed are dropped by a later run, this much later.
LEFTOVER_SECONDS = 6 * 3600
LEFTOVER_NAME = re.compile(r"(?:test_)?feiqingsong_t(\d+)_")
BINARY_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@functools.cache
def find() -> str | None:
    """Return the URL of a database on a PostgreSQL that may create databases, or None.

    A database or a server made here is gone when this program ends.
    """
    return from_environment() or _from_local_server() or _from_throwaway_server()


def from_environment() -> str | None:
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith(("postgres://", "postgresql://")) else None


def _from_local_server() -> str | None:
    try:
        return _make_database(SERVER_PORT)
    except psycopg2.Error:
        return None


def _from_throwaway_server() -> str | None:
    for folder in binary_folders():
        with suppress(OSError, subprocess.SubprocessError, psycopg2.Error):
            return _start_server(folder)
    return None


def _connect(port: int) -> Any:
    connection = psycopg2.connect(
        host=HOST, port=port, user="postgres", dbname="postgres", connect_timeout=CONNECT_SECONDS
    )
    connection.autocommit = True
    return connection


def _make_database(port: int) -> str:
    """Make a database of our own: proof of the right to, and no clash with another test run."""
    name = f"feiqingsong_t{int(time.time())}_{secrets.token_hex(4)}"
    with closing(_connect(port)) as connection, connection.cursor() as cursor:
        _drop_databases(cursor, _leftovers(cursor))
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    atexit.register(_forget_database, port, name)
    return f"postgres://postgres@{HOST}:{port}/{name}"


def _leftovers(cursor: Any) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database")
    oldest = time.time() - LEFTOVER_SECONDS
    matches = [LEFTOVER_NAME.match(name) for (name,) in cursor.fetchall()]
    return [match.string for match in matches if match and int(match[1]) < oldest]


def _drop_databases(cursor: Any, names: Iterable[str]) -> None:
    for name in names:
        with suppress(psycopg2.Error):  # in use after all, or another run was quicker
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _forget_database(port: int, name: str) -> None:
    made_by_tests = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
    with (
        suppress(psycopg2.Error),
        closing(_connect(port)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(made_by_tests, [f"test_{name}"])
        _drop_databases(cursor, [name, *(row[0] for row in cursor.fetchall())])


def binary_folders() -> list[Path]:
    """Return the folders that hold initdb and postgres, the newest version first."""
    candidates = []
    for program in ("initdb", "pg_ctl"):
        if found := shutil.which(program):
            candidates.append(Path(found).resolve().parent)
    if pg_config := shutil.which("pg_config"):
        done = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True)
        candidates.append(Path(done.stdout.strip()))
    for pattern in BINARY_FOLDERS:
        found_here = Path("/").glob(pattern.lstrip("/"))
        candidates += sorted(found_here, key=_version, reverse=True)
    return [
        folder
        for folder in dict.fromkeys(candidates)
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))
    ]


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def _start_server(binaries: Path) -> str:
    """Start a server in a temporary folder; PostgreSQL refuses to run as root."""
    identity = unprivileged_identity()
    folder = Path(tempfile.mkdtemp(prefix="feiqingsong-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data = folder / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
    initdb += ["-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(
        initdb,
        cwd=folder,
        check=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **identity,
    )
    port = _free_port()
    _run_server(binaries, data, port, identity)
    return _make_database(port)


def unprivileged_identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _run_server(binaries: Path, data: Path, port: int, identity: dict[str, Any]) -> None:
    options = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    command = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with open(data.parent / "log", "wb") as log:
        server = subprocess.Popen(
            command,
            cwd=data.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests; we stop the server ourselves
            preexec_fn=functools.partial(die_with_parent, os.getpid(), signal.SIGINT),
            **identity,
        )
    atexit.register(_stop_server, server)
    _wait_for_server(server, port)


def _wait_for_server(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _connect(port).close()
            return
        except psycopg2.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                _stop_server(server)
                raise
            time.sleep(0.05)


def _stop_server(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def main(arguments: list[str]) -> int:
    # atexit, which stops what we started, does not run when a signal ends the program.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    url = find()
    if url is None:
        print("找不到 PostgreSQL / no PostgreSQL to be had", file=sys.stderr)
        return NOT_FOUND_STATUS
    if arguments == ["--check"]:
        return 0
    if arguments:
        return _run(arguments, url)
    print(url, flush=True)
    if url == from_environment():
        return 0
    if urlsplit(url).port == SERVER_PORT:
        atexit.unregister(_forget_database)  # a later run drops it
        return 0
    print("Ctrl-C 停止这个数据库 / Ctrl-C stops this server", file=sys.stderr)
    with suppress(KeyboardInterrupt):
        signal.pause()
    return 0


def _run(command: list[str], url: str) -> int:
    child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    signal.signal(signal.SIGINT, lambda _number, _frame: None)  # the terminal tells the child
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: child.send_signal(number))
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
