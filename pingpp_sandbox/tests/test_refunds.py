import re

import pytest

from pingpp_sandbox.errors import ApiError
from pingpp_sandbox.sandbox import APP_ID
from pingpp_sandbox.tests.support import charge_params, wait_until

REFUND_KEYS = {
    *("id", "object", "order_no", "amount", "created", "succeed", "status", "time_succeed"),
    *("description", "failure_code", "failure_msg", "metadata", "charge", "charge_order_no"),
    *("transaction_no", "funding_source", "extra", "app"),
}


@pytest.fixture
def paid(sandbox):
    """Makes paid charges of 1500 fen; the id."""

    def make(channel="alipay"):
        number = sandbox.state()["charges_made"] + 10
        params = charge_params(channel=channel, order_no=f"{number}")
        return sandbox.pay(sandbox.create_charge(params)["id"])["id"]

    return make


def kinds(sandbox):
    return [event["type"] for event in sandbox.events()]


def refused(sdk, charge_id, **params):
    with pytest.raises(sdk.InvalidRequestError) as caught:
        sdk.Charge.refund(charge_id, **params)
    return caught.value


def test_an_alipay_refund_succeeds_at_once(sdk, sandbox, paid):
    charge_id = paid()

    refund = sdk.Charge.refund(charge_id, description="d", amount=500, metadata={"refund": "7"})

    assert set(refund) == REFUND_KEYS
    assert re.fullmatch(r"re_[A-Za-z0-9]{24}", refund.id)
    assert refund["order_no"] == refund.id[3:]
    assert (refund["status"], refund["succeed"], refund["amount"]) == ("succeeded", True, 500)
    assert refund["metadata"] == {"refund": "7"}
    assert refund["time_succeed"] is not None
    assert refund["transaction_no"] is not None
    assert (refund["app"], refund["extra"], refund["funding_source"]) == (APP_ID, {}, None)
    assert kinds(sandbox) == ["charge.succeeded", "refund.succeeded"]


def test_the_charge_shows_its_refunds(sdk, paid):
    charge_id = paid()
    first = sdk.Charge.refund(charge_id, description="d", amount=500)

    second = sdk.Charge.refund(charge_id, description="d")

    charge = sdk.Charge.retrieve(charge_id)
    assert second["amount"] == 1000
    assert charge["amount_refunded"] == 1500
    assert charge["refunded"] is True
    assert [refund["id"] for refund in charge["refunds"]["data"]] == [second.id, first.id]
    assert sdk.Charge.retrieve_refund(charge_id, first.id)["amount"] == 500
    assert [each["id"] for each in sdk.Charge.list_refunds(charge_id, limit=1)["data"]] == [
        second.id
    ]
    assert sdk.Charge.list_refunds(charge_id, limit=1)["has_more"] is True


def test_a_wx_refund_is_pending_first_and_announced_later(sdk, sandbox, paid):
    charge_id = paid("wx")

    refund = sdk.Charge.refund(charge_id, description="d")

    assert (refund["status"], refund["time_succeed"]) == ("pending", None)
    wait_until(lambda: "refund.succeeded" in kinds(sandbox))
    later = sdk.Charge.retrieve_refund(charge_id, refund.id)
    assert (later["status"], later["succeed"]) == ("succeeded", True)
    assert sandbox.charges.get(charge_id)["amount_refunded"] == 1500


def test_a_wx_refund_says_which_funds_it_takes(sdk, paid):
    charge_id = paid("wx")

    usual = sdk.Charge.refund(charge_id, description="d", amount=1)
    other = sdk.Charge.refund(charge_id, description="d", amount=1, funding_source="recharge_funds")

    assert usual["funding_source"] == "unsettled_funds"
    assert other["funding_source"] == "recharge_funds"


def test_the_time_a_refund_takes_is_an_option(sandbox, paid):
    sandbox.set_options(time_scale=1.0, refund_seconds={"wx": 100})
    refund = sandbox.refund(paid("wx"), description="d")
    assert refund["status"] == "pending"

    sandbox.advance(101)

    assert sandbox.book()["refunds"][0]["status"] == "succeeded"


