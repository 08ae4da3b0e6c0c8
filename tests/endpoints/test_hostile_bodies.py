"""Bodies that are broken as a whole: shape, size, encoding, Content-Type."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction

from qaorder.models import Status
from tests.endpoints.access_matrix import ROWS, WITH_BODY, Row
from tests.endpoints.hostile import problems_of
from tests.support.books import picture
from tests.support.people import client_for, make_patient
from tests.support.world import Cast

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=frontier"
DEEP = 40_000
WRITES = [row for row in ROWS if row.method in ("POST", "PUT", "PATCH")]
READING = [row for row in WITH_BODY if "webhook" not in row.url]
"""Endpoints that read the parsed body; the webhook looks at its signature first."""

UNPARSABLE = {
    "text": (b"hello", JSON),
    "half an object": (b'{"a": ', JSON),
    "two objects": (b"{}{}", JSON),
    "deep arrays": (b"[" * DEEP, JSON),
    "closed deep arrays": (b"[" * DEEP + b"]" * DEEP, JSON),
    "deep objects": (b'{"a":' * DEEP, JSON),
    "NaN": (b'{"a": NaN}', JSON),
    "infinity": (b'{"a": -Infinity}', JSON),
    "beyond a float": (b'{"a": 1e400}', JSON),
    "5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", JSON),
    "lone surrogate": (b'{"a": "\\ud800"}', JSON),
    "lone surrogate as a key": (b'{"\\udfff": 1}', JSON),
    "byte order mark": (b"\xef\xbb\xbf{}", JSON),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), JSON),
    "GBK": ('{"a": "咳嗽"}'.encode("gbk"), JSON),
    "bad UTF-8": (b'{"a": "\xff\xfe"}', JSON),
    "overlong UTF-8": (b'{"a": "\xc0\x80"}', JSON),
    "surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', JSON),
    "charset UTF-16": (b"{}", f"{JSON}; charset=utf-16"),
    "charset base64": (b"{}", f"{JSON}; charset=base64"),
    "charset rot13": (b"{}", f"{JSON}; charset=rot13"),
    "charset that is none": (b"{}", f"{JSON}; charset=bogus"),
    "form in UTF-16": (b"a=1", f"{FORM}; charset=utf-16"),
    "form in zip": (b"a=1", f"{FORM}; charset=zip"),
    "multipart in UTF-7": (b"--frontier--", f"{MULTIPART}; charset=utf-7"),
    "multipart without a boundary": (b"--frontier--", "multipart/form-data"),
    "multipart with a bad boundary": (b"--a--", "multipart/form-data; boundary=\xff"),
    "too many form fields": (b"&".join(b"a%d=1" % n for n in range(2000)), FORM),
}
ARRAYS = {"empty array": b"[]", "array": b"[1, 2]", "array of objects": b'[{"a": 1}]'}
SCALARS = {"text": b'"a"', "number": b"5", "true": b"true"}
TRUNCATED = {
    "nothing": b"",
    "boundary alone": b"--frontier\r\n",
    "half a header": b"--frontier\r\nContent-Disposition: form-da",
    "half a value": b'--frontier\r\nContent-Disposition: form-data; name="doctor"\r\n\r\ndoc',
    "no end": b'--frontier\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n',
    "no name": b"--frontier\r\nContent-Disposition: form-data\r\n\r\nb\r\n--frontier--\r\n",
    "a file": (
        b'--frontier\r\nContent-Disposition: form-data; name="doctor"; filename="../a.php"\r\n'
        b"Content-Type: text/html\r\n\r\n<script>\r\n--frontier--\r\n"
    ),
    "bad base64": (
        b'--frontier\r\nContent-Disposition: form-data; name="doctor"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n\xff\xff!\r\n--frontier--\r\n"
    ),
    "bad UTF-8": (
        b'--frontier\r\nContent-Disposition: form-data; name="doctor"\r\n\r\n\xff\xfe\r\n'
        b"--frontier--\r\n"
    ),
    "many parts": b"--frontier\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 1500,
}
writes = pytest.mark.parametrize("row", WRITES, ids=lambda row: row.name)
reading = pytest.mark.parametrize("row", READING, ids=lambda row: row.name)


def send(world: Cast, row: Row, raw: bytes, content_type: str) -> Any:
    return world.client(row.actor).generic(row.method, world.fill(row.url), raw, content_type)


@pytest.mark.django_db
@reading
def test_a_body_that_does_not_parse_is_refused_in_json_without_effect(row):
    world = Cast(row.status)
    client, url = world.client(row.actor), world.fill(row.url)
    before = picture()

    answers = {
        name: client.generic(row.method, url, raw, content_type)
        for name, (raw, content_type) in UNPARSABLE.items()
    }

    assert {name: problems_of(answer) for name, answer in answers.items()} == {
        name: [] for name in answers
    }
    assert {answer.status_code for answer in answers.values()} == {400}
    assert {tuple(answer.json()) for answer in answers.values()} == {("detail",)}
    assert picture() == before


@pytest.mark.django_db
@writes
def test_arrays_scalars_and_broken_multipart_never_break_an_endpoint(row):
    world = Cast(row.status)
    client, url = world.client(row.actor), world.fill(row.url)
    bodies = [(raw, JSON) for raw in (ARRAYS | SCALARS).values()]
    bodies += [(raw, MULTIPART) for raw in TRUNCATED.values()]
    bodies += [(b"%", FORM), (b"=&=&&", FORM), (b"a=%ff%fe&b=%ed%a0%80&doctor=%00", FORM)]

    answers = [client.generic(row.method, url, *body) for body in bodies]

    assert [problems_of(answer) for answer in answers] == [[] for _ in bodies]


@pytest.mark.django_db
@reading
def test_an_array_or_a_scalar_is_no_object(row):
    world = Cast(row.status)
    client, url = world.client(row.actor), world.fill(row.url)
    before = picture()

    answers = [client.generic(row.method, url, raw, JSON) for raw in (ARRAYS | SCALARS).values()]

    assert {answer.status_code for answer in answers} == {400}
    assert {tuple(answer.json()) for answer in answers} == {("non_field_errors",)}
    assert picture() == before


@pytest.mark.django_db
@writes
@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART, ""])
def test_an_empty_body_is_an_empty_object(row, content_type):
    world = Cast(row.status)

    response = send(world, row, b"", content_type)

    assert problems_of(response) == []
    assert response.status_code in (200, 204, 400)


@pytest.mark.django_db
@reading
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/xml",
        "application/xml",
        "application/octet-stream",
        "image/png",
        "x",
        "/",
    ],
)
def test_another_content_type_is_415_in_json(row, content_type):
    world = Cast(row.status)
    before = picture()

    response = send(world, row, b"{}", content_type)

    assert problems_of(response) == []
    assert response.status_code == 415
    assert list(response.json()) == ["detail"]
    assert {name: rows for name, rows in picture().items() if name != "knox.AuthToken"} == {
        name: rows for name, rows in before.items() if name != "knox.AuthToken"
    }


@pytest.mark.django_db
@pytest.mark.parametrize("depth", range(860, 1000, 5))
def test_nesting_around_the_interpreters_limit_breaks_nothing_that_walks_the_body(depth):
    client = client_for(make_patient().user)
    raw = '{"doctor": ' + "[" * depth + "]" * depth + ', "order_type": "online"}'

    response = client.generic(
        "POST", "/qaorder/order/create/", raw, JSON, headers={"Idempotency-Key": f"deep{depth}"}
    )

    assert problems_of(response) == []
    assert response.status_code == 400


@pytest.mark.django_db
@reading
def test_json_form_and_multipart_are_taken_alike(row):
    codes = set()
    for content_type in ("json", "multipart", FORM):
        with transaction.atomic():
            world = Cast(row.status)
            client, url, body = world.client(row.actor), world.fill(row.url), world.fill(row.body)
            if content_type == FORM:
                response = client.generic(row.method, url, urlencode(body, doseq=True), FORM)
            else:
                send_with = getattr(client, row.method.lower())
                response = send_with(url, body, format=content_type)
            codes.add(response.status_code)
            transaction.set_rollback(True)

    assert len(codes) == 1
    assert codes <= {200, 201, 204} or "recharge" in row.url


@pytest.mark.django_db
def test_json_keys_may_be_chinese_and_are_ignored():
    world = Cast(Status.PAID)

    response = send(
        world,
        next(row for row in ROWS if "order/create" in row.url),
        json.dumps({"医生": 1, "doctor": "doctor1", "order_type": "online"}).encode(),
        f"{JSON}; charset=UTF-8",
    )

    assert response.status_code == 201
