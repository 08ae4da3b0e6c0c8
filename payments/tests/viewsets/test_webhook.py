"""POST pingpp/webhook/: what is believed, what has an effect, what is answered."""

import base64
import json

import pytest
from django.test import Client

from api import failpoints
from payments import refund_outbox
from payments.models import (
    Discrepancy,
    Notice,
    Payment,
    PaymentState,
    Refund,
    RefundStatus,
    SuspenseCharge,
)
from pingpp_sandbox import keys
from qaorder.models import Order, OrderType, Status
from tests.support import books, people
from tests.support.people import client_for, make_patient, refund
from tests.support.provider import WEBHOOK

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid_event(provider):
    """The provider's event about a charge that was paid a moment ago; nobody was told yet."""
    charge = people.charge_for(people.new_order())
    provider.pay(charge["id"])
    return provider.events("charge.succeeded")[0]


def changed(event, **fields):
    """The event about a charge that differs in these fields."""
    return event | {"data": {"object": event["data"]["object"] | fields}}


def outcome_of(response):
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"received", "outcome"}
    return response.json()["outcome"]


def flip_a_bit(text):
    raw = bytearray(base64.b64decode(text))
    raw[10] ^= 1
    return base64.b64encode(raw).decode()


def by_another_key(sandbox, raw):
    return keys.sign(keys.generate().pingpp_private, raw)


SIGNATURES = {
    "missing": lambda sandbox, raw: None,
    "empty": lambda sandbox, raw: "",
    "no base64": lambda sandbox, raw: "§§§",
    "not a signature": lambda sandbox, raw: base64.b64encode(b"x" * 256).decode(),
    "too short": lambda sandbox, raw: sandbox.sign(raw)[:-8],
    "one bit wrong": lambda sandbox, raw: flip_a_bit(sandbox.sign(raw)),
    "by another key": by_another_key,
    "by our own key": lambda sandbox, raw: keys.sign(sandbox.keys.merchant_private, raw),
    "of another body": lambda sandbox, raw: sandbox.sign(b"{}"),
    "of the same JSON in other words": lambda sandbox, raw: sandbox.sign(
        json.dumps(json.loads(raw)).encode()
    ),
    "of the body and a newline": lambda sandbox, raw: sandbox.sign(raw + b"\n"),
    "twice in one header": lambda sandbox, raw: f"{sandbox.sign(raw)}, {sandbox.sign(raw)}",
}


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_a_body_without_the_providers_signature_is_refused_and_not_stored(
    provider, paid_event, name
):
    raw, _ = provider.sandbox.notice(paid_event)
    before = books.everything()

    response = provider.post(raw, SIGNATURES[name](provider.sandbox, raw))

    assert response.status_code == 400
    assert response.json() == {"detail": "签名无效"}
    assert books.everything() == before