def test_a_pending_refund_holds_its_amount_and_a_failed_one_does_not(sdk, sandbox, paid):
    charge_id = paid()
    sandbox.script_refunds("pending")
    refund = sandbox.refund(charge_id, description="d")
    assert refused(sdk, charge_id, description="d").http_status == 400

    sandbox.settle_refund(refund["id"], "failed")

    assert sdk.Charge.refund(charge_id, description="d")["status"] == "succeeded"


def test_more_than_what_remains_is_refused(sdk, sandbox, paid):
    charge_id = paid()
    sandbox.refund(charge_id, description="d", amount=1000)

    too_much = refused(sdk, charge_id, description="d", amount=501)
    sandbox.refund(charge_id, description="d")
    nothing_left = refused(sdk, charge_id, description="d")

    assert (too_much.http_status, too_much.param) == (400, "amount")
    assert nothing_left.http_status == 400
    assert nothing_left.json_body["error"]["type"] == "invalid_request_error"
    assert sandbox.state()["refunds_made"] == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("description", None),
        ("description", ""),
        ("description", "d" * 256),
        ("amount", 0),
        ("amount", True),
        ("amount", 1.0),
        ("amount", "1"),
        ("metadata", "text"),
    ],
)
def test_bad_parameters_are_refused_by_name(sdk, sandbox, paid, name, value):
    error = refused(sdk, paid(), **({"description": "d"} | {name: value}))

    assert (error.http_status, error.param) == (400, name)
    assert sandbox.state()["refunds_made"] == 0


def test_unpaid_and_unknown_charges_have_nothing_to_refund(sdk, sandbox):
    charge = sandbox.create_charge(charge_params())

    assert refused(sdk, charge["id"], description="d").http_status == 400
    for charge_id in ("ch_unknown", ""):
        error = refused(sdk, charge_id, description="d")
        assert (error.http_status, error.param) == (404, "id")


def test_a_refund_is_found_under_its_own_charge_only(sdk, sandbox, paid):
    refund = sandbox.refund(paid(), description="d")
    other = paid()

    for refund_id in (refund["id"], "re_unknown"):
        with pytest.raises(sdk.InvalidRequestError) as caught:
            sdk.Charge.retrieve_refund(other, refund_id)
        assert (caught.value.http_status, caught.value.code) == (404, "refund_not_found")


def test_a_refund_can_be_made_to_stay_pending(sdk, sandbox, paid):
    sandbox.script_refunds("pending", times=None)
    charge_id = paid()

    refund = sdk.Charge.refund(charge_id, description="d")
    sandbox.advance(10**6)

    assert sdk.Charge.retrieve_refund(charge_id, refund.id)["status"] == "pending"
    sandbox.settle_refund(refund.id)
    assert sdk.Charge.retrieve_refund(charge_id, refund.id)["status"] == "succeeded"


def test_a_refund_can_be_refused_with_a_good_status(sdk, sandbox, paid):
    sandbox.script_refunds("refuse")

    refund = sdk.Charge.refund(paid(), description="d")

    assert (refund["status"], refund["failure_code"]) == ("failed", "refund_refused_msg")
    assert refund["failure_msg"]
    assert kinds(sandbox) == ["charge.succeeded"]


def test_a_refund_can_wait_for_somebody_to_open_a_url(sdk, sandbox, paid):
    sandbox.script_refunds("wait")

    refund = sdk.Charge.refund(paid(), description="d")

    assert (refund["status"], refund["failure_code"]) == ("pending", "refund_wait_operation")
    assert refund["failure_msg"].startswith(
        "需要打开地址进行下一步退款操作: https://mapi.alipay.com/gateway.do"
        "?service=refund_fastpay_by_platform_pwd"
    )


def test_a_script_is_for_its_number_of_refunds(sandbox, paid):
    sandbox.script_refunds("refuse", times=2)

    made = [sandbox.refund(paid(), description="d")["status"] for _ in range(3)]

    assert made == ["failed", "failed", "succeeded"]


