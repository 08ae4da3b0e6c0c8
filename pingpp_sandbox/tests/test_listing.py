import pytest

from pingpp_sandbox.sandbox import APP_ID
from pingpp_sandbox.tests.support import charge_params

APP = {"id": APP_ID}


@pytest.fixture
def charges(sandbox):
    return [
        sandbox.create_charge(charge_params(order_no=f"1{number:02}"))["id"] for number in range(12)
    ]


def ids(page):
    return [charge["id"] for charge in page["data"]]


def test_a_list_is_newest_first_ten_at_a_time(sdk, charges):
    page = sdk.Charge.list(app=APP)

    assert ids(page) == charges[:1:-1]
    assert page["has_more"] is True
    assert page["url"] == "/v1/charges"


def test_cursors_go_to_older_and_to_newer_charges(sdk, charges):
    older = sdk.Charge.list(app=APP, starting_after=charges[5], limit=3)
    newer = sdk.Charge.list(app=APP, ending_before=charges[5], limit=3)
    last = sdk.Charge.list(app=APP, starting_after=charges[2], limit=3)

    assert ids(older) == [charges[4], charges[3], charges[2]]
    assert ids(newer) == [charges[8], charges[7], charges[6]]
    assert (ids(last), last["has_more"]) == ([charges[1], charges[0]], False)


@pytest.mark.parametrize(("limit", "number"), [(0, 1), (-5, 1), (12, 12), (1000, 12)])
def test_the_limit_is_clamped(sdk, charges, limit, number):
    assert len(ids(sdk.Charge.list(app=APP, limit=limit))) == number


def test_the_app_is_required_and_must_be_known(sdk):
    for app_id in ("", "app_other"):
        with pytest.raises(sdk.InvalidRequestError) as caught:
            sdk.Charge.list(app={"id": app_id})
        assert caught.value.param == "app[id]"


def test_bad_filters_are_refused(sdk):
    for changes in ({"limit": "x"}, {"paid": "maybe"}, {"created": {"gt": "x"}}):
        with pytest.raises(sdk.InvalidRequestError):
            sdk.Charge.list(app=APP, **changes)
    with pytest.raises(sdk.InvalidRequestError) as caught:
        sdk.Charge.list(app=APP, starting_after="ch_unknown")
    assert caught.value.http_status == 404


@pytest.mark.parametrize("true", [True, "true"])
def test_paid_and_refunded_filter(sdk, sandbox, charges, true):
    sandbox.pay(charges[3])
    sandbox.pay(charges[4])
    sandbox.refund(charges[4], description="d")

    assert ids(sdk.Charge.list(app=APP, paid=true)) == [charges[4], charges[3]]
    assert ids(sdk.Charge.list(app=APP, refunded=true)) == [charges[4]]
    assert len(ids(sdk.Charge.list(app=APP, paid="false", limit=100))) == 10


def test_channel_and_created_filter(sdk, sandbox, charges):
    sandbox.advance(100)
    wx = sandbox.create_charge(charge_params(channel="wx", order_no="900"))

    assert ids(sdk.Charge.list(app=APP, channel="wx")) == [wx["id"]]
    assert ids(sdk.Charge.list(app=APP, created={"gte": wx["created"]})) == [wx["id"]]
    assert ids(sdk.Charge.list(app=APP, created={"gt": wx["created"]})) == []
    assert len(ids(sdk.Charge.list(app=APP, created={"lt": wx["created"]}, limit=100))) == 12
    assert len(ids(sdk.Charge.list(app=APP, created={"lte": wx["created"]}, limit=100))) == 13


def test_without_created_only_the_last_month_is_searched(sdk, sandbox, charges):
    sandbox.advance(32 * 86400)

    assert ids(sdk.Charge.list(app=APP)) == []
    assert len(ids(sdk.Charge.list(app=APP, created={"gt": 0}, limit=100))) == 12
