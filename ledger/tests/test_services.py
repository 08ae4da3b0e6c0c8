"""Moving money: what post() refuses, what it keeps, how a completed order is divided."""

import pytest
from django.db import IntegrityError, transaction

from api.errors import InsufficientBalance
from ledger import services as ledger
from ledger.models import Account, Entry, Transaction, TransactionKind
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Status
from tests.support import books
from tests.support.paying import pay_order
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    make_user,
    order_in,
    place_order,
)

ADJUSTMENT = TransactionKind.ADJUSTMENT

pytestmark = pytest.mark.django_db


def accounts():
    return ledger.platform(), ledger.wallet(make_user()), ledger.in_transit()


@pytest.mark.parametrize(
    "amounts",
    [(-100, 99, 0), (-100, 101), (-100,), (100,), (), (0, 0), (-100, 100, 0)],
    ids=["short", "long", "one leg out", "one leg in", "none", "zeros", "a zero leg"],
)
def test_legs_that_do_not_sum_to_zero_are_refused(amounts):
    legs = dict(zip(accounts(), amounts, strict=False))

    with pytest.raises(ValueError, match="sum to zero"):
        ledger.post(ADJUSTMENT, "cause:1", legs)

    assert not Transaction.objects.exists()
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_posting_outside_a_transaction_is_a_bug_in_the_caller():
    platform, wallet, _ = accounts()

    with pytest.raises(transaction.TransactionManagementError):
        ledger.post(ADJUSTMENT, "cause:1", {platform: -100, wallet: 100})

    assert not Transaction.objects.exists()


def test_one_cause_moves_money_once():
    platform, wallet, _ = accounts()
    ledger.post(ADJUSTMENT, "cause:1", {platform: -100, wallet: 100})

    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.post(ADJUSTMENT, "cause:1", {platform: -100, wallet: 100})

    wallet.refresh_from_db()
    assert wallet.balance_fen == 100
    assert Transaction.objects.count() == 1


def test_a_wallet_gives_up_to_its_last_fen_and_not_one_more():
    platform, wallet, _ = accounts()
    ledger.post(ADJUSTMENT, "in", {platform: -100, wallet: 100})
    before = books.everything()

    with pytest.raises(InsufficientBalance), transaction.atomic():
        ledger.post(ADJUSTMENT, "too much", {platform: 101, wallet: -101})

    assert books.everything() == before
    ledger.post(ADJUSTMENT, "all", {platform: 100, wallet: -100})
    assert Account.objects.get(pk=wallet.pk).balance_fen == 0


def test_a_stale_account_object_cannot_overdraw():
    platform, wallet, _ = accounts()
    ledger.post(ADJUSTMENT, "in", {platform: -100, wallet: 100})
    stale = Account.objects.get(pk=wallet.pk)
    ledger.post(ADJUSTMENT, "out", {platform: 100, wallet: -100})

    with pytest.raises(InsufficientBalance), transaction.atomic():
        ledger.post(ADJUSTMENT, "again", {platform: 100, stale: -100})

    assert Account.objects.get(pk=wallet.pk).balance_fen == 0
    books.assert_balanced()


def test_the_database_itself_refuses_a_negative_wallet():
    _, wallet, _ = accounts()

    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(pk=wallet.pk).update(balance_fen=-1)


def test_entries_keep_the_balance_after_where_there_is_one():
    platform, wallet, held = accounts()
    ledger.post(ADJUSTMENT, "in", {platform: -300, wallet: 300})
    ledger.post(TransactionKind.PAYMENT, "out", {wallet: -120, held: 120}, "26digits")

    lines = Entry.objects.filter(account=wallet).order_by("pk")

    assert [(line.amount_fen, line.balance_after_fen) for line in lines] == [
        (300, 300),
        (-120, 180),
    ]
    assert set(
        Entry.objects.exclude(account=wallet).values_list("balance_after_fen", flat=True)
    ) == {None}
    assert Transaction.objects.get(reference="out").order_number == "26digits"
    assert ledger.balance_fen(wallet.owner) == 180
    books.assert_balanced()


def test_a_user_without_a_wallet_has_nothing_and_opens_none_by_asking():
    assert ledger.balance_fen(make_user()) == 0
    assert not Account.objects.exists()


def test_accounts_are_opened_once():
    user = make_user()

    assert ledger.wallet(user) == ledger.wallet(user)
    assert ledger.earnings(user) != ledger.wallet(user)
    assert ledger.clearing("wx") != ledger.clearing("alipay")
    assert Account.objects.count() == 4


@pytest.mark.parametrize(
    ("price", "percent", "share", "rest"),
    [
        (1500, 0, 0, 1500),
        (1500, 7, 105, 1395),
        (1999, 7, 139, 1860),
        (1, 7, 0, 1),
        (99, 1, 0, 99),
        (1500, 100, 1500, 0),
    ],
)
def test_a_completed_order_is_divided_without_losing_a_fen(settings, price, percent, share, rest):
    settings.PLATFORM_SHARE_PERCENT = percent
    doctor = make_doctor(online_price_fen=price)
    order = order_in(Status.ANSWERED, doctor=doctor)
    before = books.balances()

    orders.finish_order(order=order, role=Role.CLOCK)

    after = books.balances()
    assert before["in_transit"] == price
    assert "in_transit" not in after
    assert after.get("platform", 0) - before.get("platform", 0) == share
    assert after.get(f"earnings:{doctor.user.pk}", 0) == rest
    assert Transaction.objects.get(kind="completion").order_number == order.order_number
    books.assert_balanced()


def test_a_free_order_is_completed_without_money():
    order = order_in(Status.FINISHED, doctor=make_doctor(online_price_fen=0))

    assert order.status == Status.FINISHED
    assert not Transaction.objects.exists()


def test_the_doctor_earns_nothing_before_the_consultation_ends():
    order = order_in(Status.ANSWERED)

    assert books.balances()["in_transit"] == order.amount_fen
    assert f"earnings:{order.doctor.user.pk}" not in books.balances()


def test_the_wallets_lines_are_shown_newest_first_with_sign_and_balance():
    patient = make_patient(balance_fen=2000)
    order = place_order(patient, make_doctor())
    pay_order(order=order, channel="balance", payer=patient.user)
    client = client_for(patient.user)

    page = client.get("/accounts/balance/entries/").json()

    paid, opening = page["results"]
    assert client.get("/accounts/balance/").json() == {"balance": "5.00"}
    assert list(paid) == [
        "pk",
        "kind",
        "kind_display",
        "amount",
        "balance_after",
        "order_number",
        "create_time",
    ]
    assert (paid["kind"], paid["kind_display"]) == ("payment", "支付")
    assert (paid["amount"], paid["balance_after"]) == ("-15.00", "5.00")
    assert paid["order_number"] == order.order_number
    assert (opening["amount"], opening["balance_after"]) == ("20.00", "20.00")
    assert opening["order_number"] is None
    assert page["count"] == 2


def test_nobody_sees_the_lines_of_another_wallet_or_of_earnings():
    order = order_in(Status.FINISHED)
    stranger = make_patient(balance_fen=1)

    lines = [
        client_for(user).get("/accounts/balance/entries/").json()["count"]
        for user in (order.doctor.user, stranger.user, order.patient.user)
    ]

    assert lines == [0, 1, 2]
