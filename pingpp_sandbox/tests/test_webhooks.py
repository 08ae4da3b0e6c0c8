import functools
import json
import re

import pytest

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.sandbox import Sandbox
from pingpp_sandbox.tests.support import charge_params, wait_until
from pingpp_sandbox.webhooks import RETRY_SECONDS

NOW = 1_800_000_000.0
EVENT_KEYS = ["id", "created", "livemode", "type", "data", "object", "pending_webhooks", "request"]


@pytest.fixture
def slow(keys, merchant):
    """A sandbox of normal speed, whose clock moves only when the test puts it forward."""
    with Sandbox(keys=keys, webhook_url=merchant.url, now=lambda: NOW) as sandbox:
        yield sandbox


def pay(sandbox, order_no="100", **changes):
    charge = sandbox.create_charge(charge_params(order_no=order_no, **changes))
    return sandbox.pay(charge["id"])


def has_attempts(sandbox, number):
    return sandbox.webhooks.pending()[0]["attempts"] == number


def order_numbers(merchant):
    return [json.loads(raw)["data"]["object"]["order_no"] for raw, _ in merchant.notices]


def test_a_notice_is_signed_compact_json_of_the_event(sandbox, merchant):
    charge = pay(sandbox)
    assert sandbox.webhooks.wait(5)

    raw, signature = merchant.notices[0]
    event = json.loads(raw)
    assert len(merchant.notices) == 1
    assert key_files.is_signed(sandbox.keys.pingpp_public, raw, signature)
    assert raw == json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    assert list(event) == EVENT_KEYS
    assert (event["type"], event["object"]) == ("charge.succeeded", "event")
    assert event["livemode"] is False
    assert event["data"] == {"object": charge}
    assert charge["credential"] == {}
    assert re.fullmatch(r"evt_[A-Za-z0-9]{24}", event["id"])
    assert re.fullmatch(r"iar_[A-Za-z0-9]{24}", event["request"])


def test_events_can_be_fetched(sdk, sandbox):
    pay(sandbox)
    event = sandbox.events()[0]

    fetched = sdk.Event.retrieve(event["id"])

    assert fetched["data"]["object"]["id"] == event["data"]["object"]["id"]
    with pytest.raises(sdk.InvalidRequestError) as caught:
        sdk.Event.retrieve("evt_unknown")
    assert caught.value.http_status == 404


@pytest.mark.parametrize("status", [500, 400, 302, 404])
def test_anything_but_2xx_is_sent_again(sandbox, merchant, status):
    merchant.statuses = [status, status]

    pay(sandbox)

    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) == 3
    assert len(set(merchant.notices)) == 1
    assert sandbox.state()["deliveries"] == {"delivered": 1}


def test_a_receiver_that_does_not_answer_in_time_is_sent_it_again(sandbox, merchant):
    sandbox.set_options(webhook_timeout=0.05)
    merchant.seconds = 0.3

    pay(sandbox)
    wait_until(lambda: merchant.notices)
    merchant.seconds = 0

    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) >= 2


def test_repeats_follow_the_schedule_until_they_end(slow, merchant):
    merchant.statuses = [500] * (len(RETRY_SECONDS) + 1)
    pay(slow)

    for number, seconds in enumerate(RETRY_SECONDS, start=1):
        wait_until(functools.partial(has_attempts, slow, number))
        queued = slow.webhooks.pending()[0]
        assert (queued["last_status"], queued["due_in"]) == (500, seconds)
        slow.advance(seconds)

    assert slow.webhooks.wait(5)
    assert len(merchant.notices) == 11
    assert slow.state()["deliveries"] == {"exhausted": 1}


def test_a_restart_keeps_charges_and_what_is_not_delivered(tmp_path, keys, merchant):
    with Sandbox(tmp_path, keys=keys, webhook_url="http://127.0.0.1:9/") as first:
        charge = pay(first)
        first.advance(50)
        wait_until(lambda: first.webhooks.pending()[0]["attempts"])

    with Sandbox(tmp_path, keys=keys, webhook_url=merchant.url) as second:
        second.advance(200)
        assert second.webhooks.wait(5)
        assert second.charges.get(charge["id"]) == charge
        assert second.state()["clock_offset"] == 250

    assert order_numbers(merchant) == ["100"]


def test_held_webhooks_wait_until_they_are_released_or_dropped(sandbox, merchant):
    sandbox.webhooks.hold()
    for order_no in ("1", "2", "3"):
        pay(sandbox, order_no)
    assert [queued["type"] for queued in sandbox.webhooks.pending()] == ["charge.succeeded"] * 3
    assert merchant.notices == []

    sent = sandbox.webhooks.release()

    assert order_numbers(merchant) == ["1", "2", "3"]
    assert sent == [(event["id"], 200) for event in sandbox.events()]
    assert sandbox.state()["webhooks_held"] is False

    sandbox.webhooks.hold()
    pay(sandbox, "4")
    assert sandbox.webhooks.drop() == 1
    assert sandbox.webhooks.release() == []


def test_a_released_webhook_that_is_refused_is_queued_again(sandbox, merchant):
    sandbox.webhooks.hold()
    pay(sandbox)
    merchant.statuses = [503]

    assert sandbox.webhooks.release()[0][1] == 503

    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) == 2


def test_webhooks_can_be_multiplied(sandbox, merchant):
    sandbox.duplicate_webhooks(3)

    pay(sandbox)

    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) == 3


def test_webhooks_can_be_shuffled(slow):
    slow.shuffle_webhooks(1000)

    for order_no in range(20):
        pay(slow, str(order_no))

    dues = [queued["due_in"] for queued in slow.webhooks.pending()]
    assert dues != sorted(dues)
    assert max(dues) <= 1000


def test_an_event_can_be_delivered_at_will(sandbox, merchant):
    pay(sandbox)
    assert sandbox.webhooks.wait(5)

    statuses = sandbox.webhooks.deliver(sandbox.events()[0]["id"], times=2)

    assert statuses == [200, 200]
    assert len(set(merchant.notices)) == 1
    assert len(merchant.notices) == 3


def test_a_test_can_make_its_own_notice(keys):
    sandbox = Sandbox(keys=keys)
    charge = sandbox.create_charge(charge_params())

    event = sandbox.event("charge.succeeded", charge | {"paid": True})
    raw, signature = sandbox.notice(event)

    assert json.loads(raw) == event
    assert signature == sandbox.sign(raw)
    assert key_files.is_signed(keys.pingpp_public, raw, signature)
    assert sandbox.events() == []
    sandbox.stop()


def test_without_a_url_events_are_kept_only(keys):
    with Sandbox(keys=keys) as sandbox:
        pay(sandbox)

        assert sandbox.webhooks.pending() == []
        assert [event["pending_webhooks"] for event in sandbox.events()] == [0]
