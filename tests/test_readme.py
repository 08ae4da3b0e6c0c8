"""README tells the truth: its session runs as printed, its tables are the code's."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from feiqingsong.declared import SETTINGS
from feiqingsong.errors import REFUSALS
from feiqingsong.testing.provider import WEBHOOK, Provider

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(name: str) -> str:
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert match is not None
    return match.group(1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_session_runs_as_printed_from_login_to_evaluation(provider: Provider, live_server: Any):
    from django.core.management import call_command

    call_command("load_demo", verbosity=0)
    sandbox = provider.sandbox
    sandbox.set_options(webhook_url=f"{live_server.url}{WEBHOOK}")
    script = block("session").removeprefix("```sh\n").removesuffix("```\n")
    script = script.replace("http://127.0.0.1:8000", live_server.url)
    script = script.replace("http://127.0.0.1:8001", sandbox.url)

    try:
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, timeout=60, env=os.environ
        )
    finally:
        sandbox.set_options(webhook_url=None)

    lines = done.stdout.splitlines()
    order = json.loads("\n".join(lines[lines.index("{") :]))
    assert done.stderr == ""
    assert lines[: lines.index("{")] == ANSWERS
    assert (order["status"], order["status_display"]) == (5, "已评价")


def test_the_refusal_table_is_the_codes_of_the_code():
    rows = re.findall(r"^\| (-\d) \| (\S+) \|", block("refusals"), re.MULTILINE)

    assert rows == [(str(refusal.code), refusal.message) for refusal in REFUSALS]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_row_in_the_table(setting):
    rows = [line for line in README.splitlines() if line.startswith("| `")]

    assert [row for row in rows if f"`{setting.name}`" in row]
