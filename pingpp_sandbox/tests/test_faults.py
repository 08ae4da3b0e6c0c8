import time

import pytest

from pingpp_sandbox.sandbox import APP_ID
from pingpp_sandbox.tests.support import charge_params, wait_until


def create(sdk):
    return sdk.Charge.create(**charge_params())


def made(sandbox):
    return sandbox.state()["charges_made"]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "InvalidRequestError"),
        (402, "ChannelError"),
        (403, "RateLimitError"),
        (429, "APIError"),
        (500, "APIError"),
        (502, "APIError"),
        (503, "APIError"),
    ],
)
def test_the_next_requests_can_be_answered_with_a_status(sdk, sandbox, status, name):
    sandbox.fault("status", status=status, times=2)

    for _ in range(2):
        with pytest.raises(getattr(sdk.error, name)) as caught:
            create(sdk)
        assert caught.value.http_status == status
        assert str(caught.value)
    assert made(sandbox) == 0

    assert create(sdk).id


def test_a_fault_is_for_its_operation(sdk, sandbox):
    sandbox.fault("status", "refund.create", status=503)

    charge = create(sdk)
    sandbox.pay(charge.id)
    with pytest.raises(sdk.APIError):
        sdk.Charge.refund(charge.id, description="d")

    assert sandbox.state()["refunds_made"] == 0
    assert sandbox.state()["requests"] == {"charge.create": 1, "refund.create": 1}


def broken(sdk, call, *arguments, **params):
    with pytest.raises(sdk.APIError) as caught:
        call(*arguments, **params)
    return caught.value.http_status == 500


@pytest.fixture
def charges(sandbox):
    """Three paid charges with a refund each, oldest first; their ids."""
    ids = []
    for number in ("11", "12", "13"):
        charge = sandbox.pay(sandbox.create_charge(charge_params(order_no=number))["id"])
        sandbox.console_refund(charge["id"], 1)
        ids.append(charge["id"])
    return ids


def test_a_fault_can_be_bound_to_one_charge_and_its_refunds(sdk, sandbox, charges):
    good, bad, _ = charges
    refund = {each["charge"]: each["id"] for each in sandbox.book()["refunds"]}
    sandbox.fault("status", charge=bad, times=None)

    for _ in range(2):
        assert broken(sdk, sdk.Charge.retrieve, bad)
        assert broken(sdk, sdk.Charge.reverse, bad)
        assert broken(sdk, sdk.Charge.refund, bad, description="d", amount=1)
        assert broken(sdk, sdk.Charge.list_refunds, bad)
        assert broken(sdk, sdk.Charge.retrieve_refund, bad, refund[bad])
        assert sdk.Charge.retrieve(good).id == good
        assert len(sdk.Charge.list_refunds(good)["data"]) == 1
    assert sdk.Charge.refund(good, description="d", amount=1)["status"] == "succeeded"
    assert create(sdk).id
    assert bad in [charge["id"] for charge in sdk.Charge.list(app={"id": APP_ID})["data"]]
    event = next(each for each in sandbox.events() if each["data"]["object"]["id"] == bad)
    assert sdk.Event.retrieve(event["id"])["id"] == event["id"]

    sandbox.clear_faults()
    assert sdk.Charge.retrieve(bad).id == bad


def test_a_fault_of_one_charge_can_break_the_pages_it_is_on(sdk, sandbox, charges):
    oldest, bad, newest = charges
    sandbox.fault("status", charge=bad, times=None, in_lists=True)
    page = {"app": {"id": APP_ID}, "limit": 1}

    assert broken(sdk, sdk.Charge.list, app={"id": APP_ID})
    assert broken(sdk, sdk.Charge.list, **page, starting_after=newest)
    assert [each["id"] for each in sdk.Charge.list(**page)["data"]] == [newest]
    after = sdk.Charge.list(**page, starting_after=bad)["data"]
    assert [each["id"] for each in after] == [oldest]
    with pytest.raises(sdk.InvalidRequestError):
        sdk.Charge.list(**page, starting_after="ch_unknown")


def test_a_fault_of_one_charge_can_be_for_one_operation(sdk, sandbox, charges):
    bad = charges[0]
    sandbox.fault("status", "refund.list", charge=bad)

    assert sdk.Charge.retrieve(bad).id == bad
    assert broken(sdk, sdk.Charge.list_refunds, bad)
    assert sdk.Charge.list_refunds(bad)["data"]


