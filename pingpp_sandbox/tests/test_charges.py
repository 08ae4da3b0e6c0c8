import json
import re
import time

import pytest

from pingpp_sandbox.sandbox import APP_ID, Sandbox
from pingpp_sandbox.tests.support import ORDER_NO, SAMPLE_KEYS, charge_params

DAY = 86400
BAD = [
    ("order_no", "has space"),
    ("order_no", "a" * 65),
    ("order_no", 12345678),
    ("order_no", "a\n"),
    ("amount", 0),
    ("amount", -1),
    ("amount", True),
    ("amount", 15.0),
    ("amount", "1500"),
    ("subject", "肺" * 33),
    ("subject", 1),
    ("body", "肺" * 129),
    ("description", "d" * 256),
    ("currency", "usd"),
    ("client_ip", "here"),
    ("channel", "upacp"),
    ("metadata", {str(number): 1 for number in range(21)}),
    ("metadata", {"key": "v" * 998}),
    ("metadata", "text"),
    ("time_expire", "tomorrow"),
    ("extra", 5),
]
REQUIRED = ("order_no", "channel", "amount", "client_ip", "currency", "subject", "body")


def body_of(charge):
    return json.loads(charge.last_response.body)


def refused(sdk, sandbox, error, **changes):
    before = sandbox.state()["charges_made"]
    with pytest.raises(error) as caught:
        sdk.Charge.create(**charge_params(**changes))
    assert sandbox.state()["charges_made"] == before
    assert str(caught.value)
    return caught.value


def test_a_charge_has_the_keys_of_the_published_sample_in_their_order(sdk, sandbox):
    sandbox.set_options(emit_reversed=False)

    charge = body_of(sdk.Charge.create(**charge_params()))

    assert list(charge) == SAMPLE_KEYS
    assert re.fullmatch(r"ch_[A-Za-z0-9]{24}", charge["id"])
    assert charge["app"] == APP_ID
    assert charge["time_expire"] == charge["created"] + DAY
    assert charge["amount_settle"] == charge["amount"] == 1500
    assert charge["metadata"] == {"owner": "patient1", "order_number": ORDER_NO}
    assert charge["extra"] == {}
    assert charge["livemode"] is charge["paid"] is charge["refunded"] is False
    assert charge["refunds"] == {
        "url": f"/v1/charges/{charge['id']}/refunds",
        "has_more": False,
        "object": "list",
        "data": [],
    }
    for name in ("time_settle", "time_paid", "transaction_no", "failure_code", "failure_msg"):
        assert charge[name] is None


def test_the_alipay_credential_is_the_old_order_info_text(sdk):
    charge = sdk.Charge.create(**charge_params(amount=1505, time_expire=int(time.time()) + 600))

    credential = body_of(charge)["credential"]
    info = credential["alipay"]["orderInfo"]
    assert list(credential) == ["alipay", "object"]
    assert info.startswith(
        'service="mobile.securitypay.pay"&_input_charset="utf-8"&notify_url='
        f'"https%3A%2F%2Fnotify.pingxx.com%2Fnotify%2Fcharges%2F{charge.id}"&partner='
    )
    assert f'&out_trade_no="{ORDER_NO}"&' in info
    assert '&total_fee="15.05"&' in info
    assert info.endswith('&sign_type="RSA"')


def test_the_wx_credential_has_a_number_for_its_time(sdk):
    charge = body_of(sdk.Charge.create(**charge_params(channel="wx")))

    credential = charge["credential"]["wx"]
    assert list(credential) == [
        "appId",
        "partnerId",
        "prepayId",
        "nonceStr",
        "timeStamp",
        "packageValue",
        "sign",
    ]
    assert credential["timeStamp"] == charge["created"]
    assert credential["packageValue"] == "Sign=WXPay"
    assert re.fullmatch(r"[0-9A-F]{32}", credential["sign"])
    assert charge["time_expire"] == charge["created"] + 7200


def test_null_is_accepted_for_optional_parameters(sdk):
    nothing = dict.fromkeys(("extra", "metadata", "description", "time_expire"))

    charge = body_of(sdk.Charge.create(**charge_params(**nothing)))

    assert charge["metadata"] == charge["extra"] == {}
    assert charge["description"] is None


@pytest.mark.parametrize("name", REQUIRED)
def test_required_parameters_are_required(sdk, sandbox, name):
    for value in (..., None):
        error = refused(sdk, sandbox, sdk.InvalidRequestError, **{name: value})
        assert (error.http_status, error.param) == (400, name)


@pytest.mark.parametrize("app", [..., None, {}, {"id": "app_other"}, "app_text"])
def test_the_app_must_be_known(sdk, sandbox, app):
    error = refused(sdk, sandbox, sdk.InvalidRequestError, app=app)

    assert (error.http_status, error.param) == (400, "app[id]")


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_parameters_are_refused_by_name(sdk, sandbox, name, value):
    error = refused(sdk, sandbox, sdk.InvalidRequestError, **{name: value})

    assert (error.http_status, error.param) == (400, name)
    assert error.json_body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("channel", "longest"), [("alipay", 15 * DAY), ("wx", 7 * DAY)])
def test_a_charge_may_expire_within_its_channels_window_only(sdk, sandbox, channel, longest):
    now = int(sandbox.clock.now())
    for seconds in (-60, 50, longest + 60):
        error = refused(
            sdk, sandbox, sdk.InvalidRequestError, channel=channel, time_expire=now + seconds
        )
        assert error.param == "time_expire"

    charge = sdk.Charge.create(**charge_params(channel=channel, time_expire=now + longest))

    assert charge.time_expire == now + longest


