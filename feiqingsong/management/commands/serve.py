"""Serve everything a developer needs: Ping++ sandbox, web and jobs, which end together."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

# The access log stays off: it is noise here, and must never hold a token.
WEB = "-m gunicorn feiqingsong.wsgi -w 2 --threads 8 --log-level warning --no-control-socket -b "
STARTED = """
肺轻松  http://{web}/   Ctrl-C 停止 / stops it
  接口文档 API docs   http://{web}/docs/
  管理后台 admin      http://{web}/admin/
  Ping++ 沙箱 sandbox http://{sandbox}/
  账号 logins         patient1  patient2  doctor1  doctor2  admin；密码 password: feiqingsong"""


class Command(BaseCommand):
    help = "开发用：准备数据库和演示数据，启动 Ping++ 沙箱、网站和定时任务"

    def handle(self, *args: Any, **options: Any) -> None:
        if not (settings.DEVELOPMENT and settings.DEBUG):
            raise CommandError("serve 只用于开发，生产环境请运行 gunicorn / development only")
        sandbox = _free_address("127.0.0.1", "SANDBOX_PORT")
        web = _free_address(settings.HOST, "PORT")
        print("准备数据库和演示数据 / preparing the database and demo data", flush=True)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_demo", verbosity=0)
        self._children: list[subprocess.Popen[bytes]] = []
        self._stopping, self._parent = Event(), os.getppid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            # The sandbox first: it makes the keys that the others need.
            self._start("manage.py pingpp_sandbox", answers_at=sandbox)
            self._start(WEB + web, answers_at=web)
            self._start("manage.py run_jobs")
            print(STARTED.format(web=web, sandbox=sandbox), flush=True)
            while True:
                self._watch()
        finally:
            for child in reversed(self._children):
                child.terminate()
                with suppress(subprocess.TimeoutExpired):
                    child.wait(15)
                child.kill()

    def _start(self, arguments: str, answers_at: str = "") -> None:
        command = [sys.executable, *arguments.split()]
        self._children.append(subprocess.Popen(command, cwd=settings.BASE_DIR))  # noqa: S603
        while answers_at and not _answers(answers_at):
            self._watch()

    def _watch(self) -> None:
        # make passes signals on, but not when it is killed itself.
        if self._stopping.wait(0.2) or ("MAKELEVEL" in os.environ and os.getppid() != self._parent):
            sys.exit()
        if ended := [child.args for child in self._children if child.poll() is not None]:
            raise CommandError(f"退出 / ended: {ended}")


def _free_address(host: str, setting: str) -> str:
    port = getattr(settings, setting)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if _answers(address):
        raise CommandError(f"端口 {port} 已被占用 / is in use; make serve {setting}={port + 10}")
    return address


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), timeout=1):
        return True
    return False