CHANGED_BODIES = {
    "one byte flipped": lambda raw: raw.replace(b'"amount":1500', b'"amount":1501'),
    "re-serialised": lambda raw: json.dumps(json.loads(raw)).encode(),
    "keys sorted": lambda raw: json.dumps(
        json.loads(raw), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode(),
    "a space at the end": lambda raw: raw + b" ",
    "a newline at the start": lambda raw: b"\n" + raw,
    "with a byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "cut short": lambda raw: raw[:-1],
    "empty": lambda raw: b"",
    "in UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "another event id": lambda raw: raw.replace(b'"id":"evt_', b'"id":"evt-'),
}


@pytest.mark.parametrize("name", list(CHANGED_BODIES))
def test_a_signature_holds_for_exactly_the_bytes_it_was_made_of(provider, paid_event, name):
    raw, signature = provider.sandbox.notice(paid_event)
    other = CHANGED_BODIES[name](raw)
    assert other != raw
    before = books.everything()

    response = provider.post(other, signature)

    assert response.status_code == 400
    assert books.everything() == before


def test_every_key_of_ours_is_accepted_while_keys_are_exchanged(provider, paid_event, settings):
    other = keys.generate().pingpp_public
    settings.PINGPP_PUBLIC_KEY = f"{other}\n{settings.PINGPP_PUBLIC_KEY}"

    assert outcome_of(provider.deliver(paid_event)) == "applied"


def test_without_a_key_of_the_provider_nothing_is_believed(provider, paid_event, settings):
    settings.PINGPP_PUBLIC_KEY = ""
    settings.PINGPP_PUBLIC_KEY_PATH = ""

    assert provider.deliver(paid_event).status_code == 400
    assert not Notice.objects.exists()


def test_a_good_notice_is_kept_with_its_effect(provider, paid_event):
    assert outcome_of(provider.deliver(paid_event)) == "applied"

    notice = Notice.objects.get()
    charge = paid_event["data"]["object"]
    assert (notice.event_id, notice.type) == (paid_event["id"], "charge.succeeded")
    assert (notice.object_id, notice.order_no) == (charge["id"], charge["order_no"])
    assert notice.outcome == "applied"
    assert Order.objects.get().status == Status.PAID


def test_a_notice_delivered_ten_times_has_one_effect(provider, paid_event):
    first = provider.deliver(paid_event)
    before = books.everything()

    outcomes = [outcome_of(provider.deliver(paid_event)) for _ in range(9)]

    assert outcome_of(first) == "applied"
    assert outcomes == ["repeated"] * 9
    assert books.everything() == before


def test_the_same_event_id_with_other_content_has_no_effect(provider, paid_event):
    other_charge = people.charge_for(people.new_order(), "wx")
    provider.pay(other_charge["id"])
    other = provider.events("charge.succeeded")[1]
    provider.deliver(paid_event)
    before = books.everything()

    outcome = outcome_of(provider.deliver(other | {"id": paid_event["id"]}))

    assert outcome == "repeated"
    assert books.everything() == before
    assert outcome_of(provider.deliver(other)) == "applied"


def test_the_same_charge_under_two_event_ids_is_booked_once(provider, paid_event):
    provider.deliver(paid_event)
    balances = books.balances()

    outcome = outcome_of(provider.deliver(paid_event | {"id": "evt_again"}))

    assert outcome == "repeated"
    assert books.balances() == balances
    assert Notice.objects.count() == 2
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    "kind",
    [
        "charge.failed",
        "order.succeeded",
        "transfer.succeeded",
        "summary.daily.available",
        "charge.succeeded2",
        "",
        None,
        5,
        [],
        {},
    ],
    ids=repr,
)
def test_a_kind_that_we_do_not_use_is_kept_and_has_no_effect(provider, paid_event, kind):
    before = books.order_row(Order.objects.get())

    outcome = outcome_of(provider.deliver(paid_event | {"type": kind}))

    assert outcome == "unused"
    assert books.order_row(Order.objects.get()) == before
    assert books.postings() == {}
    assert Notice.objects.get().outcome == "unused"


@pytest.mark.parametrize(
    "fields",
    [
        {"app": "app_somebodyElses0000"},
        {"app": {"id": "app_somebodyElses0000"}},
        {"livemode": True},
        {"currency": "usd"},
        {"currency": "hkd"},
        {"paid": False},
        {"amount": "1500"},
        {"amount": 0},
        {"id": None},
        {"id": "ch_\x00"},
        {"id": "ch_" + "1" * 60},
        {"order_no": None},
        {"order_no": {"$ne": ""}},
        {"channel": "\ud800"},
    ],
    ids=str,
)
def test_a_charge_that_is_not_ours_is_kept_and_has_no_effect(provider, paid_event, fields):
    before = books.order_row(Order.objects.get())
    raw = json.dumps(changed(paid_event, **fields)).encode()

    outcome = outcome_of(provider.post(raw, provider.sandbox.sign(raw)))

    assert outcome == "not_ours"
    assert books.order_row(Order.objects.get()) == before
    assert Payment.objects.get().state == PaymentState.PENDING
    assert books.postings() == {}
    assert Notice.objects.get().outcome == "not_ours"


@pytest.mark.parametrize("livemode", [True, None, "false", 0])
def test_an_event_of_the_other_mode_has_no_effect(provider, paid_event, livemode):
    outcome = outcome_of(provider.deliver(paid_event | {"livemode": livemode}))

    assert outcome == "not_ours"
    assert Order.objects.get().status == Status.UNPAID


