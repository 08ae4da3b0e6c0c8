"""README tells the truth: its session runs as printed, its tables are the code's."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feiqingsong.declared import SETTINGS
from feiqingsong.errors import REFUSALS
from tests.support.provider import WEBHOOK, Provider

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
    answers = list(json_documents(done.stdout[done.stdout.index("{") :]))
    assert done.stderr == ""
    assert re.fullmatch(r"订单 \d{26}，支付 ch_\w+", lines[0])
    assert lines[1:3] == ["success", "已支付"]
    assert "待评价" in lines
    assert [answer.get("status_display") for answer in answers] == [None, None, "已评价"]
    assert max(map(len, lines)) < 200


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
