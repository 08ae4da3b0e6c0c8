"""The requests that once froze a worker or filled a disk, as they were sent."""

import json
import socket

import pytest

from api.middleware import MAX_BODY
from api.models import IdempotencyKey
from qaorder.models import DiagnosisTag, Status
from tests.hostile.server import MOST_ERROR
from tests.support import people
from tests.support.processes import HOST
from tests.support.world import Cast

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
JSON = {"Content-Type": "application/json"}
LOGIN, REGISTER = "/accounts/login/", "/accounts/register/"


def post(server, url, body, role=None, **headers):
    if role:
        headers["Authorization"] = role._credentials["HTTP_AUTHORIZATION"]
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return server.send("POST", url, raw, JSON | headers)


def test_a_near_miss_of_a_url_as_an_avatar(server):
    answer = post(
        server,
        REGISTER,
        {
            "username": "new",
            "password": "a-long-secret",
            "avatar": "http://" + "a" * 120_000 + " b",
        },
    )

    assert answer.problems() == []
    assert (answer.status, list(answer.json())) == (400, ["avatar"])


@pytest.mark.parametrize(("pairs", "status"), [(100_000, 413), (60_000, 400)])
def test_combining_marks_in_a_username(server, pairs, status):
    body = {"username": "a" + "\u0315\u0300" * pairs, "password": "a-long-secret"}

    answers = [post(server, url, body) for url in (LOGIN, REGISTER)]

    assert [answer.problems() for answer in answers] == [[], []]
    assert [answer.status for answer in answers] == [status, status]


@pytest.mark.parametrize(
    ("count", "status"), [(700_000, 413), (85_000, 400), (101, 400), (10, 400)]
)
def test_a_wide_array_of_arrays_as_files(server, count, status):
    world = Cast(Status.PAID)
    raw = b'{"order": "%s", "condition_description": "a", "file_list": [%s]}' % (
        world.order.order_number.encode(),
        b",".join([b"[]"] * count),
    )

    answer = post(server, "/qaorder/question/create/", raw, world.client("patient"))

    assert answer.problems() == []
    assert answer.status == status
    assert len(answer.body) < 200
    assert status == 413 or list(answer.json()) == ["file_list"]


@pytest.mark.parametrize(
    ("count", "status"), [(600_000, 413), (50_000, 400), (101, 400), (51, 400)]
)
def test_a_wide_array_of_texts_as_tags(server, count, status):
    world = Cast(Status.WAITING)
    body = {
        "question": world.order.question.pk,
        "diagnosis_result": "a",
        "diagnosis_tag": ["x"] * count,
    }

    answer = post(server, "/qaorder/answer/create/", body, world.client("doctor"))

    assert answer.problems() == []
    assert answer.status == status
    assert status == 413 or list(answer.json()) == ["diagnosis_tag"]


@pytest.mark.parametrize(
    "url", ["/accounts/doctors/", "/qaorder/diagnosis_tag/list/", "/qaorder/drug/list/"]
)
def test_a_search_of_many_words(server, url):
    doctor = people.make_doctor()
    DiagnosisTag.objects.create(owner=doctor.user, name="a b c d e")
    token = {"Authorization": people.client_for(doctor.user)._credentials["HTTP_AUTHORIZATION"]}

    many = server.send("GET", f"{url}?search={'+'.join(['a'] * 1900)}", None, token)
    long = server.send("GET", f"{url}?search={'a' * 51}", None, token)
    most = server.send("GET", f"{url}?search={'+'.join(['a' * 50] * 5)}", None, token)

    assert [answer.problems() for answer in (many, long, most)] == [[], [], []]
    assert [answer.status for answer in (many, long, most)] == [400, 400, 200]
    assert list(many.json()) == list(long.json()) == ["search"]


@pytest.mark.parametrize("url", [LOGIN, REGISTER])
def test_a_big_file_is_refused_before_it_is_sent(server, temporary, url):
    head = (
        f"POST {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {150 * 1024 * 1024}\r\n"
        "Content-Type: multipart/form-data; boundary=frontier\r\n\r\n--frontier\r\n"
        'Content-Disposition: form-data; name="username"; filename="a"\r\n\r\n'
    )

    with socket.create_connection((HOST, server.web.port), timeout=10) as client:
        client.sendall(head.encode() + b"a" * MAX_BODY)
        answer = client.recv(64)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert list(temporary.iterdir()) == []


def test_an_answer_that_is_stored_does_not_repeat_what_was_sent(server):
    world = Cast()
    client = world.client("patient")
    body = {"doctor": "doctor1", "order_type": "x" * 200_000}

    answers = [
        post(server, "/qaorder/order/create/", body, client, **{"Idempotency-Key": f"k{number}"})
        for number in range(3)
    ]

    assert [(answer.status, answer.problems()) for answer in answers] == [(400, [])] * 3
    assert all(len(answer.body) < 100 for answer in answers)
    assert all(len(row.body) <= MOST_ERROR for row in IdempotencyKey.objects.all())
