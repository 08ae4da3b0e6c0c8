import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import transaction

import pingpp_client
from pingpp_client import client
from tests.support.scripted_provider import (  # noqa: F401 (the fixture)
    MERCHANT_KEY,
    PROVIDER_KEY,
    answer,
    charge_answer,
    public_pem,
    reset,
    scripted_provider,
    sign,
    silence,
)

REFUND = {"id": "re_1", "charge": "ch_1", "amount": 5, "status": "failed", "succeed": False}


def create_charge(order_no="1", **changes):
    params = {
        "order_no": order_no,
        "channel": "alipay",
        "amount_fen": 1500,
        "subject": "肺轻松#1",
        "body": "肺轻松#1",
        "client_ip": "127.0.0.1",
        "metadata": {"owner": "patient1"},
        "time_expire": None,
    }
    return pingpp_client.create_charge(**(params | changes))


def create_refund():
    return pingpp_client.create_refund(
        charge_id="ch_1", amount_fen=5, description="退款", metadata={"refund": "7"}
    )


def test_a_charge_is_asked_for_as_documented_and_returned_as_received(provider):
    charge = create_charge("77", time_expire=1490340878)

    (request,) = provider.requests
    assert (request.method, request.path) == ("POST", "/v1/charges")
    assert request.json == {
        "order_no": "77",
        "app": {"id": "app_1"},
        "channel": "alipay",
        "amount": 1500,
        "client_ip": "127.0.0.1",
        "currency": "cny",
        "subject": "肺轻松#1",
        "body": "肺轻松#1",
        "extra": {},
        "metadata": {"owner": "patient1"},
        "time_expire": 1490340878,
    }
    assert type(charge) is dict
    assert list(charge) == ["order_no", "extra", "id", "channel", "amount", "metadata"]
    assert charge["extra"] == []


def test_no_expiry_is_left_to_the_provider(provider):
    create_charge(time_expire=None)

    assert "time_expire" not in provider.requests[0].json


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (lambda: pingpp_client.retrieve_charge("ch_1"), "GET", "/v1/charges/ch_1", {"id": "ch_1"}),
        (
            lambda: pingpp_client.reverse_charge("ch_1"),
            "POST",
            "/v1/charges/ch_1/reverse",
            {"id": "ch_1"},
        ),
        (create_refund, "POST", "/v1/charges/ch_1/refunds", REFUND),
        (
            lambda: pingpp_client.retrieve_refund(charge_id="ch_1", refund_id="re_1"),
            "GET",
            "/v1/charges/ch_1/refunds/re_1",
            REFUND,
        ),
    ],
)
def test_each_call_is_one_signed_request_and_its_answer(provider, call, method, path, body):
    provider.script = answer(200, body)

    result = call()

    (request,) = provider.requests
    assert result == body
    assert (request.method, request.path) == (method, path)
    assert request.headers["authorization"] == "Bearer sk_test_key"
    assert request.is_signed_by(MERCHANT_KEY)


def test_charges_are_listed_over_all_pages(provider):
    pages = {None: (["ch_5", "ch_4"], True), "ch_4": (["ch_3", "ch_2"], True)}

    def script(wire, request):
        cursor = parse_qs(urlsplit(request.path).query).get("starting_after", [None])[0]
        ids, more = pages.get(cursor, (["ch_1"], False))
        page = {"object": "list", "has_more": more, "data": [{"id": one} for one in ids]}
        answer(200, page)(wire, request)

    provider.script = script

    charges = list(
        pingpp_client.list_charges(created_gte=1, created_lte=9, channel="wx", paid=True)
    )

    assert [charge["id"] for charge in charges] == ["ch_5", "ch_4", "ch_3", "ch_2", "ch_1"]
    assert parse_qs(urlsplit(provider.requests[0].path).query) == {
        "app[id]": ["app_1"],
        "created[gte]": ["1"],
        "created[lte]": ["9"],
        "channel": ["wx"],
        "paid": ["true"],
        "limit": ["100"],
    }
    assert all(request.is_signed_by(MERCHANT_KEY) for request in provider.requests)


def test_a_list_that_never_ends_is_given_up(provider):
    provider.script = answer(200, {"has_more": True, "data": [{"id": "ch_1"}]})

    with pytest.raises(pingpp_client.ProviderUnavailable, match="too_long"):
        list(pingpp_client.list_charges(created_gte=1))

    assert len(provider.requests) == client.MAX_PAGES


@pytest.mark.parametrize(
    "page",
    [
        {"data": None, "has_more": False},
        {"data": [], "has_more": True},
        {"data": [{}], "has_more": False},
        {"data": []},
    ],
)
def test_a_page_that_is_no_page_is_not_the_end_of_the_list(provider, page):
    provider.script = answer(200, page)

    with pytest.raises(pingpp_client.ProviderUnavailable, match="bad_answer"):
        pingpp_client.list_refunds("ch_1")


