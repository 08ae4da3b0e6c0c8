"""Every field of every endpoint × hostile values × JSON, form and multipart."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db import transaction

from accounts.models import Doctor, User
from qaorder.models import Status
from tests.endpoints.access_matrix import WITH_BODY
from tests.endpoints.hostile import (
    LISTS,
    RAW_VALUES,
    REFUSED_EVERYWHERE,
    VALUES,
    problems_of,
    texts,
)
from tests.support.books import picture
from tests.support.world import Cast

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "frontier"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
each_endpoint = pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: row.name)


def as_form(body: dict[str, Any]) -> bytes:
    return urlencode({key: _text(value) for key, value in body.items()}, doseq=True).encode()


def as_multipart(body: dict[str, Any]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'
        for key, value in body.items()
        for text in (_text(value) if isinstance(value, list) else [_text(value)])
    ]
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [str(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


ENCODERS = {
    "application/json": lambda body: json.dumps(body, ensure_ascii=False).encode(),
    FORM: as_form,
    MULTIPART: as_multipart,
}


@pytest.mark.django_db
@each_endpoint
@pytest.mark.parametrize("content_type", ENCODERS)
def test_a_hostile_value_in_any_field_is_answered_in_json_and_refused_without_effect(
    row, content_type
):
    world = Cast(row.status)
    client, url, good = world.client(row.actor), world.fill(row.url), world.fill(row.body)
    before = picture()
    wrong: list[Any] = []

    for field in good:
        for name, value in VALUES.items():
            raw = ENCODERS[content_type](good | {field: value})
            with transaction.atomic():
                response = client.generic(row.method, url, raw, content_type)
                refused = response.status_code >= 400
                transaction.set_rollback(not refused)
            found = problems_of(response)
            if response.status_code == 400 and "status" not in response.json():
                found += _not_about(field, response.json(), row)
            if content_type == "application/json" and name in REFUSED_EVERYWHERE:
                found += [] if refused or field in LISTS else [f"took {name}"]
            wrong += [(field, name, problem) for problem in found]

    assert wrong == []
    assert picture() == before


def _not_about(field: str, body: dict[str, Any], row: Any) -> list[str]:
    # The matrix keeps the recharge from reaching the provider by a channel that is none; a name
    # that is nobody's is told as a wrong code is.
    names = {field} | ({"channel"} if "recharge" in row.url else set())
    names |= {"code"} if "reset" in row.url else set()
    return [] if names & set(body) and set(body) <= names else [f"names {list(body)}"]


@pytest.mark.django_db
@each_endpoint
def test_json_numbers_and_texts_that_no_database_keeps_are_answered_in_json(row):
    world = Cast(row.status)
    client, url, good = world.client(row.actor), world.fill(row.url), world.fill(row.body)
    before = picture()
    wrong: list[Any] = []

    for field in good:
        for name, value in RAW_VALUES.items():
            others = {key: item for key, item in good.items() if key != field}
            text = json.dumps(others)[:-1] + f'{", " if others else ""}"{field}": {value}}}'
            with transaction.atomic():
                response = client.generic(row.method, url, text, "application/json")
                transaction.set_rollback(response.status_code < 400)
            found = problems_of(response)
            found += [] if response.status_code >= 400 else ["taken"]
            wrong += [(field, name, problem) for problem in found]

    assert wrong == []
    assert picture() == before


@pytest.mark.django_db
@each_endpoint
def test_a_missing_field_is_named_or_was_optional(row):
    world = Cast(row.status)
    client, url, good = world.client(row.actor), world.fill(row.url), world.fill(row.body)

    for field in good:
        others = {key: item for key, item in good.items() if key != field}
        with transaction.atomic():
            response = client.generic(row.method, url, json.dumps(others), "application/json")
            transaction.set_rollback(True)
        assert problems_of(response) == []
        if response.status_code == 400:
            assert field in response.json() or "recharge" in row.url


def sentinel_fields(taken: Any) -> dict[str, Any]:
    """A telling value for every column of every model, whatever the API calls its own."""
    names = {
        name
        for app in ("accounts", "api", "ledger", "payments", "qaorder", "knox")
        for model in apps.get_app_config(app).get_models()
        for column in model._meta.get_fields()
        for name in (column.name, getattr(column, "attname", column.name))
    }
    names |= {"id", "pk", "amount", "create_time", "balance", "owner", "scores", "charge"}
    return dict.fromkeys(sorted(names - set(taken)), 777777)


@pytest.mark.django_db
@each_endpoint
def test_no_extra_field_sets_anything(row):
    world = Cast(row.status)
    client, url, good = world.client(row.actor), world.fill(row.url), world.fill(row.body)
    extras = sentinel_fields(good) | {"is_staff": True, "is_superuser": True, "is_verified": True}
    extras = {key: value for key, value in extras.items() if key not in good and key != "file_list"}
    if "/accounts/me/" in url or "question/create" in url:
        # Fields of the endpoint that the row does not send.
        extras.pop("desc_files", None)
    with transaction.atomic():
        plain = client.generic(row.method, url, json.dumps(good), "application/json")
        transaction.set_rollback(True)

    response = client.generic(row.method, url, json.dumps(good | extras), "application/json")

    assert response.status_code == plain.status_code
    assert "777777" not in str(picture())
    assert "777777" not in "".join(texts(response.json()) if response.content else [])
    assert not User.objects.filter(is_staff=True).exists()
    assert Doctor.objects.filter(is_verified=True).count() == 1


@pytest.mark.django_db
def test_a_duplicate_json_key_counts_once_the_last_time():
    world = Cast()
    client = world.client("patient")
    text = '{"doctor": "nobody", "doctor": "doctor1", "order_type": "online"}'

    response = client.generic("POST", "/qaorder/order/create/", text, "application/json")

    assert response.status_code == 201
    assert response.json()["doctor"]["owner"] == "doctor1"


@pytest.mark.django_db
def test_a_repeated_form_field_counts_once_the_last_time():
    world = Cast()
    client = world.client("patient")

    response = client.generic(
        "POST", "/qaorder/order/create/", "doctor=nobody&doctor=doctor1&order_type=online", FORM
    )

    assert response.status_code == 201
    assert response.json()["doctor"]["owner"] == "doctor1"


@pytest.mark.django_db
def test_text_is_stored_and_answered_as_it_was_written():
    world = Cast(Status.PAID)
    client = world.client("patient")
    text = "<b>&amp;</b> ' \" \\ 😀 ‮ 咳嗽"

    response = client.post(
        "/qaorder/question/create/",
        {"order": world.order.order_number, "condition_description": text},
        format="json",
    )

    assert response.json()["condition_description"] == text
