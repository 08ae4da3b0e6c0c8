import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.management.commands.pingpp_sandbox import Command
from pingpp_sandbox.tests.support import FAST_BITS, SAMPLE_KEYS, charge_params

ROOT = Path(__file__).resolve().parents[2]
# Settings of its own, so that the command is tested apart from the project's.
PROGRAM = """
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import ManagementUtility

settings.configure(
    DEBUG=True,
    INSTALLED_APPS=["pingpp_sandbox"],
    SANDBOX_DIR=Path(sys.argv[1]),
    SANDBOX_PORT=0,
    SANDBOX_WEBHOOK_URL="http://127.0.0.1:9/",
    SANDBOX_TIME_SCALE=1.0,
    PINGPP_API_KEY="sk_test_command",
    PINGPP_APP_ID="app_command",
)
django.setup()
ManagementUtility(["manage.py", "pingpp_sandbox"]).execute()
"""


def start(directory):
    environment = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory)],
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
    [url] = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())

    state = requests.get(f"{url}/sandbox/state", timeout=5)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)

    assert state.status_code == 200
    assert process.returncode == 0
    assert (out, err) == ("", "")


def test_its_charges_are_those_of_the_published_document(tmp_path):
    key_files.ensure(tmp_path, FAST_BITS)
    process = start(tmp_path)
    [url] = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    requests.post(f"{url}/sandbox/options", json={"check_signatures": False}, timeout=5)

    charge = requests.post(
        f"{url}/v1/charges",
        json=charge_params(app={"id": "app_command"}),
        headers={"Authorization": "Bearer sk_test_command"},
        timeout=5,
    )
    process.terminate()
    process.communicate(timeout=10)

    assert list(charge.json()) == SAMPLE_KEYS


@pytest.mark.parametrize(
    ("host", "is_debug", "words"),
    [
        ("127.0.0.1", False, "DEBUG"),
        ("0.0.0.0", True, "loopback"),
        ("example.com", True, "loopback"),
    ],
)
def test_it_refuses_to_serve_anybody_else(tmp_path, settings, host, is_debug, words):
    settings.DEBUG = is_debug
    settings.SANDBOX_DIR = tmp_path / "new"

    with pytest.raises(CommandError, match=words):
        call_command(Command(), host=host)

    assert not settings.SANDBOX_DIR.exists()


def test_a_port_that_is_taken_is_said_plainly(tmp_path, settings, sandbox):
    key_files.ensure(tmp_path, FAST_BITS)
    settings.DEBUG = True
    settings.SANDBOX_DIR = tmp_path

    with pytest.raises(CommandError, match="in use"):
        call_command(Command(), port=int(sandbox.url.rpartition(":")[2]))