def test_one_502_is_repeated_by_the_sdk_unless_told_not_to(sdk, sandbox, monkeypatch):
    monkeypatch.setattr(sdk, "max_network_retries", 1)
    monkeypatch.setattr(sdk, "network_retry_delay", 0)
    sandbox.fault("status", "charge.create", status=502, commit=True)

    create(sdk)

    assert sandbox.state()["requests"] == {"charge.create": 2}
    assert made(sandbox) == 1


def test_the_connection_can_be_dropped_before_anything_happens(sdk, sandbox):
    sandbox.fault("drop", "charge.create")

    with pytest.raises(sdk.APIConnectionError):
        create(sdk)

    assert made(sandbox) == 0


def test_the_answer_can_be_dropped_after_everything_happened(sdk, sandbox):
    sandbox.fault("drop", "charge.create", commit=True)

    with pytest.raises(sdk.APIConnectionError):
        create(sdk)

    assert made(sandbox) == 1
    assert len(sdk.Charge.list(app={"id": APP_ID})["data"]) == 1


def test_an_answer_can_be_late(sdk, sandbox, monkeypatch):
    sandbox.fault("delay", seconds=0.2)
    started = time.monotonic()
    create(sdk)
    assert time.monotonic() - started >= 0.2

    monkeypatch.setattr(sdk, "timeout", 0.1)
    sandbox.fault("delay", seconds=0.3)
    with pytest.raises(sdk.APIConnectionError):
        sdk.Charge.create(**charge_params(order_no="late"))
    wait_until(lambda: made(sandbox) == 2)


def test_a_request_can_hang_until_the_faults_are_cleared(sdk, sandbox, monkeypatch):
    sandbox.fault("hang", times=None)
    monkeypatch.setattr(sdk, "timeout", 0.1)

    with pytest.raises(sdk.APIConnectionError):
        create(sdk)
    assert made(sandbox) == 0

    sandbox.clear_faults()
    monkeypatch.setattr(sdk, "timeout", 5)
    assert create(sdk).id


def test_a_dripping_answer_outlives_the_timeout(sdk, sandbox, monkeypatch):
    monkeypatch.setattr(sdk, "timeout", 0.2)
    sandbox.fault("drip", "event.retrieve", seconds=0.01)
    sandbox.fault("drip", seconds=0.0005)
    started = time.monotonic()

    charge = create(sdk)

    assert charge.id
    assert time.monotonic() - started > 0.4


@pytest.mark.parametrize("commit", [False, True])
def test_a_body_can_be_garbage(sdk, sandbox, commit):
    sandbox.fault("garbage", commit=commit)

    with pytest.raises(sdk.APIError):
        create(sdk)

    assert made(sandbox) == commit


def test_a_body_can_be_null(sdk, sandbox):
    sandbox.fault("null", times=2)

    # What the SDK makes of it.
    assert create(sdk) is None
    with pytest.raises(TypeError):
        sdk.Charge.retrieve("ch_1")


def test_an_error_can_lack_its_message_or_be_text(sdk, sandbox):
    sandbox.fault("no_message", status=400)
    with pytest.raises(sdk.InvalidRequestError) as caught:
        create(sdk)
    assert caught.value.json_body == {"error": {"type": "api_error"}}

    sandbox.fault("error_text", status=400)
    with pytest.raises(AttributeError):
        create(sdk)


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "other"},
        {"kind": "drop", "operation": "charge.delete"},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "times": "1"},
        {"kind": "delay"},
        {"kind": "status", "status": 99},
        {"kind": "status", "in_lists": True},
    ],
)
def test_faults_that_make_no_sense_are_refused(sandbox, arguments):
    with pytest.raises(ValueError, match=":"):
        sandbox.fault(**arguments)

    assert sandbox.state()["faults"] == []


def test_stopping_does_not_wait_for_a_hanging_request(sdk, sandbox, monkeypatch):
    sandbox.fault("hang")
    monkeypatch.setattr(sdk, "timeout", 0.05)
    with pytest.raises(sdk.APIConnectionError):
        create(sdk)
    started = time.monotonic()

    sandbox.stop()

    assert time.monotonic() - started < 2
