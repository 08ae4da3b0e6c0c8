"""Real web and job processes on the test database, which may be killed at any failpoint."""

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from feiqingsong.testing.processes import die_with_parent
from pingpp_sandbox.sandbox import Sandbox

HOST = "127.0.0.1"
START_SECONDS = 30.0
DEATH_SECONDS = 10.0
DEADLINE = 1.0
"""PINGPP_DEADLINE of the processes: no provider call takes longer."""


def database_url() -> str:
    """Return the URL of the database that the tests themselves use."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(values['NAME']).resolve()}"
    login = quote(values["USER"], safe="")
    if values["PASSWORD"]:
        login += ":" + quote(values["PASSWORD"], safe="")
    host = f"{values['HOST'] or HOST}:{values['PORT'] or 5432}"
    return f"postgres://{login}@{host}/{values['NAME']}"


def environment(sandbox: Sandbox, folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a development process that talks to this sandbox."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "feiqingsong.settings",
        "FEIQINGSONG_ENV": "development",
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": database_url(),
        "VAR_DIR": str(folder),
        "FAULTS_FOLDER": str(folder),
        "FAILPOINTS": "1",
        "FAILPOINT_KILL": "",
        "LIMITS": "off",
        "PINGPP_API_BASE": sandbox.url,
        "PINGPP_API_KEY": sandbox.options.api_key,
        "PINGPP_APP_ID": sandbox.options.app_id,
        "PINGPP_PRIVATE_KEY": sandbox.keys.merchant_private,
        "PINGPP_PUBLIC_KEY": sandbox.keys.pingpp_public,
        "PINGPP_CONNECT_TIMEOUT": "1",
        "PINGPP_READ_TIMEOUT": "0.8",
        "PINGPP_DEADLINE": str(DEADLINE),
        "LOG_LEVEL": "INFO",
        **changes,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(happened: Callable[[], Any], what: str, seconds: float = DEATH_SECONDS) -> Any:
    """Return the first true value of `happened`; fail the test when it does not come in time."""
    until = time.monotonic() + seconds
    while True:
        value = happened()
        if value:
            return value
        assert time.monotonic() < until, f"waited {seconds:.0f} s: {what}"
        time.sleep(0.01)


class Process:
    """A child that ends with this process; its words are kept in `log`."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str], **io: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log = folder, folder / "log"
        with self.log.open("ab") as log:
            pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log} | io
            self.child = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                env=env,
                stderr=log,
                preexec_fn=functools.partial(die_with_parent, os.getpid(), signal.SIGKILL),
                **pipes,
            )

    def end(self) -> None:
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def bugs(self) -> list[str]:
        """Return what the process logged of exceptions that nobody expected."""
        lines = self.log.read_text(errors="replace").splitlines()
        marks = ("feiqingsong.errors unexpected", "Traceback")
        return [line for line in lines if any(mark in line for mark in marks)]


class Web(Process):
    """A gunicorn master with its workers; the application is loaded once and forked."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, *, workers: int = 1, threads: int = 8, **env: str
    ) -> None:
        self.port = free_port()
        options = {
            "--config": str(Path(__file__).with_name("gunicorn_conf.py")),
            "--worker-class": "gthread",
            "--workers": str(workers),
            "--threads": str(threads),
            "--bind": f"{HOST}:{self.port}",
            "--graceful-timeout": "1",
            "--log-level": "warning",
        }
        command = [sys.executable, "-m", "gunicorn", "--preload", "--no-control-socket"]
        command += [text for option in options.items() for text in option]
        super().__init__(
            [*command, "feiqingsong.wsgi"], folder, environment(sandbox, folder, **env)
        )
        wait_until(
            lambda: self.child.poll() is not None or len(self.workers()) == workers,
            f"the web does not start, see {self.log}",
            START_SECONDS,
        )
        assert self.child.poll() is None, self.log.read_text()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def workers(self) -> list[int]:
        """Return the process ids of the workers that live."""
        pids = [int(entry.name) for entry in self.folder.iterdir() if entry.name.isdigit()]
        return sorted(pid for pid in pids if _is_alive(pid))

    def kill(self, pid: int) -> None:
        """Kill a worker, as a crash or the kernel's memory killer would; wait for its successor."""
        before = set(self.workers())
        os.kill(pid, signal.SIGKILL)
        self.wait_for_successor(before)

    def wait_for_successor(self, before: set[int]) -> None:
        wait_until(
            lambda: set(self.workers()) - before and before - set(self.workers()),
            "no worker was replaced",
        )

    @contextmanager
    def dying_at(self, point: str) -> Iterator[None]:
        """Have the (only) worker die at this point, once; on leaving it did, and another serves."""
        (self.folder / "next").write_text(point)
        (self.folder / "next").replace(self.folder / "arm")
        self.kill(self.workers()[0])
        doomed = set(self.workers())
        assert not (self.folder / "arm").exists()
        yield
        self.wait_for_successor(doomed)


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        # A zombie is dead too: its parent has not looked yet.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    if Path("/proc/self").exists():
        return False
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


class Jobs(Process):
    """`manage.py run_jobs --once`, as often as asked."""

    def __init__(self, sandbox: Sandbox, folder: Path, **env: str) -> None:
        super().__init__(
            [sys.executable, "-m", "tests.support.job_server"],
            folder,
            environment(sandbox, folder, **env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._answer() == "ready"

    def run(self, point: str = "") -> None:
        """Run one round in a process of its own, which dies at the point if one is given."""
        assert self.child.stdin is not None
        self.child.stdin.write(f"{point}\n".encode())
        self.child.stdin.flush()
        assert int(self._answer()) == (-signal.SIGKILL if point else 0), self.log.read_text()

    def _answer(self) -> str:
        assert self.child.stdout is not None
        return self.child.stdout.readline().decode().strip()
