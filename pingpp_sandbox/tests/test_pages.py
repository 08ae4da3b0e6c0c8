import re

import pytest
import requests

from pingpp_sandbox.tests.support import charge_params


def get(sandbox, path):
    return requests.get(sandbox.url + path, timeout=5)


def buttons(page):
    return set(re.findall("<button>([^<]+)</button>", page.text))


@pytest.fixture
def press(sandbox):
    """Sends what a browser sends for a button of a charge's page, `headers` changed."""

    def press(path, form="", host="127.0.0.1", **headers):
        address = f"{host}:{sandbox.url.rpartition(':')[2]}"
        sent = {
            "Origin": f"http://{address}",
            "Host": address,
            "Content-Type": "application/x-www-form-urlencoded",
        } | {name: value and value.format(address=address) for name, value in headers.items()}
        return requests.post(
            f"{sandbox.url}/mock/charges/{path}",
            data=form,
            headers=sent,
            allow_redirects=False,
            timeout=5,
        )

    return press


def test_the_notify_url_pays_a_charge_once(sandbox, merchant):
    charge = sandbox.create_charge(charge_params())
    path = f"/notify/charges/{charge['id']}?livemode=false"

    answers = [get(sandbox, path), get(sandbox, path)]

    assert [answer.text for answer in answers] == ["success", "success"]
    assert sandbox.book()["charges"][0]["paid"] is True
    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) == 1


def test_the_notify_url_refuses_what_cannot_be_paid(sandbox):
    reversed_id = sandbox.create_charge(charge_params(channel="wx", order_no="22"))["id"]
    sandbox.charges.reverse(reversed_id)
    expired_id = sandbox.create_charge(charge_params())["id"]
    sandbox.advance(86400)

    for path in (f"{reversed_id}?livemode=false", f"{expired_id}?livemode=false", "ch_unknown"):
        answer = get(sandbox, f"/notify/charges/{path}")
        assert 400 <= answer.status_code < 500
        assert answer.text != "success"
    assert not any(charge["paid"] for charge in sandbox.book()["charges"])


def test_the_notify_url_is_for_the_mode_of_its_key(sandbox):
    charge = sandbox.create_charge(charge_params())

    answer = get(sandbox, f"/notify/charges/{charge['id']}?livemode=true")

    assert answer.status_code == 400
    assert sandbox.book()["charges"][0]["paid"] is False


def test_the_page_of_a_charge_shows_it(sandbox):
    charge = sandbox.create_charge(charge_params(subject="<script>&{id}", amount=1505))

    page = get(sandbox, f"/mock/charges/{charge['id']}")

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    assert "&lt;script&gt;&amp;{id}" in page.text
    assert charge["order_no"] in page.text
    assert "15.05" in page.text
    assert buttons(page) == {"付款"}


def test_a_paid_charge_can_be_refunded_only_while_something_is_left(sandbox):
    charge_id = sandbox.create_charge(charge_params())["id"]
    path = f"/mock/charges/{charge_id}"
    sandbox.pay(charge_id)
    refunds = {"控制台全额退款", "控制台部分退款"}
    assert ("已支付" in get(sandbox, path).text, buttons(get(sandbox, path))) == (True, refunds)

    refund = sandbox.console_refund(charge_id, 500)
    page = get(sandbox, path)
    assert ("部分退款" in page.text, "10.00" in page.text, buttons(page)) == (True, True, refunds)
    assert refund["id"] in page.text
    assert refund["description"] in page.text

    sandbox.console_refund(charge_id, status="pending")
    page = get(sandbox, path)
    assert ("处理中" in page.text, buttons(page)) == (True, set())


def test_the_first_page_lists_the_newest_charges(sandbox):
    made = [sandbox.create_charge(charge_params(order_no=f"{n}"))["id"] for n in range(100, 121)]
    sandbox.pay(made[-1])

    page = get(sandbox, "/")

    places = [page.text.find(f'href="/mock/charges/{charge_id}"') for charge_id in reversed(made)]
    assert places[-1] == -1
    assert places[:-1] == sorted(places[:-1])
    assert -1 not in places[:-1]
    assert page.text.count("已支付") == 1
    assert buttons(page) == {"付款", "控制台全额退款", "控制台部分退款"}


def test_the_first_page_works_before_there_is_a_charge(sandbox):
    assert get(sandbox, "/").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_buttons_pay_and_refund_a_charge(sandbox, press, host):
    charge_id = sandbox.create_charge(charge_params())["id"]

    answers = [
        press(f"{charge_id}/pay", host=host),
        press(f"{charge_id}/refund", "amount=5.01", host=host),
        press(f"{charge_id}/refund", host=host),
    ]

    assert [answer.status_code for answer in answers] == [303] * 3
    assert {answer.headers["Location"] for answer in answers} == {f"/mock/charges/{charge_id}"}
    assert [each["amount"] for each in sandbox.book()["refunds"]] == [501, 999]
    assert [event["type"] for event in sandbox.events()] == [
        "charge.succeeded",
        "refund.succeeded",
        "refund.succeeded",
    ]


@pytest.mark.parametrize(
    "form", ["amount=", "amount=0", "amount=1.001", "amount=-1", "amount=15.01", "amount=%FF"]
)
def test_an_amount_that_cannot_be_refunded_is_refused(sandbox, press, form):
    charge_id = sandbox.pay(sandbox.create_charge(charge_params())["id"])["id"]

    answer = press(f"{charge_id}/refund", form)

    assert answer.status_code == 400
    assert "amount" in answer.text
    assert sandbox.book()["refunds"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "http://example.com"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://{address}"},
        {"Origin": "http://{address}.example.com"},
        # A name of somebody else's that leads here.
        {"Origin": "http://example.com:80", "Host": "example.com:80"},
        {"Origin": "http://localhost.example.com", "Host": "localhost.example.com"},
    ],
)
@pytest.mark.parametrize("verb", ["pay", "refund"])
def test_no_other_page_can_press_the_buttons(sandbox, press, headers, verb):
    charge_id = sandbox.create_charge(charge_params())["id"]
    if verb == "refund":
        sandbox.pay(charge_id)
    before = sandbox.book()

    answer = press(f"{charge_id}/{verb}", **headers)

    assert answer.status_code == 403
    assert sandbox.book() == before


def test_buttons_are_no_links(sandbox):
    charge_id = sandbox.create_charge(charge_params())["id"]

    for verb in ("pay", "refund"):
        assert get(sandbox, f"/mock/charges/{charge_id}/{verb}").status_code == 404
    assert sandbox.book()["charges"][0]["paid"] is False


def test_the_mock_page_of_an_unknown_charge_is_plain_text(sandbox):
    page = get(sandbox, "/mock/charges/%3Cb%3E")

    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/plain")