def test_a_live_service_does_not_believe_a_test_payment(provider, paid_event, settings):
    settings.PINGPP_LIVEMODE = True

    assert outcome_of(provider.deliver(paid_event)) == "not_ours"
    assert outcome_of(provider.deliver(paid_event | {"id": "evt_2", "livemode": True})) == (
        "not_ours"
    )
    assert Order.objects.get().status == Status.UNPAID


@pytest.mark.parametrize("amount", [1, 15, 1499, 1501, 150_000, 2**61])
def test_a_wrong_amount_is_held_for_staff(provider, paid_event, amount):
    before = books.order_row(Order.objects.get())

    outcome = outcome_of(provider.deliver(changed(paid_event, amount=amount)))

    assert outcome == "held"
    assert books.order_row(Order.objects.get()) == before
    assert SuspenseCharge.objects.get().amount_fen == amount
    assert books.balances() == {"suspense": amount, "clearing:alipay": -amount}
    # The right amount, told later, still counts.
    assert outcome_of(provider.deliver(paid_event | {"id": "evt_right"})) == "applied"


def test_an_unknown_order_number_is_held_for_staff(provider, paid_event):
    outcome = outcome_of(provider.deliver(changed(paid_event, order_no="20260101000001")))

    held = SuspenseCharge.objects.get()
    assert outcome == "held"
    assert (held.order_no, held.payment) == ("20260101000001", None)
    assert Order.objects.get().status == Status.UNPAID
    books.assert_whole()


def test_held_money_is_booked_once_however_often_it_is_told_of(provider, paid_event):
    wrong = changed(paid_event, amount=1)

    for number in range(3):
        provider.deliver(wrong | {"id": f"evt_{number}"})

    assert SuspenseCharge.objects.count() == 1
    assert books.balances()["suspense"] == 1


def test_no_number_in_the_notice_s_metadata_makes_it_pay_another_order(provider, paid_event):
    other = people.new_order()

    metadata = {"order_number": other.order_number, "owner": other.patient.user.username}
    provider.deliver(changed(paid_event, metadata=metadata))

    other.refresh_from_db()
    assert other.status == Status.UNPAID


