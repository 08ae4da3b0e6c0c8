"""Payouts entered by hand: yuan to the eye, booked once by the act, fixed from then on."""

import pytest
from django.test import Client

from payments.models import Payout
from tests.support import books
from tests.support.staff import act, login_as_staff, text, url_of

pytestmark = pytest.mark.django_db

URL = url_of(Payout)
FORM = {
    "channel": "wx",
    "reference": "b1",
    "paid_on": "2026-01-02",
    "amount_fen": "14.90",
    "fee_fen": "0.10",
}


def enter(client: Client, **changes):
    return client.post(f"{URL}add/", FORM | changes)


def test_what_is_entered_in_yuan_is_kept_in_fen_and_not_booked(client, boss):
    answer = enter(client)

    payout = Payout.objects.get()
    assert answer.status_code == 302
    assert (payout.amount_fen, payout.fee_fen, payout.booked_at) == (1490, 10, None)
    assert books.balances() == {}


@pytest.mark.parametrize("name", ["amount_fen", "fee_fen"])
@pytest.mark.parametrize(
    "amount",
    ["-1", "14.905", "1e3", "NaN", "Infinity", "１２", "1,000", "x", "", "1000000000", "9" * 400],
)
def test_an_amount_that_is_none_is_said_at_its_field(client, boss, name, amount):
    answer = enter(client, **{name: amount})

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [name]
    assert not Payout.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channel", "balance"),
        ("reference", " "),
        ("reference", "b" * 65),
        ("reference", "b\x00"),
        ("paid_on", "2026-13-02"),
    ],
)
def test_anything_else_wrong_is_said_at_its_field(client, boss, name, value):
    answer = enter(client, **{name: value})

    assert list(answer.context["adminform"].form.errors) == [name]
    assert not Payout.objects.exists()


def test_a_payout_of_nothing_is_refused_in_words(client, boss):
    answer = enter(client, amount_fen="0", fee_fen="0.00")

    assert answer.status_code == 200
    assert "到账金额和手续费不能都为零" in text(answer)
    assert "payout_moves_money" not in text(answer)
    assert not Payout.objects.exists()


@pytest.mark.parametrize(("amount", "fee"), [("0", "0.01"), ("999999999.99", "0")])
def test_a_fee_alone_and_the_largest_amount_are_taken(client, boss, amount, fee):
    assert enter(client, amount_fen=amount, fee_fen=fee).status_code == 302


def test_a_batch_is_entered_once_for_its_channel(client, boss):
    enter(client)

    again = enter(client, reference=" b1 ", amount_fen="1")
    other = enter(client, channel="alipay")

    assert again.status_code == 200
    assert "已经存在" in text(again)
    assert other.status_code == 302
    assert Payout.objects.count() == 2


def test_a_payout_is_booked_once_and_nobody_changes_it_before_or_after(client, boss):
    enter(client)
    payout = Payout.objects.get()
    page = f"{URL}{payout.pk}/"

    def tries() -> list[int]:
        return [
            client.post(f"{page}change/", FORM | {"amount_fen": "1.00"}).status_code,
            client.post(f"{page}delete/", {"post": "yes"}).status_code,
        ]

    before = tries()
    act(client, URL, "book_payout", payout, confirm="1", reason="对账单")
    booked = Payout.objects.values().get()
    after = tries()
    again = text(act(client, URL, "book_payout", payout, confirm="1", reason="对账单"))

    assert before == after == [403, 403]
    assert booked["booked_at"] is not None
    assert "该结算已经入账" in again
    assert Payout.objects.values().get() == booked
    assert books.balances() == {"clearing:wx": 1500, "bank": -1490, "platform": -10}
    shown = text(client.get(f"{page}change/"))
    assert "14.90" in shown
    assert 'name="amount_fen"' not in shown


def test_entering_and_booking_are_two_permissions(client):
    login_as_staff(client, "view_payout", "change_payout")
    refused = enter(client)
    login_as_staff(client, "view_payout", "add_payout")
    entered = enter(client)

    act(client, URL, "book_payout", Payout.objects.get(), confirm="1", reason="x")

    assert (refused.status_code, entered.status_code) == (403, 302)
    assert Payout.objects.get().booked_at is None