def test_settling_twice_has_one_effect(sandbox, paid):
    sandbox.script_refunds("pending")
    refund = sandbox.refund(paid(), description="d")

    sandbox.settle_refund(refund["id"])
    sandbox.settle_refund(refund["id"], "failed")

    assert sandbox.book()["refunds"][0]["status"] == "succeeded"
    assert kinds(sandbox).count("refund.succeeded") == 1


@pytest.mark.parametrize("amount", [None, 1500])
def test_the_console_refunds_all_of_a_charge(sdk, sandbox, paid, amount):
    charge_id = paid("wx")

    refund = sandbox.console_refund(charge_id, amount)

    charge = sdk.Charge.retrieve(charge_id)
    assert (refund["amount"], refund["status"], refund["metadata"]) == (1500, "succeeded", {})
    assert refund["description"]
    assert (charge["refunded"], charge["amount_refunded"]) == (True, 1500)
    assert [each["id"] for each in charge["refunds"]["data"]] == [refund["id"]]


def test_the_console_refunds_a_charge_in_parts_that_never_exceed_it(sdk, sandbox, paid):
    charge_id = paid()

    parts = [sandbox.console_refund(charge_id, 500) for _ in range(2)]
    with pytest.raises(ApiError) as caught:
        sandbox.console_refund(charge_id, 501)
    parts.append(sandbox.console_refund(charge_id))

    listed = sdk.Charge.list_refunds(charge_id)["data"]
    assert caught.value.param == "amount"
    assert [part["amount"] for part in parts] == [500, 500, 500]
    assert [each["id"] for each in listed] == [part["id"] for part in reversed(parts)]
    assert refused(sdk, charge_id, description="d", amount=1).http_status == 400


def test_a_refund_of_the_console_is_announced_as_any_other(sandbox, paid):
    charge_id = paid()
    ours = sandbox.refund(charge_id, description="d", amount=1, metadata={"refund": "7"})

    theirs = sandbox.console_refund(charge_id, 2)

    told = [each["data"]["object"] for each in sandbox.events() if "refund" in each["type"]]
    assert [each["id"] for each in told] == [ours["id"], theirs["id"]]
    assert told[1] == theirs
    assert set(theirs) == set(ours)


def test_a_refund_of_the_console_can_stay_pending(sandbox, paid):
    charge_id = paid()

    refund = sandbox.console_refund(charge_id, status="pending")
    sandbox.advance(10**6)

    assert sandbox.book()["refunds"][0]["status"] == "pending"
    assert kinds(sandbox) == ["charge.succeeded"]
    sandbox.settle_refund(refund["id"])
    assert sandbox.charges.get(charge_id)["amount_refunded"] == 1500
    assert kinds(sandbox) == ["charge.succeeded", "refund.succeeded"]


def test_scripts_are_not_for_the_console(sandbox, paid):
    sandbox.script_refunds("refuse")
    charge_id = paid()

    by_console = sandbox.console_refund(charge_id, 1)

    assert by_console["status"] == "succeeded"
    assert sandbox.refund(charge_id, description="d", amount=1)["status"] == "failed"


def test_a_refund_that_succeeded_can_fail_after_all(sdk, sandbox, paid):
    charge_id = paid()
    refund = sandbox.refund(charge_id, description="d", amount=1000)
    sandbox.console_refund(charge_id, 200)
    told = sandbox.events()

    for _ in range(2):
        failed = sandbox.fail_refund_late(refund["id"])

    charge = sdk.Charge.retrieve(charge_id)
    assert sdk.Charge.retrieve_refund(charge_id, refund["id"]) == failed
    assert (failed["status"], failed["succeed"]) == ("failed", False)
    assert (failed["failure_code"], failed["time_succeed"]) == ("refund_failed", None)
    assert failed["failure_msg"]
    assert (charge["refunded"], charge["amount_refunded"]) == (True, 200)
    *earlier, last = sandbox.events()
    assert earlier == told
    assert (last["type"], last["data"]["object"]) == ("refund.failed", failed)