BODIES = {
    "text": b"not JSON",
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"5",
    "a string": b'"charge.succeeded"',
    "nan": b"NaN",
    "an empty object": b"{}",
    "no data": b'{"id":"evt_1","type":"charge.succeeded","livemode":false}',
    "data null": b'{"id":"evt_1","type":"charge.succeeded","livemode":false,"data":null}',
    "data a list": b'{"id":"evt_1","type":"charge.succeeded","livemode":false,"data":[1]}',
    "object null": b'{"id":"evt_1","type":"charge.succeeded","livemode":false,"data":{"object":0}}',
    "id a number": b'{"id":5,"type":"charge.succeeded","livemode":false}',
    "id too long": b'{"id":"' + b"e" * 65 + b'","type":"refund.succeeded","livemode":false}',
    "id with a nul": b'{"id":"\\u0000","type":"charge.succeeded","livemode":false}',
    "a lone surrogate": b'{"id":"\\ud800","type":"refund.failed","livemode":false}',
    "a huge number": b'{"id":' + b"9" * 5000 + b"}",
    "very deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "not UTF-8": b'{"id":"\xff\xfe"}',
    "in UTF-16": '{"id":"evt_1"}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", list(BODIES))
def test_a_signed_body_that_says_nothing_to_us_is_kept_and_answered_200(provider, name):
    raw = BODIES[name]

    first = provider.post(raw, provider.sandbox.sign(raw))
    second = provider.post(raw, provider.sandbox.sign(raw))

    assert outcome_of(first) in ("unused", "not_ours")
    # What is not ours is looked at again, for it may be by then.
    assert outcome_of(second) in ("repeated", "not_ours")
    assert Notice.objects.count() == 1
    assert books.postings() == {}


def test_a_failure_of_ours_answers_5xx_and_the_same_notice_works_when_sent_again(
    provider, paid_event
):
    def break_down():
        raise RuntimeError

    for point in ("webhook.notice_kept", "settle.captured", "webhook.settled"):
        failpoints.hooks[point] = break_down
        before = books.everything()

        broken = provider.deliver(paid_event)

        assert broken.status_code == 500
        assert broken.json() == {"detail": "服务器内部错误"}
        assert books.everything() == before
        failpoints.hooks.clear()
    assert outcome_of(provider.deliver(paid_event)) == "applied"
    assert Order.objects.get().status == Status.PAID


def test_only_post_is_a_notice(provider, paid_event):
    raw, signature = provider.sandbox.notice(paid_event)
    headers = {"X-Pingplusplus-Signature": signature}

    answers = [
        getattr(Client(), method)(WEBHOOK, headers=headers) for method in ("get", "head", "delete")
    ]
    answers += [
        getattr(Client(), method)(WEBHOOK, raw, content_type="application/json", headers=headers)
        for method in ("put", "patch")
    ]

    assert [answer.status_code for answer in answers] == [405] * 5
    assert not Notice.objects.exists()


@pytest.mark.parametrize(
    "authorization",
    ["Token garbage", "Token", "Bearer x", "Basic eDp5", "\x7f", "Token " + "f" * 40],
)
def test_the_authorization_header_is_not_looked_at(provider, paid_event, authorization):
    client = Client(headers={"Authorization": authorization})

    assert outcome_of(provider.deliver(paid_event, client)) == "applied"


def test_a_users_login_proves_nothing_here(provider, paid_event):
    raw, _ = provider.sandbox.notice(paid_event)
    client = client_for(make_patient(is_staff=True).user)

    assert provider.post(raw, None, client).status_code == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_does_not_matter_only_the_bytes_do(provider, paid_event, content_type):
    raw, signature = provider.sandbox.notice(paid_event)

    response = Client().post(
        WEBHOOK,
        raw,
        content_type=content_type,
        headers={"X-Pingplusplus-Signature": signature},
    )

    assert outcome_of(response) == "applied"


@pytest.fixture
def open_refund(provider):
    """A refund of alipay money that the provider knows of and has not finished."""
    order = people.new_order()
    people.pay_remotely(provider, order)
    refund(order)
    provider.sandbox.script_refunds("pending")
    refund_outbox.send_due()
    return Refund.objects.get()


def refund_event(provider, refund_row, kind="refund.succeeded", **fields):
    """An event about the provider's refund of ours."""
    shown = {
        "id": refund_row.refund_id or "re_1",
        "object": "refund",
        "charge": refund_row.payment.charge_id,
        "amount": refund_row.amount_fen,
        "status": kind.split(".")[1],
        "metadata": {"refund": str(refund_row.pk)},
        "failure_code": None,
        "failure_msg": None,
    }
    return provider.sandbox.event(kind, shown | fields)


def test_a_refund_that_succeeded_is_finished_and_booked_once(provider, open_refund):
    provider.sandbox.settle_refund(open_refund.refund_id)

    first, second = (provider.deliver_all("refund.succeeded")[0] for _ in range(2))

    open_refund.refresh_from_db()
    assert (outcome_of(first), outcome_of(second)) == ("applied", "repeated")
    assert open_refund.status == RefundStatus.SUCCEEDED
    assert open_refund.finished_at is not None
    assert books.balances() == {}
    assert books.postings()["refund"] == 1


def test_a_refund_that_failed_is_shown_to_staff_and_keeps_the_money_booked(provider, open_refund):
    provider.sandbox.settle_refund(open_refund.refund_id, "failed")

    provider.deliver_all("refund.failed")

    open_refund.refresh_from_db()
    assert open_refund.status == RefundStatus.FAILED
    assert open_refund.failure_msg == "退款失败"
    assert books.balances()["in_transit"] == 1500


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": 1499},
        {"amount": "1500"},
        {"amount": None},
        {"charge": "ch_other"},
        {"charge": None},
    ],
    ids=str,
)
def test_a_refund_of_another_amount_or_charge_is_not_believed(provider, open_refund, fields):
    before = books.balances()

    outcome = outcome_of(provider.deliver(refund_event(provider, open_refund, **fields)))

    open_refund.refresh_from_db()
    assert outcome == "differs"
    assert Discrepancy.objects.get().kind == "refund_differs"
    assert open_refund.status == RefundStatus.OPEN
    assert books.balances() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None},
        {"id": 5},
        {"id": "re_\x00"},
        {"id": "re_" + "1" * 40},
    ],
    ids=str,
)
def test_a_refund_without_a_number_of_the_provider_has_no_effect(provider, open_refund, fields):
    outcome = outcome_of(provider.deliver(refund_event(provider, open_refund, **fields)))

    open_refund.refresh_from_db()
    assert outcome == "not_ours"
    assert open_refund.status == RefundStatus.OPEN


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "re_other", "metadata": {}},
        {"id": "re_other", "metadata": None},
        {"id": "re_other", "metadata": []},
        {"id": "re_other", "metadata": {"refund": "999999999999999999999"}},
        {"id": "re_other", "metadata": {"refund": "-1"}},
        {"id": "re_other", "metadata": {"refund": "１"}},
        {"id": "re_other", "metadata": {"refund": 1}},
    ],
    ids=str,
)
def test_a_refund_of_our_charge_that_is_not_ours_is_a_difference(provider, open_refund, fields):
    outcome = outcome_of(provider.deliver(refund_event(provider, open_refund, **fields)))

    open_refund.refresh_from_db()
    row = Discrepancy.objects.get()
    assert outcome == "differs"
    assert (row.kind, row.refund_id, row.payment) == (
        "refund_unknown",
        "re_other",
        open_refund.payment,
    )
    assert open_refund.status == RefundStatus.OPEN