@pytest.mark.parametrize("charge_id", ["", "..", "ch_1/refunds", "ch_1?x=1", "支付"])
def test_an_id_that_would_address_something_else_is_not_sent(provider, charge_id):
    with pytest.raises(ValueError, match="not a provider id"):
        pingpp_client.retrieve_charge(charge_id)

    assert provider.requests == []


def envelope(**error):
    return {"error": {"type": "some_error", **error}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, envelope(message="缺少参数", param="amount"), "invalid_request", None),
        (400, envelope(code="charge_closed"), "invalid_request", "charge_closed"),
        (400, {"error": "text"}, "invalid_request", None),
        (401, envelope(message="提供了无效的 API KEY"), "authentication", None),
        (401, b"<html>", "authentication", None),
        (402, envelope(code="charge_order_no_used"), "channel", "charge_order_no_used"),
        (402, envelope(code=["x"]), "channel", None),
        (403, envelope(message="并发"), "rate_limited", None),
        (403, b"", "rate_limited", None),
        (404, envelope(message="未找到 charge : ch_1。", param="id"), "not_found", None),
        (422, envelope(), "invalid_request", None),
        (429, envelope(), "rate_limited", None),
        (429, b"slow down", "rate_limited", None),
    ],
)
def test_a_refusal_is_known_as_such(provider, status, body, kind, code):
    provider.script = answer(status, body)

    with pytest.raises(pingpp_client.ProviderRefused) as caught:
        pingpp_client.retrieve_charge("ch_1")

    refusal = caught.value
    assert (refusal.kind, refusal.http_status, refusal.code) == (kind, status, code)
    assert refusal.operation == "retrieve_charge"
    assert "未找到" not in str(refusal)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"null", "bad_answer"),
        (200, b"", "bad_answer"),
        (200, b"<html>", "bad_answer"),
        (200, b"\xff\xfe", "bad_answer"),
        (200, b"[" * 100_000, "bad_answer"),
        (200, b"[]", "bad_answer"),
        (200, b'"ch_1"', "bad_answer"),
        (200, {"id": "ch_2"}, "bad_answer"),
        (200, {"id": 1}, "bad_answer"),
        (200, envelope(code="charge_closed", message="m"), "bad_answer"),
        (200, {"id": "ch_1", "error": None}, "bad_answer"),
        (400, b"<html>", "bad_answer"),
        (400, b"\xff", "bad_answer"),
        (400, b"[" * 100_000, "bad_answer"),
        (404, b"null", "bad_answer"),
        (408, envelope(), "bad_answer"),
        (500, envelope(message="m"), "server_error"),
        (500, {"error": "text"}, "server_error"),
        (502, b"<html>", "server_error"),
        (503, b"null", "server_error"),
        (504, b"", "server_error"),
        (302, b"", "redirect"),
    ],
)
def test_any_other_answer_leaves_it_open(provider, status, body, kind):
    provider.script = answer(status, body)

    with pytest.raises(pingpp_client.ProviderUnavailable) as caught:
        pingpp_client.retrieve_charge("ch_1")

    error = caught.value
    assert (error.kind, error.http_status, error.sent) == (kind, status, True)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "change", [{"order_no": "2"}, {"amount": 1}, {"channel": "wx"}, {"id": ""}]
)
def test_a_charge_other_than_asked_for_is_not_handed_out(provider, change):
    charge = {"id": "ch_1", "order_no": "1", "amount": 1500, "channel": "alipay"}
    provider.script = answer(200, charge | change)

    with pytest.raises(pingpp_client.ProviderUnavailable) as caught:
        create_charge("1")

    assert (caught.value.kind, caught.value.sent) == ("bad_answer", True)


@pytest.mark.parametrize("status", [502, 302])
def test_a_post_goes_out_once(provider, status):
    provider.script = answer(status, b"")

    with pytest.raises(pingpp_client.ProviderUnavailable):
        create_refund()

    assert [request.method for request in provider.requests] == ["POST"]


def test_what_json_cannot_hold_is_never_sent(provider):
    with pytest.raises(pingpp_client.ProviderUnavailable) as caught:
        create_charge(metadata={"owner": object()})

    assert (caught.value.kind, caught.value.sent) == ("unexpected", False)
    assert provider.requests == []


def test_an_answer_signed_by_the_provider_is_believed(provider):
    body = b'{"id": "ch_1"}'
    provider.script = answer(200, body, signature=sign(body))

    assert pingpp_client.retrieve_charge("ch_1") == {"id": "ch_1"}


@pytest.mark.parametrize("status", [200, 402])
@pytest.mark.parametrize("signature", [sign(b"other"), sign(b'{"id": "ch_1"}', MERCHANT_KEY), "?"])
def test_an_answer_with_a_false_signature_is_not_believed(provider, status, signature):
    provider.script = answer(status, b'{"id": "ch_1"}', signature=signature)

    with pytest.raises(pingpp_client.ProviderUnavailable) as caught:
        pingpp_client.retrieve_charge("ch_1")

    assert (caught.value.kind, caught.value.sent) == ("bad_signature", True)


