"""Every endpoint × every role, from `access_matrix`; a URL that is not there fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from api.views import UnknownURLView
from qaorder.models import Status
from tests.endpoints.access_matrix import PUBLIC, ROWS, Row
from tests.support.books import picture
from tests.support.people import client_for, make_doctor, order_in
from tests.support.world import (
    KNOWN,
    NO_SUCH_NUMBER,
    NO_SUCH_PK,
    ROLES,
    UNKNOWN,
    Cast,
)

METHODS = ("get", "post", "put", "patch", "delete")
NOT_FOUND = b'{"detail":"Not found."}'
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def endpoints(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every (method, route) of the resolver, without the pages."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if not route.startswith("admin"):
                yield from endpoints(pattern.url_patterns, route)
            continue
        assert isinstance(pattern, URLPattern)
        view: Any = pattern.callback
        if not hasattr(view, "cls") or view.cls is UnknownURLView:
            continue
        for method in METHODS:
            if method in getattr(view, "actions", ()) or hasattr(view.cls, method):
                yield method.upper(), route


def expected(row: Row) -> dict[str, int]:
    known = dict(zip(KNOWN, map(int, row.known.split()), strict=True))
    unknown = dict.fromkeys(UNKNOWN, known["patient"] if row.is_open else 401)
    return unknown | known


@pytest.mark.django_db
def test_every_method_of_every_url_has_a_row():
    world = Cast(Status.WAITING)
    rows = {(row.method, resolve(world.fill(row.url).split("?")[0]).route) for row in ROWS}

    assert rows == set(endpoints())


@pytest.mark.django_db
@each_row
def test_every_role_gets_the_status_of_the_matrix(row):
    world = Cast(row.status, is_refunded=row.is_refunded)
    found = {}

    for role in ROLES:
        with transaction.atomic():
            before = picture()
            response = world.send(row, role)
            found[role] = response.status_code
            if response.status_code in (401, 403, 404):
                assert _without_people(picture()) == _without_people(before)
            if response.status_code == 401:
                assert response.headers["WWW-Authenticate"] == "Token"
            transaction.set_rollback(True)

    assert found == expected(row)


def _without_people(rows: dict[str, Any]) -> dict[str, Any]:
    """Without what making a role's client wrote."""
    return {name: value for name, value in rows.items() if name.startswith(("qaorder", "ledger"))}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row", [row for row in ROWS if "{order}" in row.url], ids=lambda row: row.name
)
@pytest.mark.parametrize("role", ["other_patient", "other_doctor", "both", "staff", "superuser"])
def test_anothers_order_answers_as_a_number_that_does_not_exist(row, role):
    world = Cast(row.status, is_refunded=row.is_refunded)

    theirs = world.send(row, role)
    nobodys = world.send(row, role, row.url.format(order=NO_SUCH_NUMBER))

    assert theirs.content == nobodys.content == NOT_FOUND
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.headers == nobodys.headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if "{tag}/" in row.url or "{drug}/" in row.url or "_pk}" in row.url],
    ids=lambda row: row.name,
)
def test_anothers_tag_drug_or_patient_answers_as_a_pk_that_does_not_exist(row):
    world = Cast(row.status)
    absent = row.url.format(tag=NO_SUCH_PK, drug=NO_SUCH_PK, patient_pk=NO_SUCH_PK)

    theirs = world.send(row, "other_doctor")
    nobodys = world.send(row, "other_doctor", absent)

    assert theirs.content == nobodys.content == NOT_FOUND
    assert theirs.headers == nobodys.headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "role", "absent"),
    [
        ("POST /qaorder/question/create/", "other_patient", {"order": NO_SUCH_NUMBER}),
        ("POST /qaorder/answer/create/", "other_doctor", {"question": NO_SUCH_PK}),
    ],
)
def test_anothers_object_in_a_body_answers_as_one_that_does_not_exist(name, role, absent):
    row = next(row for row in ROWS if row.name == name)
    world = Cast(row.status)
    body = {k: v for k, v in (row.body or {}).items() if k not in ("diagnosis_tag", "drug")}
    row = row._replace(body=body)

    theirs = world.send(row, role)
    nobodys = world.send(row._replace(body=body | absent), role)

    assert theirs.status_code == 400
    assert theirs.content == nobodys.content
    assert list(theirs.json()) == list(absent)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("PUT /qaorder/order/evaluate/{order}/", "doctor"),
        ("PATCH /qaorder/order/pay/{order}/", "doctor"),
        ("PUT /qaorder/order/refund/{order}/", "doctor"),
        ("PUT /qaorder/order/refuse/{order}/", "patient"),
        ("GET /qaorder/order/patient/list/", "doctor"),
        ("GET /qaorder/order/doctor/list/", "patient"),
        ("GET /qaorder/patient/inquiry/record/{patient_pk}/", "patient"),
    ],
)
def test_the_wrong_role_is_told_so_in_chinese(name, role):
    row = next(row for row in ROWS if row.name == name)
    world = Cast(row.status)

    response = world.send(row, role)

    assert response.status_code == 403
    assert list(response.json()) == ["detail"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in response.json()["detail"])


@pytest.mark.django_db
def test_a_user_with_both_profiles_acts_on_each_side_of_their_own_orders():
    world = Cast()
    both = world.user("both")
    bought = order_in(Status.UNPAID, both.patient, world.doctor)
    sold = order_in(Status.UNPAID, world.patient, both.doctor)
    client = client_for(both)

    as_patient = client.get("/qaorder/order/patient/list/").json()["results"]
    as_doctor = client.get("/qaorder/order/doctor/list/").json()["results"]
    either = client.get("/qaorder/order/filter/?status=0").json()["results"]
    paying_ones_own = client.patch(f"/qaorder/order/pay/{bought.order_number}/")
    paying_the_patients = client.patch(f"/qaorder/order/pay/{sold.order_number}/")

    assert [row["order_number"] for row in as_patient] == [bought.order_number]
    assert [row["order_number"] for row in as_doctor] == [sold.order_number]
    assert [row["order_number"] for row in either] == [sold.order_number, bought.order_number]
    assert (paying_ones_own.status_code, paying_the_patients.status_code) == (400, 403)


@pytest.mark.django_db
def test_an_unverified_doctor_has_the_doctors_side_all_the_same():
    doctor = make_doctor(is_verified=False)

    response = client_for(doctor.user).get("/qaorder/order/doctor/list/")

    assert response.status_code == 200
    assert response.json()["count"] == 0


def test_the_public_pages_are_the_only_ones_outside_the_two_apps():
    assert {row.url for row in ROWS if not row.url.startswith(("/qaorder/", "/accounts/"))} == {
        row.url for row in PUBLIC
    }
