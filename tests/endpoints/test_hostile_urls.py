"""URLs, query strings, methods and headers that nobody sane sends."""

from typing import Any

import pytest
from django.urls import resolve
from rest_framework.test import APIClient

from tests.endpoints.access_matrix import GETS, ROWS
from tests.endpoints.hostile import problems_of
from tests.support.books import picture
from tests.support.people import client_for, make_patient
from tests.support.world import Cast

APIS = [row for row in ROWS if row.url.startswith(("/qaorder/", "/accounts/"))]
ACTS = ("/destroy/", "/cancel/", "/finish/")
UNKNOWN_URLS = [
    "/qaorder",
    "/accounts",
    "/qaorder/",
    "/accounts/",
    "/qaorder/nothing/",
    "/qaorder/order/",
    "/qaorder/order/admin/list/",
    "/qaorder/order/patient%2f..%2fdoctor/list/",
    "/qaorder/order/PATIENT/list/",
    "/qaorder/order//list/",
    "/qaorder/order/detail/%00/",
    "/qaorder/order/detail/1%00/",
    "/qaorder/order/detail/abc/",
    "/qaorder/order/detail/-1/",
    "/qaorder/order/detail/１２/",
    "/qaorder/order/detail/" + "1" * 33 + "/",
    "/qaorder/order/detail/" + "1" * 10_000 + "/",
    "/qaorder/order/detail/1' OR '1'='1/",
    "/qaorder/order/detail/1%0a/",
    "/qaorder/patient/inquiry/record/-1/",
    "/qaorder/patient/inquiry/record/1.0/",
    "/qaorder/user/%00/",
    "/qaorder/user/a%00b/",
    "/qaorder/user/" + "a" * 151 + "/",
    "/qaorder/user/" + "a" * 10_000 + "/",
    "/qaorder/user/%ff%fe/",
    "/qaorder/user/%ed%a0%80/",
    "/qaorder/user/<script>/",
    "/qaorder/user/../../etc/passwd/",
    "/accounts/doctors/%00/",
    "/accounts/doctors/a/b/",
    "/accounts/me/extra/",
    "/accounts//me/",
]
UNKNOWN_OBJECTS = [
    "/qaorder/order/detail/" + "9" * 32 + "/",
    "/qaorder/user/nobody/",
    "/qaorder/user/医生/",
    "/accounts/doctors/nobody/",
    "/accounts/doctors/" + "a" * 150 + "/",
]
DOCTORS_UNKNOWN_OBJECTS = [
    f"/qaorder/{path}/{pk}/"
    for path in ("patient/inquiry/record", "diagnosis_tag", "drug")
    for pk in ("0", "987654321", str(2**31), str(2**63), str(2**64), "9" * 400, "9" * 5000)
]
HOSTILE_TEXTS = [
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "-1",
    "0",
    "1.5",
    "１",
    "abc",
    "NaN",
    "1e400",
    str(2**63),
    str(2**64),
    "9" * 400,
    "9" * 5000,
    "a" * 5000,
    "'%20OR%201=1--",
    "%3Cscript%3E",
    "1&{name}=2",
    "1&{name}=",
    "&{name}[]=1",
]
PARAMETERS = ("page", "page_size", "status", "username", "ordering", "search", "department")
each_get = pytest.mark.parametrize("row", GETS, ids=lambda row: row.name)
debug = pytest.mark.parametrize("is_debug", [False, True])


@pytest.mark.django_db
@debug
@pytest.mark.parametrize("url", UNKNOWN_URLS, ids=lambda url: url[:60])
def test_an_unknown_url_is_401_and_then_404_in_json(url, is_debug, settings):
    settings.DEBUG = is_debug
    client = client_for(make_patient().user)

    answers = {
        method: client.generic(method, url) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    }
    stranger = APIClient().get(url)

    assert {name: problems_of(answer) for name, answer in answers.items()} == {
        name: [] for name in answers
    }
    assert {answer.content for answer in answers.values()} == {b'{"detail":"Not found."}'}
    assert problems_of(stranger) == []
    assert stranger.status_code == 401


@pytest.mark.django_db
@debug
@pytest.mark.parametrize("row", APIS, ids=lambda row: row.name)
def test_a_missing_slash_is_404_and_does_nothing(row, is_debug, settings):
    settings.DEBUG = is_debug
    world = Cast(row.status, is_refunded=row.is_refunded)
    client, url = world.client(row.actor), world.fill(row.url).split("?")[0].rstrip("/")
    before = picture()

    response = client.generic(row.method, url)

    assert response.content == b'{"detail":"Not found."}'
    assert response.status_code == 404
    assert picture() == before