def test_parallel_calls_get_their_own_answers(provider, settings):
    settings.PINGPP_MAX_CONCURRENT = 12
    numbers = [str(number) for number in range(60)]

    with ThreadPoolExecutor(12) as pool:
        charges = list(pool.map(create_charge, numbers))

    assert [charge["order_no"] for charge in charges] == numbers
    assert sorted(request.json["order_no"] for request in provider.requests) == sorted(numbers)
    assert all(request.is_signed_by(MERCHANT_KEY) for request in provider.requests)


def test_calls_beyond_the_bulkhead_are_not_sent(provider, settings):
    settings.PINGPP_MAX_CONCURRENT = 1
    inside, leave = threading.Event(), threading.Event()

    def script(wire, request):
        inside.set()
        leave.wait(5)
        charge_answer(wire, request)

    provider.script = script

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create_charge, "1")
        inside.wait(5)
        with pytest.raises(pingpp_client.ProviderUnavailable) as caught:
            create_charge("2")
        leave.set()

    assert (caught.value.kind, caught.value.sent) == ("busy", False)
    assert first.result()["order_no"] == "1"
    assert len(provider.requests) == 1
    assert create_charge("3")["order_no"] == "3"


@pytest.mark.django_db
def test_no_call_is_made_inside_a_transaction(provider):
    with transaction.atomic(), pytest.raises(pingpp_client.CallInTransaction):
        create_charge()

    assert provider.requests == []
    assert create_charge("1")["order_no"] == "1"


@pytest.mark.django_db(transaction=True)
def test_no_call_is_made_inside_a_real_transaction(provider):
    with transaction.atomic(), transaction.atomic(), pytest.raises(pingpp_client.CallInTransaction):
        list(pingpp_client.list_charges(created_gte=1))

    assert provider.requests == []


@pytest.mark.parametrize("script", [charge_answer, reset, silence, answer(402, envelope())])
def test_each_call_logs_one_line_without_what_it_said(provider, settings, caplog, script):
    settings.PINGPP_READ_TIMEOUT = 0.1
    provider.script = script
    caplog.set_level(logging.DEBUG)

    with suppress(pingpp_client.ProviderError):
        create_charge("4711")

    (record,) = [entry for entry in caplog.records if entry.name == "feiqingsong.pingpp"]
    assert record.getMessage().startswith("create_charge http=")
    for secret in ("4711", "sk_test_key", "patient1", "肺轻松", "PRIVATE"):
        assert secret not in caplog.text


BODY = json.dumps({"id": "evt_1", "data": {"x": "肺"}}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "signature", "valid"),
    [
        (BODY, sign(BODY), True),
        (BODY, f" {sign(BODY)}\r\n", False),
        (BODY[:-1] + b"]", sign(BODY), False),
        (json.dumps(json.loads(BODY)).encode(), sign(BODY), False),
        (BODY, sign(BODY, MERCHANT_KEY), False),
        (BODY, "A" + sign(BODY)[1:], False),
        (BODY, sign(BODY)[:-4], False),
        (BODY, None, False),
        (BODY, "", False),
        (BODY, "not base64!", False),
        (BODY, "签名", False),
        (BODY, "AAAA", False),
        (b"", sign(BODY), False),
        (None, sign(BODY), False),
        ("text", sign(BODY), False),
    ],
)
def test_only_the_providers_signature_over_these_bytes_is_valid(provider, body, signature, valid):
    assert pingpp_client.signature_is_valid(body, signature) is valid


@pytest.mark.parametrize(
    ("public_key", "valid"),
    [
        (public_pem(PROVIDER_KEY), True),
        (public_pem(PROVIDER_KEY).replace("\n", "\\n"), True),
        (public_pem(MERCHANT_KEY) + "\n" + public_pem(PROVIDER_KEY), True),
        (public_pem(PROVIDER_KEY) + public_pem(MERCHANT_KEY), True),
        (public_pem(MERCHANT_KEY), False),
        ("garbage", False),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", False),
    ],
)
def test_any_of_the_public_keys_will_do(provider, settings, public_key, valid):
    settings.PINGPP_PUBLIC_KEY = public_key

    assert pingpp_client.signature_is_valid(BODY, sign(BODY)) is valid


def test_without_a_readable_public_key_no_signature_is_valid(provider, settings, tmp_path):
    settings.PINGPP_PUBLIC_KEY = ""
    settings.PINGPP_PUBLIC_KEY_PATH = str(tmp_path / "missing.pem")

    assert pingpp_client.signature_is_valid(BODY, sign(BODY)) is False

    (tmp_path / "missing.pem").write_text(public_pem(PROVIDER_KEY))
    assert pingpp_client.signature_is_valid(BODY, sign(BODY)) is True
