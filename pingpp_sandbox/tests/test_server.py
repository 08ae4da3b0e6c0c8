import base64
import json
import re
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.sandbox import APP_ID
from pingpp_sandbox.tests.support import charge_params

TARGET = "/v1/charges"


@pytest.fixture
def send(sandbox):
    """Sends raw requests; the answer."""

    def send(method="POST", target=TARGET, body=None, signed=None, signed_body=None, **headers):
        raw = json.dumps(charge_params()).encode() if body is None else body
        timestamp = str(int(time.time()))
        if signed is None:
            signed = (signed_body or raw) + target.encode() + timestamp.encode()
        sent = {
            "Authorization": f"Bearer {sandbox.options.api_key}",
            "Pingplusplus-Request-Timestamp": timestamp,
            "Pingplusplus-Signature": key_files.sign(sandbox.keys.merchant_private, signed),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, sandbox.url + target, data=raw, headers=sent, timeout=5)

    return send


@pytest.fixture
def exchange(sandbox):
    """Sends bytes; all bytes that come back until the connection ends."""

    def exchange(raw):
        address = urlsplit(sandbox.url)
        with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return exchange


@pytest.mark.parametrize(("body", "status"), [(None, 200), (b"{}", 400)])
def test_answers_are_signed_json(sandbox, send, body, status):
    answer = send(body=body)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    signature = answer.headers["X-Pingplusplus-Signature"]
    assert key_files.is_signed(sandbox.keys.pingpp_public, answer.content, signature)


@pytest.mark.parametrize("authorization", ["", "Bearer sk_test_wrong", "Basic !", "Digest a"])
def test_a_wrong_key_is_refused_and_not_repeated(sandbox, send, authorization):
    answer = send(Authorization=authorization)

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "wrong" not in answer.text
    assert sandbox.state()["charges_made"] == 0


def test_basic_authentication_is_accepted(sandbox, send):
    user = base64.b64encode(f"{sandbox.options.api_key}:".encode()).decode()

    assert send(Authorization=f"Basic {user}").status_code == 200


def test_bad_signatures_are_refused(sandbox, send):
    answers = [send(signed=b"other"), send(Pingplusplus_Signature=""), send(signed=b"")]
    answers.append(send(Pingplusplus_Signature="not base64"))

    for answer in answers:
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert sandbox.state()["charges_made"] == 0


def test_the_query_is_part_of_what_a_get_signs(send):
    target = f"/v1/charges?app%5Bid%5D={APP_ID}"

    assert send("GET", target, body=b"").status_code == 200
    assert send("GET", target, body=b"", signed=b"/v1/charges").status_code == 401
    assert send("GET", target, body=b"", signed=b"").status_code == 401


def test_a_client_without_a_private_key_is_refused(sdk, sandbox, monkeypatch):
    monkeypatch.setattr(sdk, "private_key", None)

    with pytest.raises(sdk.AuthenticationError):
        sdk.Charge.create(**charge_params())

    sandbox.set_options(check_signatures=False)
    assert sdk.Charge.create(**charge_params()).id


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'{"a": NaN}', b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_refused(send, body):
    answer = send(body=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_unknown_addresses_are_not_found(send, method):
    answer = send(method, "/v1/orders")

    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("target", [TARGET, "/v1/charges/ch_1", "/v1/events/evt_1?limit=1"])
def test_other_methods_of_known_addresses_are_refused(sandbox, send, method, target):
    answer = send(method, target)

    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert sandbox.state()["charges_made"] == 0


@pytest.mark.parametrize(("target", "status"), [(TARGET, 405), ("/v1/orders", 404), ("/", 404)])
def test_a_head_is_refused_without_a_body(exchange, target, status):
    head, _, rest = exchange(f"HEAD {target} HTTP/1.1\r\n\r\n".encode()).partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert rest == b""


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v1/charges HTTP/9.9\r\n\r\n",
        b"GET /v1/charges now HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 200 + b"\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_in_json_too(exchange, raw):
    head, _, body = exchange(raw).partition(b"\r\n\r\n")

    error = json.loads(body)["error"]
    assert re.match(rb"HTTP/1\.1 [45]\d\d ", head)
    assert error["type"]
    assert error["message"]


def test_bodies_that_are_too_large_are_refused(send):
    answer = send(body=b" " * 1_000_001)

    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_body_may_come_in_chunks(sandbox, send):
    raw = json.dumps(charge_params()).encode()

    answer = send(body=(raw[at : at + 7] for at in range(0, len(raw), 7)), signed_body=raw)

    assert answer.status_code == 200
    assert answer.json() == sandbox.charges.get(answer.json()["id"])


def test_chunks_that_are_malformed_are_refused_and_end_the_connection(exchange):
    answers = exchange(
        b"POST /v1/charges HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"zz\r\nGET /sandbox/state HTTP/1.1\r\n\r\n"
    )

    head, _, body = answers.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_the_node_sdk_is_never_left_with_an_open_connection(sandbox):
    answer = requests.get(
        f"{sandbox.url}/v1/charges",
        headers={"User-Agent": "Pingpp/v1 NodeBindings/2.1.6"},
        timeout=5,
    )

    assert answer.headers["Connection"] == "close"


def test_a_connection_can_be_used_again(sandbox):
    with requests.Session() as session:
        answers = [session.get(f"{sandbox.url}/sandbox/state", timeout=5) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].raw.version == 11
