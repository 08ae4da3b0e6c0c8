"""README tells the truth: its commands run in a fresh copy, its tables are those of the code."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.errors import REFUSALS
from feiqingsong.declared_settings import SETTINGS
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
LAST_LINE = "password: feiqingsong"
# Of the environment only what finds programs and packages.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name in ("PATH", "HOME") or name.startswith("PIP_")
}
TOO_OLD = """#!/bin/sh
exec python3 -c "import sys; sys.version_info = (3, 10); exec(sys.argv[2])" "$@"
"""


def block(name: str) -> str:
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert match is not None
    return match.group(1)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as cloned, but for a `.venv` whose making was cut short."""
    folder = tmp_path_factory.mktemp("fresh") / "copy"
    own = (".git", ".venv", "var", ".env", "*.sqlite3*", ".*_cache", ".hypothesis", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*own))
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python")
    return folder


@pytest.fixture(scope="module")
def ready(copy: Path) -> Path:
    """The copy, set up from its locked requirements."""
    done = make(copy, "setup")
    if "(from versions: none)" in done.stderr:
        pytest.skip("needs the package index")
    assert done.returncode == 0, done.stderr
    return copy


def make(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_setup_says_that_a_python_is_too_old(copy, tmp_path):
    python = tmp_path / "python3.10"
    python.write_text(TOO_OLD)
    python.chmod(0o755)

    done = make(copy, "setup", f"PYTHON={python}")

    assert done.returncode != 0
    assert f"{python} 不可用" in done.stderr
    assert "Python 3.11+" in done.stderr


@pytest.mark.slow
def test_make_serve_carries_the_session_as_printed_and_ends_with_all_it_started(ready):
    ports = free_ports()
    web, sandbox = (f"127.0.0.1:{port}" for port in ports.values())
    script = block("session").removeprefix("```sh\n").removesuffix("```\n")
    script = script.replace("127.0.0.1:8000", web).replace("127.0.0.1:8001", sandbox)

    first_said, first = serve_and_run(ready, ports, script)
    second_said, second = serve_and_run(ready, ports, f"curl -s http://{web}/")

    lines = first.stdout.splitlines()
    answers = list(json_documents(first.stdout[first.stdout.index("{") :]))
    assert first.stderr == ""
    assert re.fullmatch(r"订单 \d{26}，支付 ch_\w+", lines[0])
    assert lines[1:3] == ["success", "已支付"]
    assert "待评价" in lines
    assert [answer.get("status_display") for answer in answers] == [None, None, "已评价"]
    assert max(map(len, lines)) < 200
    assert f"http://{sandbox}/sandbox/state" in second.stdout
    for said in (first_said, second_said):
        assert not re.search("error|warn|traceback|退出|installing", said, re.IGNORECASE), said


def free_ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}


def serve_and_run(
    folder: Path, ports: dict[str, str], script: str
) -> tuple[str, "subprocess.CompletedProcess[str]"]:
    """Return what `make serve` said, and what came of a script that ran meanwhile."""
    serving = subprocess.Popen(
        ["make", "serve"],
        cwd=folder,
        env=ENVIRONMENT | ports,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert serving.stdout is not None
    said = []
    try:
        for line in serving.stdout:
            said.append(line)
            if LAST_LINE in line:
                break
        done = subprocess.run(
            ["sh", "-c", script], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
        )
    finally:
        serving.terminate()
        try:
            # To the end of the output, which whatever was started holds open while it lives.
            said.append(serving.communicate(timeout=30)[0])
        finally:
            if serving.returncode is None:
                os.killpg(serving.pid, signal.SIGKILL)
    return "".join(said), done


@pytest.mark.slow
def test_what_make_serve_started_ends_when_one_of_it_ends(ready):
    done = make(ready, "serve", GUNICORN_CMD_ARGS="--no-such-option", **free_ports())

    # All of its output is read, which the sandbox would hold open if it lived.
    assert done.returncode == 2
    assert "Ping++ sandbox at" in done.stdout
    assert "退出 / ended" in done.stderr


@pytest.mark.slow
def test_make_test_runs_tests_and_installs_nothing_again(ready):
    arguments = "api/tests/test_money.py -q -n 0"

    done = make(ready, "test", f"PYTEST_ARGS={arguments}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "installing" not in done.stdout


def json_documents(text: str) -> Iterator[dict[str, Any]]:
    """Yield each JSON object of a text that has other lines in between."""
    while "{" in text:
        value, end = json.JSONDecoder().raw_decode(text[text.index("{") :])
        yield value
        text = text[text.index("{") + end :]


def test_the_refusal_table_is_the_codes_of_the_code():
    rows = re.findall(r"^\| (-\d) \| (\S+) \|", block("refusals"), re.MULTILINE)

    assert rows == [(str(refusal.code), refusal.message) for refusal in REFUSALS]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_row_in_the_table(setting):
    rows = [line for line in README.splitlines() if line.startswith("| `")]

    assert [row for row in rows if f"`{setting.name}`" in row]
