"""How long a body may be, view by view."""

import io

import pytest
from django.test import Client

from api.middleware import MAX_BODY

ROOMY = "/qaorder/roomy/"
MEBIBYTE = 1024 * 1024


@pytest.fixture
def broken_urls(settings):
    settings.ROOT_URLCONF = "api.tests.urls_with_bugs"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "size", "status"),
    [
        ("/accounts/login/", MAX_BODY, 400),
        ("/accounts/login/", MAX_BODY + 1, 413),
        ("/admin/login/", MAX_BODY + 1, 413),
        ("/qaorder/nothing/", MAX_BODY + 1, 413),
        ("/qaorder/pingpp/webhook/", MEBIBYTE, 400),
        ("/qaorder/pingpp/webhook/", MEBIBYTE + 1, 413),
        (ROOMY, MEBIBYTE, 200),
        (ROOMY, MEBIBYTE + 1, 413),
    ],
)
def test_a_body_has_the_length_that_its_view_allows(broken_urls, client, url, size, status):
    response = client.generic("POST", url, b" " * size, "application/json")

    assert response.status_code == status
    if status == 413:
        assert response.json() == {"detail": "请求体过大"}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_any_method_and_type_is_held_to_it(client, method):
    response = client.generic(method, "/accounts/me/", b" " * (MAX_BODY + 1), "text/plain")

    assert response.status_code == 413


@pytest.mark.parametrize(("size", "status"), [(10, 200), (MEBIBYTE, 200), (MEBIBYTE + 1, 413)])
def test_a_body_of_unknown_length_is_held_to_it_too(broken_urls, size, status):
    body = io.BytesIO(b" " * size)
    chunked = {"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}

    response = Client(headers={"transfer-encoding": "chunked"}).post(ROOMY, **chunked)

    assert response.status_code == status
    if status == 200:
        assert response.json() == {"length": size}


def test_what_the_view_left_is_read_so_that_its_sender_gets_the_answer(client):
    body = io.BytesIO(b" " * MAX_BODY)

    response = client.post("/accounts/me/", **{"wsgi.input": body, "CONTENT_LENGTH": str(MAX_BODY)})

    assert response.status_code == 401
    assert body.tell() == MAX_BODY


def test_of_a_body_far_beyond_the_limit_nothing_is_read(client):
    length = 150 * MEBIBYTE
    body = io.BytesIO(b" " * MAX_BODY)

    response = client.post(
        "/accounts/login/", **{"wsgi.input": body, "CONTENT_LENGTH": str(length)}
    )

    assert response.status_code == 413
    assert body.tell() == 0
