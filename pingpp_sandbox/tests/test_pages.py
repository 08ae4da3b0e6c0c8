import requests

from pingpp_sandbox.tests.support import charge_params


def get(sandbox, path):
    return requests.get(sandbox.url + path, timeout=5)


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


def test_the_mock_page_shows_a_charge_and_its_pay_button(sandbox):
    charge = sandbox.create_charge(charge_params(subject="<script>&", amount=1505))

    page = get(sandbox, f"/mock/charges/{charge['id']}")

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script>" not in page.text
    assert "&lt;script&gt;&amp;" in page.text
    assert charge["order_no"] in page.text
    assert "15.05" in page.text
    assert f'action="/notify/charges/{charge["id"]}"' in page.text
    assert "<button>" in page.text


def test_the_mock_page_of_a_paid_charge_has_no_working_button(sandbox):
    charge = sandbox.create_charge(charge_params())
    sandbox.pay(charge["id"])

    page = get(sandbox, f"/mock/charges/{charge['id']}").text

    assert "已支付" in page
    assert "<button disabled>" in page


def test_the_mock_page_of_an_unknown_charge_is_plain_text(sandbox):
    page = get(sandbox, "/mock/charges/%3Cb%3E")

    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/plain")
