import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.tests.support import FAST_BITS

ROOT = Path(__file__).resolve().parents[2]
# Settings of its own, so that the command is tested apart from the project's.
PROGRAM = """
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import ManagementUtility

settings.configure(
    DEBUG=sys.argv[1] == "on",
    INSTALLED_APPS=["pingpp_sandbox"],
    SANDBOX_DIR=Path(sys.argv[2]),
    SANDBOX_PORT=0,
    SANDBOX_WEBHOOK_URL="http://127.0.0.1:9/",
    SANDBOX_TIME_SCALE=1.0,
    PINGPP_API_KEY="sk_test_command",
    PINGPP_APP_ID="app_command",
)
django.setup()
ManagementUtility(["manage.py", "pingpp_sandbox", *sys.argv[3:]]).execute()
"""


def start(directory, *arguments, debug="on"):
    environment = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, debug, str(directory), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(tmp_path, number):
    key_files.ensure(tmp_path, FAST_BITS)
    process = start(tmp_path)
    line = process.stdout.readline()
    url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]

    state = requests.get(f"{url}/sandbox/state", timeout=5)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)

    assert state.status_code == 200
    assert process.returncode == 0
    assert (out, err) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "debug", "words"),
    [
        ((), "off", "DEBUG"),
        (("--host", "0.0.0.0"), "on", "loopback"),
        (("--host", "example.com"), "on", "loopback"),
    ],
)
def test_it_refuses_to_serve_anybody_else(tmp_path, arguments, debug, words):
    process = start(tmp_path / "new", *arguments, debug=debug)

    out, err = process.communicate(timeout=10)

    assert process.returncode != 0
    assert words in err
    assert out == ""
    assert not (tmp_path / "new").exists()


def test_a_port_that_is_taken_is_said_plainly(tmp_path):
    key_files.ensure(tmp_path, FAST_BITS)
    first = start(tmp_path)
    port = re.search(r":(\d+)/", first.stdout.readline())[1]

    second = start(tmp_path, "--port", port)
    _, err = second.communicate(timeout=10)
    first.terminate()
    first.communicate(timeout=10)

    assert second.returncode != 0
    assert "in use" in err
    assert "Traceback" not in err