@pytest.mark.parametrize("words", [5, ["x"], {"a": 1}, "坏\x00字", "\ud800", "x" * 5000, True])
def test_whatever_words_a_failure_comes_with_are_kept_as_text(provider, open_refund, words):
    event = refund_event(
        provider, open_refund, "refund.failed", failure_code=words, failure_msg=words
    )
    raw = json.dumps(event).encode()

    outcome = outcome_of(provider.post(raw, provider.sandbox.sign(raw)))

    open_refund.refresh_from_db()
    assert outcome == "applied"
    assert open_refund.status == RefundStatus.FAILED


def test_a_refund_that_succeeds_before_our_own_call_has_its_answer(provider):
    order = people.new_order()
    people.pay_remotely(provider, order)
    refund(order)
    outcomes = []
    failpoints.hooks["refund.sent"] = lambda: outcomes.extend(
        outcome_of(answer) for answer in provider.deliver_all("refund.succeeded")
    )

    refund_outbox.send_due()

    row = Refund.objects.get()
    assert outcomes == ["applied"]
    assert row.status == RefundStatus.SUCCEEDED
    assert row.refund_id == provider.refunds()[0]["id"]
    assert books.postings()["refund"] == 1
    assert books.balances() == {}


def test_a_refund_notice_without_a_payment_of_ours_is_kept_and_has_no_effect(provider):
    event = provider.sandbox.event(
        "refund.succeeded", {"id": "re_1", "charge": "ch_1", "amount": 1, "status": "succeeded"}
    )

    assert outcome_of(provider.deliver(event)) == "not_ours"
    assert not Refund.objects.exists()


def test_a_success_after_a_failure_is_the_last_word_and_not_the_other_way_round(
    provider, open_refund
):
    for kind in ("refund.failed", "refund.succeeded", "refund.failed"):
        provider.deliver(refund_event(provider, open_refund, kind))

    open_refund.refresh_from_db()
    assert open_refund.status == RefundStatus.SUCCEEDED
    assert books.balances() == {}


def test_a_monthly_orders_notice_starts_its_period_once(provider):
    order = people.new_order(OrderType.MONTHLY)
    people.pay_remotely(provider, order, "wx")
    event = provider.events("charge.succeeded")[0]

    provider.deliver(event)
    provider.deliver(event | {"id": "evt_again"})

    assert order.patient.periods.count() == 1
