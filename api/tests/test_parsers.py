"""What of a body is refused before any field sees it, and in whose name."""

import io
import json
from typing import Any

import pytest
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import MultiPartParser as FilesParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from api.parsers import MAX_DEPTH, FormParser, JSONParser, MultiPartParser


def parse(text: str) -> Any:
    return JSONParser().parse(io.BytesIO(text.encode()))


def nested(depth: int, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


@pytest.mark.parametrize(
    "text", ["{}", "[]", "5", '"a"', '{"a": ' + json.dumps([1] * 100) + "}", nested(MAX_DEPTH)]
)
def test_json_of_the_usual_size_is_taken(text):
    assert parse(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a": ' + json.dumps([1] * 101) + "}", "a"),
        ('{"b": {"a": {"c": ' + json.dumps([1] * 101) + "}}}", "b"),
        ('{"b": [[' + json.dumps([1] * 101) + "]]}", "b"),
        (json.dumps([1] * 101), "non_field_errors"),
        ('{"' + "k" * 1000 + '": ' + json.dumps([1] * 101) + "}", "k" * 100),
    ],
)
def test_an_array_that_is_too_long_is_refused_in_the_name_of_its_field(text, name):
    with pytest.raises(ValidationError) as refused:
        parse(text)

    assert refused.value.detail == {name: ["最多 100 项。"]}


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        json.dumps({f"k{n}": 1 for n in range(1001)}),
        json.dumps({"a": {f"k{n}": 1 for n in range(1001)}}),
        "9" * 5000,
        '{"\\udfff": [' + "1," * 200 + "1]}",
    ],
)
def test_json_that_is_too_deep_too_wide_or_no_text_is_refused(text):
    with pytest.raises(ParseError):
        parse(text)


def form(body: Any, content_type: str, parser: Any) -> Request:
    post = APIRequestFactory().post
    return Request(post("/", body, content_type=content_type), parsers=[parser])


def test_a_form_key_repeated_too_often_is_refused_by_name():
    request = form("a=1&" + "b=1&" * 101, "application/x-www-form-urlencoded", FormParser())

    with pytest.raises(ValidationError) as refused:
        _ = request.data

    assert refused.value.detail == {"b": ["最多 100 项。"]}


FILE = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="face"; filename="a.png"\r\n\r\n2\r\n--x--\r\n'
)


def test_a_file_part_is_refused_by_name_and_taken_where_a_view_says_so():
    content_type = "multipart/form-data; boundary=x"

    with pytest.raises(ValidationError) as refused:
        _ = form(FILE, content_type, MultiPartParser()).data
    taken = form(FILE, content_type, FilesParser()).data

    assert refused.value.detail == {"face": ["这里不接收文件。"]}
    assert (taken["a"], taken["face"].read()) == ("1", b"2")
