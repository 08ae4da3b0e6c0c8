"""What an attacker or a broken client sends, and what every answer must look like."""

import json
from typing import Any

NUL = "\x00"
HUGE = "9" * 401
VALUES: dict[str, Any] = {
    "blank": "",
    "spaces": "   ",
    "nul": "a" + NUL + "b",
    "list": ["a", "b"],
    "dict": {"a": 1},
    "empty list": [],
    "empty dict": {},
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "2**63": 2**63,
    "2**64": 2**64,
    "10**400": 10**400,
    "fraction": 1.5,
    "huge text": "长" * 20_000,
    "huge digits": HUGE,
    "exponent": "1e400",
    "not a number": "NaN",
    "infinity": "-Infinity",
    "full-width digits": "１５",
    "markup": "<script>alert(1)</script>",
    "query": "' OR 1=1 --",
    "emoji": "😀" * 30,
    "right to left": "\u202eabc\u202c",
}
REFUSED_EVERYWHERE = ("nul", "list", "dict", "null", "empty dict")
"""No text, number or boolean field takes these."""
LISTS = ("diagnosis_tag", "drug", "file_list")
RAW_VALUES = {
    # JSON text that Python would not write.
    "1e400": "1e400",
    "-1e400": "-1e400",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "lone surrogate": '"\\ud800"',
    "pair reversed": '"\\udc00\\ud800"',
    "5000 digits": "9" * 5000,
}


def problems_of(response: Any) -> list[str]:
    """Return what is wrong with an answer whatever the request was; [] for a good one."""
    problems = []
    if response.status_code >= 500:
        problems.append(f"{response.status_code}")
    if response.status_code == 204:
        return problems + (["204 with a body"] if response.content else [])
    if response.headers.get("Content-Type") != "application/json":
        return [*problems, f"{response.status_code} {response.headers.get('Content-Type')}"]
    if response.request["REQUEST_METHOD"] == "HEAD":
        return problems
    body = json.loads(response.content.decode("utf-8"), parse_constant=_refuse)
    if response.status_code == 404:
        return problems + ([] if body == {"detail": "Not found."} else [f"404 {body}"])
    if response.status_code >= 400:
        problems += [f"not Chinese: {text}" for text in texts(body) if not is_chinese(text)]
    return problems


def texts(body: Any) -> list[str]:
    """Every text value of a JSON body."""
    if isinstance(body, dict):
        return [text for item in body.values() for text in texts(item)]
    if isinstance(body, list):
        return [text for item in body for text in texts(item)]
    return [body] if isinstance(body, str) else []


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