def test_wx_order_numbers_are_shorter(sdk, sandbox):
    for order_no in ("1", "1" * 33):
        refused(sdk, sandbox, sdk.InvalidRequestError, channel="wx", order_no=order_no)

    assert sdk.Charge.create(**charge_params(channel="wx", order_no="1" * 32)).id


def test_the_same_alipay_charge_within_a_minute_is_the_first_one(sdk, sandbox):
    first = sdk.Charge.create(**charge_params())

    again = sdk.Charge.create(**charge_params(metadata={"other": "1"}))
    sandbox.advance(61)
    later = sdk.Charge.create(**charge_params())

    assert body_of(again) == body_of(first)
    assert later.id != first.id
    assert sandbox.state()["charges_made"] == 2


@pytest.mark.parametrize("change", [{"amount": 2}, {"subject": "s"}, {"body": "b"}])
def test_any_other_element_makes_a_new_alipay_charge(sdk, change):
    first = sdk.Charge.create(**charge_params())

    assert sdk.Charge.create(**charge_params(**change)).id != first.id


def test_the_same_wx_charge_is_the_first_one_for_two_hours_and_then_refused(sdk, sandbox):
    first = sdk.Charge.create(**charge_params(channel="wx"))
    sandbox.advance(7100)

    again = sdk.Charge.create(**charge_params(channel="wx"))
    sandbox.advance(101)
    error = refused(sdk, sandbox, sdk.ChannelError, channel="wx")

    assert again.id == first.id
    assert (error.http_status, error.code) == (402, "channel_request_error")
    assert error.json_body["error"]["type"] == "channel_error"


def test_wx_refuses_the_order_number_with_any_other_element_at_once(sdk, sandbox):
    sdk.Charge.create(**charge_params(channel="wx"))

    refused(sdk, sandbox, sdk.ChannelError, channel="wx", amount=2)


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_a_paid_order_number_is_used(sdk, sandbox, channel):
    charge = sdk.Charge.create(**charge_params(channel=channel))
    sandbox.pay(charge.id)

    error = refused(sdk, sandbox, sdk.ChannelError, channel=channel)

    assert (error.http_status, error.code) == (402, "charge_order_no_used")


def test_a_paid_charge_says_so(sdk, sandbox):
    charge = sdk.Charge.create(**charge_params())

    sandbox.pay(charge.id)

    paid = sdk.Charge.retrieve(charge.id)
    assert set(paid) == {*SAMPLE_KEYS, "reversed"}
    assert paid["paid"] is True
    assert paid["credential"] == {}
    assert abs(paid["time_paid"] - time.time()) < 5
    assert re.fullmatch(r"20\d{18}", paid["transaction_no"])


def test_an_expired_charge_is_paid_by_force_only(sandbox):
    charge = sandbox.create_charge(charge_params())
    sandbox.advance(DAY)

    with pytest.raises(Exception, match="已关闭"):
        sandbox.pay(charge["id"])
    late = sandbox.pay(charge["id"], force=True, time_paid=123)

    assert (late["paid"], late["time_paid"]) == (True, 123)


def test_an_unknown_charge_is_not_found(sdk):
    for call in (sdk.Charge.retrieve, sdk.Charge.reverse, sdk.Charge.list_refunds):
        with pytest.raises(sdk.InvalidRequestError) as caught:
            call("ch_unknown")
        assert (caught.value.http_status, caught.value.param) == (404, "id")


def test_a_wx_charge_can_be_reversed_once(sdk, sandbox):
    charge = sdk.Charge.create(**charge_params(channel="wx"))
    assert charge["reversed"] is False

    sdk.Charge.reverse(charge.id)

    assert sdk.Charge.retrieve(charge.id)["reversed"] is True
    assert sandbox.book()["charges"][0]["reversed"] is True
    with pytest.raises(sdk.InvalidRequestError) as caught:
        sdk.Charge.reverse(charge.id)
    assert caught.value.code == "charge_closed"


def test_alipay_and_paid_charges_cannot_be_reversed(sdk, sandbox):
    alipay = sdk.Charge.create(**charge_params())
    paid = sdk.Charge.create(**charge_params(channel="wx", order_no="22"))
    sandbox.pay(paid.id)

    for charge_id in (alipay.id, paid.id):
        with pytest.raises(sdk.InvalidRequestError):
            sdk.Charge.reverse(charge_id)

    assert not any(charge["reversed"] for charge in sandbox.book()["charges"])


def test_the_app_can_be_had_as_an_object(sdk, sandbox):
    charge = sandbox.create_charge(charge_params())
    app = {"id": APP_ID, "object": "app", "display_name": "sandbox"}

    shown = sdk.Charge.retrieve(charge["id"], expand=["app"])
    listed = sdk.Charge.list(app={"id": APP_ID}, expand=["other", "app"])["data"]

    assert shown == listed[0] == charge | {"app": app}
    assert sdk.Charge.retrieve(charge["id"], expand=["other"]) == charge
    assert sdk.Charge.list(app={"id": APP_ID})["data"] == [charge]


def test_a_live_key_makes_live_charges(keys):
    with Sandbox(keys=keys, api_key="sk_live_1") as sandbox:
        assert sandbox.create_charge(charge_params())["livemode"] is True