def test_what_a_late_failure_gave_back_can_be_refunded_again(sdk, sandbox, paid):
    charge_id = paid()
    sandbox.fail_refund_late(sandbox.refund(charge_id, description="d")["id"])

    again = sdk.Charge.refund(charge_id, description="d")

    assert (again["amount"], again["status"]) == (1500, "succeeded")
    assert sandbox.charges.get(charge_id)["amount_refunded"] == 1500


def test_only_a_refund_that_succeeded_fails_late(sandbox, paid):
    refund = sandbox.console_refund(paid(), status="pending")

    with pytest.raises(ValueError, match="refund"):
        sandbox.fail_refund_late(refund["id"])
    with pytest.raises(ApiError):
        sandbox.fail_refund_late("re_unknown")

    assert sandbox.book()["refunds"][0]["status"] == "pending"


@pytest.mark.parametrize(
    ("how", "name", "kind", "code"),
    [
        ({"outcome": "reject"}, "ChannelError", "channel_error", "refund_refused"),
        (
            {"outcome": "reject", "status": 400, "code": "charge_request_invalid"},
            "InvalidRequestError",
            "invalid_request_error",
            "charge_request_invalid",
        ),
    ],
)
def test_refunds_can_be_refused_with_an_error(sdk, sandbox, paid, how, name, kind, code):
    sandbox.script_refunds(**how, times=None)
    charge_id = paid()

    for _ in range(2):
        with pytest.raises(getattr(sdk.error, name)) as caught:
            sdk.Charge.refund(charge_id, description="d")
        error = caught.value.json_body["error"]
        assert caught.value.http_status == how.get("status", 402)
        assert (error["type"], error["code"]) == (kind, code)
        assert error["message"]

    charge = sandbox.charges.get(charge_id)
    assert (sandbox.book()["refunds"], kinds(sandbox)) == ([], ["charge.succeeded"])
    assert (charge["refunded"], charge["amount_refunded"]) == (False, 0)
    sandbox.clear_faults()
    assert sdk.Charge.refund(charge_id, description="d")["status"] == "succeeded"


def test_refunds_of_one_charge_can_be_refused(sdk, sandbox, paid):
    charge_id, other = paid(), paid()
    sandbox.script_refunds("reject", times=None, charge=charge_id)

    assert sdk.Charge.refund(other, description="d")["status"] == "succeeded"
    for _ in range(2):
        with pytest.raises(sdk.error.ChannelError):
            sdk.Charge.refund(charge_id, description="d", amount=1)
    assert sandbox.console_refund(charge_id, 1)["status"] == "succeeded"


@pytest.mark.parametrize("amount", [500, 1500])
def test_a_charge_can_arrive_already_refunded(sdk, sandbox, merchant, amount):
    charge_id = sandbox.create_charge(charge_params())["id"]

    shown = sandbox.pay(charge_id, then_refund=amount)

    told = [event["data"]["object"] for event in sandbox.events()]
    assert kinds(sandbox) == ["charge.succeeded", "refund.succeeded"]
    assert told[0] == shown == sdk.Charge.retrieve(charge_id)
    assert (shown["paid"], shown["refunded"], shown["amount_refunded"]) == (True, True, amount)
    assert shown["refunds"]["data"] == [told[1]]
    assert (told[1]["amount"], told[1]["status"], told[1]["metadata"]) == (amount, "succeeded", {})
    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) == 2


def test_a_refund_that_is_too_much_leaves_the_charge_unpaid(sandbox):
    charge_id = sandbox.create_charge(charge_params())["id"]

    with pytest.raises(ApiError) as caught:
        sandbox.pay(charge_id, then_refund=1501)

    assert caught.value.param == "amount"
    assert (sandbox.charges.get(charge_id)["paid"], sandbox.events()) == (False, [])


def test_a_paid_charge_is_not_refunded_by_paying_it_again(sandbox, paid):
    charge_id = paid()

    sandbox.pay(charge_id, then_refund=500)

    assert (sandbox.book()["refunds"], kinds(sandbox)) == ([], ["charge.succeeded"])
