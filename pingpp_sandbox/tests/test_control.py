import pytest
import requests

from pingpp_sandbox.tests.support import charge_params


@pytest.fixture
def control(sandbox):
    """Calls a control endpoint; status and JSON."""

    def call(path, **arguments):
        answer = requests.post(f"{sandbox.url}/sandbox/{path}", json=arguments, timeout=5)
        return answer.status_code, answer.json()

    return call


def read(sandbox, path):
    return requests.get(f"{sandbox.url}/sandbox/{path}", timeout=5).json()["result"]


def test_state_and_book_count_what_was_really_made(sdk, sandbox):
    charge = sdk.Charge.create(**charge_params())
    sdk.Charge.create(**charge_params())
    sandbox.pay(charge.id)
    sdk.Charge.refund(charge.id, description="d", amount=1, metadata={"refund": "7"})

    state = read(sandbox, "state")
    book = read(sandbox, "book")

    assert state["requests"] == {"charge.create": 2, "refund.create": 1}
    assert (state["charges_made"], state["charges_paid"], state["refunds_made"]) == (1, 1, 1)
    assert [each["id"] for each in book["charges"]] == [charge.id]
    assert book["charges"][0]["time_paid"] is not None
    assert book["refunds"][0]["metadata"] == {"refund": "7"}
    assert set(book["refunds"][0]) == {"id", "charge", "amount", "status", "metadata"}
    assert book == sandbox.book()


def test_faults_are_set_and_cleared(sandbox, control):
    assert control("faults", kind="status", operation="charge.create", status=503) == (
        200,
        {"result": None},
    )
    assert read(sandbox, "state")["faults"][0]["status"] == 503

    control("faults/clear")

    assert read(sandbox, "state")["faults"] == []


def test_the_clock_options_payments_and_refunds_are_steered(sandbox, control):
    charge = sandbox.create_charge(charge_params())

    control("clock", seconds=90000)
    assert control(f"charges/{charge['id']}/pay")[0] == 400
    control(f"charges/{charge['id']}/pay", force=True)
    control("refunds", outcome="pending")
    refund = sandbox.refund(charge["id"], description="d")
    control(f"refunds/{refund['id']}", status="failed")
    control("options", emit_reversed=True)

    book = sandbox.book()
    assert sandbox.clock.offset == 90000
    assert book["charges"][0]["paid"] is True
    assert book["refunds"][0]["status"] == "failed"
    assert sandbox.options.emit_reversed is True


def test_the_console_is_steered(sandbox, control):
    charge = sandbox.pay(sandbox.create_charge(charge_params())["id"])
    path = f"charges/{charge['id']}/console_refund"

    assert control(path, status="other")[0] == 400
    assert control(path, amount="1")[0] == 400
    status, answer = control(path, amount=500)
    control(path, status="pending")

    assert (status, answer["result"]["amount"]) == (200, 500)
    assert [(each["amount"], each["status"]) for each in sandbox.book()["refunds"]] == [
        (500, "succeeded"),
        (1000, "pending"),
    ]
    control(f"refunds/{answer['result']['id']}/fail_late")
    assert sandbox.book()["refunds"][0]["status"] == "failed"


def test_a_charge_can_be_paid_and_refunded_before_it_is_told(sandbox, control):
    charge = sandbox.create_charge(charge_params())

    answer = control(f"charges/{charge['id']}/pay", then_refund=500)[1]["result"]

    assert (answer["paid"], answer["amount_refunded"]) == (True, 500)
    assert sandbox.events()[0]["data"]["object"] == answer


def test_webhooks_are_steered(sandbox, control, merchant):
    control("webhooks/hold")
    control("webhooks/duplicate", times=2)
    control("webhooks/shuffle", seconds=0)
    sandbox.pay(sandbox.create_charge(charge_params())["id"])
    event_id = read(sandbox, "events")[0]["id"]
    assert [queued["event"] for queued in read(sandbox, "webhooks")] == [event_id] * 2

    assert control("webhooks/deliver", event_id=event_id) == (200, {"result": [200]})
    assert control("webhooks/release")[1]["result"] == [[event_id, 200]] * 2
    assert control("webhooks/drop") == (200, {"result": 0})

    assert len(merchant.notices) == 3


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("faults", {"kind": "other"}),
        ("faults", {"other": 1}),
        ("faults", {}),
        ("clock", {"seconds": -1}),
        ("clock", {"seconds": "1"}),
        ("options", {"api_key": "sk_test_2"}),
        ("refunds", {"outcome": "other"}),
        ("refunds", {"outcome": "reject", "status": 500}),
        ("webhooks/release", {"order": "other"}),
        ("webhooks/duplicate", {"times": 0}),
    ],
)
def test_bad_controls_are_refused(sandbox, control, path, arguments):
    before = sandbox.state() | {"now": None}

    status, answer = control(path, **arguments)

    assert status == 400
    assert answer["error"]
    assert sandbox.state() | {"now": None} == before


def test_unknown_controls_are_not_found(sandbox, control):
    assert control("other")[0] == 404
    assert control("charges/ch_unknown/pay")[0] == 404


@pytest.mark.parametrize("origin", ["http://example.com", "null", "{url}"])
def test_pages_in_a_browser_cannot_steer(sandbox, origin):
    answer = requests.post(
        f"{sandbox.url}/sandbox/clock",
        data='{"seconds": 5}',
        headers={"Origin": origin.format(url=sandbox.url), "Content-Type": "text/plain"},
        timeout=5,
    )

    assert answer.status_code == 403
    assert sandbox.clock.offset == 0