@pytest.mark.django_db
@debug
def test_an_object_that_does_not_exist_is_404(is_debug, settings):
    settings.DEBUG = is_debug
    world = Cast()
    patient, doctor = world.client("patient"), world.client("doctor")

    answers = [patient.get(url) for url in UNKNOWN_OBJECTS]
    answers += [
        doctor.get(url) if "inquiry" in url else doctor.delete(url)
        for url in DOCTORS_UNKNOWN_OBJECTS
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {b'{"detail":"Not found."}'}


@pytest.mark.django_db
@each_get
def test_a_hostile_query_string_is_answered_in_json(row):
    world = Cast(row.status, is_refunded=row.is_refunded)
    client, url = world.client(row.actor), world.fill(row.url)
    separator = "&" if "?" in url else "?"
    wrong: list[Any] = []

    for name in PARAMETERS if not any(act in url for act in ACTS) else ():
        for text in HOSTILE_TEXTS:
            response = client.get(f"{url}{separator}{name}={text.format(name=name)}")
            wrong += [(name, text[:20], problem) for problem in problems_of(response)]
            if name == "page_size":
                assert response.status_code == 200

    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("row", APIS, ids=lambda row: row.name)
def test_a_method_that_the_url_does_not_have_is_405_and_does_nothing(row):
    world = Cast(row.status, is_refunded=row.is_refunded)
    client, url = world.client(row.actor), world.fill(row.url)
    route = resolve(url.split("?")[0]).route
    taken = {
        other.method
        for other in APIS
        if resolve(world.fill(other.url.split("?")[0])).route == route
    }
    taken |= {"HEAD"} if "GET" in taken and not any(act in url for act in ACTS) else set()
    before = picture()

    for method in {
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "BREW",
    } - taken:
        response = client.generic(method, url)
        assert problems_of(response) == []
        assert response.status_code == 405

    assert picture() == before


@pytest.mark.django_db
@pytest.mark.parametrize("row", GETS, ids=lambda row: row.name)
def test_head_answers_like_get_without_a_body_and_never_acts(row):
    world = Cast(row.status, is_refunded=row.is_refunded)
    client, url = world.client(row.actor), world.fill(row.url)
    before = picture()

    response = client.head(url)

    assert response.status_code == (405 if any(act in url for act in ACTS) else 200)
    assert picture() == before


@pytest.mark.django_db
@debug
@pytest.mark.parametrize("host", ["a b", "<script>", "evil.example/", "[::1", "a" * 5000, "主机"])
def test_a_bad_host_header_is_400_in_json(host, is_debug, settings):
    settings.DEBUG = is_debug
    settings.ALLOWED_HOSTS = ["testserver"]
    client = client_for(make_patient().user)

    response = client.get("/qaorder/order/patient/list/", headers={"Host": host})

    assert problems_of(response) == []
    assert response.status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header",
    [
        "Token",
        "Token ",
        "Token a b",
        "Token " + "0" * 40,
        "Token " + "0" * 10_000,
        "Token \xff\xfe",
        "Token 令牌".encode().decode("latin-1"),
        "Bearer " + "0" * 40,
        "Basic cGF0aWVudDE6eA==",
        "token\t" + "0" * 40,
        "0" * 40,
        "Token '; DROP TABLE knox_authtoken; --",
    ],
)
def test_a_broken_authorization_header_is_401_in_chinese(header):
    client = APIClient()

    response = client.get("/accounts/me/", HTTP_AUTHORIZATION=header)

    assert problems_of(response) == []
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Token"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "*/*;q=0", "nonsense", "text/html;level=\xff"]
)
@pytest.mark.parametrize("query", ["", "?format=api", "?format=html", "?_method=DELETE"])
def test_the_answer_is_json_whatever_the_client_accepts(accept, query):
    client = client_for(make_patient().user)

    response = client.get(f"/accounts/me/{query}", headers={"Accept": accept})

    assert problems_of(response) == []
    assert response.status_code == 200


@pytest.mark.django_db
def test_no_header_overrides_the_method():
    world = Cast()
    url = f"/qaorder/order/detail/{world.order.order_number}/"

    response = world.client("patient").get(url, headers={"X-HTTP-Method-Override": "DELETE"})

    assert response.status_code == 200
    assert world.client("patient").get(url).status_code == 200


@pytest.mark.django_db
def test_answers_are_not_kept_by_caches():
    world = Cast()

    response = world.client("patient").get("/accounts/me/")

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
