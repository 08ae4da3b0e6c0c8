"""`manage.py serve`: everything a developer needs, without a word of alarm."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from django.conf import settings

from feiqingsong.testing.production import blank, environment, run

BANNER = "Ctrl-C 停止"
START_SECONDS = 60

pytestmark = pytest.mark.slow


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(listening.getsockname()[1]) for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def until_it_stands(process):
    """Return what it said, up to the banner and for another second, in which jobs begin."""
    lines = []
    deadline = time.monotonic() + START_SECONDS
    while BANNER not in "".join(lines):
        assert time.monotonic() < deadline, "".join(lines)
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    time.sleep(2)
    return lines


def test_the_first_start_and_the_second_print_no_error_and_no_warning(tmp_path):
    port, sandbox_port = free_ports(2)
    variables = blank() | {"VAR_DIR": str(tmp_path), "PORT": port, "SANDBOX_PORT": sandbox_port}

    for _ in ("first", "second"):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=settings.BASE_DIR,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = until_it_stands(process)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
                home = answer.read().decode()
        finally:
            process.send_signal(signal.SIGTERM)
            said.append(process.communicate(timeout=30)[0])

        words = "".join(said)
        assert process.returncode == 0, words
        assert not re.search("error|warn|traceback|退出", words, re.IGNORECASE), words
        assert f"http://127.0.0.1:{sandbox_port}/sandbox/state" in home


def test_it_runs_in_development_only():
    done = run("manage.py", "serve", variables=environment())

    assert done.returncode == 1
    assert "development only" in done.stderr.splitlines()[-1]
