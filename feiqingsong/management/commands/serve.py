"""Serve everything a developer needs: the web, the Ping++ sandbox and the jobs."""

import errno
import http.client
import os
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from feiqingsong.management.supervisor import GaveUp, Supervisor

SANDBOX_HOST = "127.0.0.1"
WORKERS, THREADS = 2, 8
START_SECONDS = 60
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (reads, binds nothing)

STARTED = """
肺轻松  {url}
  接口文档 API docs   {url}docs/
  管理后台 admin      {url}admin/
  Ping++ 沙箱 sandbox {sandbox}
  账号 logins         patient1  patient2  doctor1  doctor2  admin；密码 password: feiqingsong
Ctrl-C 停止 / stops it
"""


class Command(BaseCommand):
    help = "开发用：准备数据库和演示数据，启动网站、Ping++ 沙箱和定时任务"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="父进程结束时一起停止（make serve 用）"
        )

    def handle(self, *args: Any, stop_with_parent: bool, **options: Any) -> None:
        if not (settings.DEVELOPMENT and settings.DEBUG):
            raise CommandError(
                "serve 只用于开发（DEBUG），生产环境请直接运行 gunicorn / development only"
            )
        _require_free(settings.HOST, settings.PORT, "PORT")
        _require_free(SANDBOX_HOST, settings.SANDBOX_PORT, "SANDBOX_PORT")
        supervisor = Supervisor(_child_environment(), self._say, stop_with_parent)
        self._prepare_database()
        supervisor.install_signal_handlers()
        try:
            self._serve(supervisor)
        except GaveUp as error:
            raise CommandError(str(error)) from error
        finally:
            supervisor.stop()

    def _prepare_database(self) -> None:
        self._say("准备数据库和演示数据 / preparing the database and demo data")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_demo", verbosity=0)
        connections.close_all()

    def _serve(self, supervisor: Supervisor) -> None:
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        # The sandbox first: it makes the keys that the others need.
        servers: list[tuple[str, list[str], Callable[[], bool]]] = [
            ("Ping++ 沙箱", [*manage, "pingpp_sandbox"], _sandbox_answers),
            ("网站", _gunicorn_command(), _web_answers),
        ]
        for name, command, answers in servers:
            supervisor.add(name, command)
            self._wait(supervisor, name, answers)
            if supervisor.stopping:
                return
        supervisor.add("定时任务", [*manage, "run_jobs"])
        sandbox = f"http://{SANDBOX_HOST}:{settings.SANDBOX_PORT}/"
        self._say(STARTED.format(url=_url(), sandbox=sandbox))
        supervisor.run()

    def _wait(self, supervisor: Supervisor, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        supervisor.run(until=lambda: answers() or time.monotonic() > deadline)
        if not supervisor.stopping and not answers():
            raise CommandError(f"{name} {START_SECONDS} 秒内没有应答，见上 / it does not answer")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _require_free(host: str, port: int, name: str) -> None:
    """Raises: CommandError that names the port when another program has it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"端口 {port} 已被占用；换一个: make serve {name}={port + 10}"
                f" / port {port} is in use; choose another with {name}="
            ) from error
        raise CommandError(f"不能监听 cannot listen on {host}:{port} ({name}): {error}") from error


def _child_environment() -> dict[str, str]:
    # Said aloud: wsgi by itself would be production, where this command has refused to run.
    return {**os.environ, "FEIQINGSONG_ENV": settings.ENVIRONMENT, "PYTHONUNBUFFERED": "1"}


def _gunicorn_command() -> list[str]:
    """The access log stays off: it is noise here, and must never hold a token."""
    options = {
        "--worker-class": "gthread",
        "--workers": str(WORKERS),
        "--threads": str(THREADS),
        "--bind": f"{_in_url(settings.HOST)}:{settings.PORT}",
        "--chdir": str(settings.BASE_DIR),
        "--graceful-timeout": "10",
        "--log-level": "warning",
    }
    arguments = [text for option in options.items() for text in option]
    return [sys.executable, "-m", "gunicorn", *arguments, "--no-control-socket", "feiqingsong.wsgi"]


def _sandbox_answers() -> bool:
    return _answers(SANDBOX_HOST, settings.SANDBOX_PORT, "/sandbox/state")


def _web_answers() -> bool:
    return _answers(_reachable_host(), settings.PORT, "/")


def _answers(host: str, port: int, path: str) -> bool:
    """Tell whether there is a server that answers at all."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", path)
        connection.getresponse()
        return True
    return False


def _reachable_host() -> str:
    return str(ANYWHERE.get(settings.HOST, settings.HOST))


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _url() -> str:
    return f"http://{_in_url(_reachable_host())}:{settings.PORT}/"
