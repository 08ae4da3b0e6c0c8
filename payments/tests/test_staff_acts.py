"""Acts of staff that move money: each one known, each with a reason, large ones by two members."""

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from api.errors import StaffRefusal
from ledger.models import Entry
from payments import refund_outbox, staff_acts
from payments.models import (
    Discrepancy,
    Refund,
    RefundMeans,
    RefundStatus,
    StaffRequest,
    SuspenseResolution,
)
from payments.paid_charge import PaidCharge
from payments.settlement import settle
from qaorder.models import Order, OrderType, Status
from tests.support import books, people
from tests.support.database import impatient, locked_elsewhere
from tests.support.people import make_user, order_in, refund
from tests.support.ways_out import TARGETS, failed_refund, held, paid, payout, prepare
from tests.support.world import drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other():
    return make_user(is_staff=True, is_superuser=True)


def assert_whole(provider):
    """Once everything due was sent, audit, book and the provider's own book agree."""
    provider.sandbox.clear_faults()
    drain()
    books.assert_whole(provider)


def test_every_verb_has_a_row_to_act_on_here():
    assert set(TARGETS) == set(staff_acts.VERBS)


@pytest.mark.parametrize("verb", staff_acts.VERBS)
def test_each_verb_acts_at_once_on_small_amounts_and_leaves_its_trail(provider, boss, verb):
    row, arguments = prepare(verb, provider)
    before = books.everything()

    done = staff_acts.request(verb, row, actor=boss, reason="已核实", **arguments)

    assert (done.state, done.reason, done.requested_by) == ("done", "已核实", boss)
    assert done.amount_fen > 0
    after = books.everything()
    del before["payments.StaffRequest"], after["payments.StaffRequest"]
    assert after != before
    assert_whole(provider)


@pytest.mark.parametrize("verb", staff_acts.VERBS)
def test_each_verb_waits_for_another_member_above_the_limit(provider, settings, boss, other, verb):
    settings.STAFF_DOUBLE_CHECK_FEN = 1499 if verb != "book_payout" else 1
    row, arguments = prepare(verb, provider)
    before = books.everything()

    waiting = staff_acts.request(verb, row, actor=boss, reason="已核实", **arguments)

    def rest():
        now = books.everything()
        return {name: rows for name, rows in now.items() if name != "payments.StaffRequest"}

    unchanged = {name: rows for name, rows in before.items() if name != "payments.StaffRequest"}
    assert waiting.state == "waiting"
    assert rest() == unchanged
    with pytest.raises(StaffRefusal):
        staff_acts.approve(waiting, actor=boss)
    with pytest.raises(StaffRefusal):
        staff_acts.request(verb, row, actor=other, reason="再来", **arguments)
    assert rest() == unchanged

    done = staff_acts.approve(waiting, actor=other)

    assert (done.state, done.decided_by) == ("done", other)
    assert rest() != unchanged
    with pytest.raises(StaffRefusal):
        staff_acts.approve(waiting, actor=other)
    assert_whole(provider)


@pytest.mark.parametrize("verb", staff_acts.VERBS)
def test_each_verb_done_twice_moves_money_once(provider, boss, verb):
    row, arguments = prepare(verb, provider)
    staff_acts.request(verb, row, actor=boss, reason="已核实", **arguments)
    entries = list(Entry.objects.values())

    with pytest.raises(StaffRefusal):
        staff_acts.request(verb, row, actor=boss, reason="已核实", **arguments)

    assert list(Entry.objects.values()) == entries
    assert StaffRequest.objects.count() == 1


@pytest.mark.parametrize("verb", staff_acts.VERBS)
def test_each_verb_needs_its_permission_a_reason_and_its_parameters(provider, boss, verb):
    row, arguments = prepare(verb, provider)
    before = books.everything()
    nobody = make_user(is_staff=True)
    user = make_user()
    user.user_permissions.set(Permission.objects.all())
    wrong = [
        (nobody, "已核实", arguments),
        (user, "已核实", arguments),
        (boss, "  ", arguments),
        (boss, "已核实", arguments | {"x": "1"}),
    ]
    wrong += [(boss, "已核实", {name: "nobody"}) for name in arguments]

    for actor, reason, given in wrong:
        with pytest.raises(StaffRefusal):
            staff_acts.request(verb, row, actor=actor, reason=reason, **given)

    after = books.everything()
    del before["accounts.User"], after["accounts.User"]
    assert after == before


def test_what_was_declined_does_nothing_and_can_be_asked_again(provider, settings, boss, other):
    settings.STAFF_DOUBLE_CHECK_FEN = 0
    order = paid(provider)
    first = staff_acts.request("refund_order", order, actor=boss, reason="x")

    declined = staff_acts.decline(first, actor=other)

    assert (declined.state, declined.decided_by) == ("declined", other)
    assert Order.objects.get().status == Status.PAID
    withdrawn = staff_acts.decline(
        staff_acts.request("refund_order", order, actor=boss, reason="x"), actor=boss
    )
    assert (withdrawn.state, withdrawn.decided_by) == ("declined", None)
    staff_acts.approve(
        staff_acts.request("refund_order", order, actor=boss, reason="x"), actor=other
    )
    assert Order.objects.get().status == Status.CANCELLED


def test_an_amount_that_changed_while_it_waited_is_not_approved(provider, settings, boss, other):
    settings.STAFF_DOUBLE_CHECK_FEN = 0
    order = paid(provider)
    waiting = staff_acts.request("refund_order", order, actor=boss, reason="x")
    staff_acts.approve(
        staff_acts.request(
            "accept_console_refund",
            console_part(provider, order),
            actor=boss,
            reason="x",
            bearer="platform",
        ),
        actor=other,
    )

    with pytest.raises(StaffRefusal, match="金额已经改变"):
        staff_acts.approve(waiting, actor=other)


def console_part(provider, order):
    made = provider.console_refund(order.paid_with.charge_id, 500)
    provider.deliver_all("refund.succeeded")
    return Discrepancy.objects.get(refund_id=made["id"])


def test_the_database_refuses_that_one_member_decides_alone(boss):
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffRequest.objects.create(
            verb="keep_suspense",
            target_id=1,
            amount_fen=1,
            reason="x",
            requested_by=boss,
            decided_by=boss,
            state="done",
            decided_at=timezone.now(),
        )


@pytest.mark.parametrize("status", [s for s in Status if s not in (3, 4, 5)])
def test_only_served_orders_are_refunded_without_being_cancelled(boss, status):
    order = order_in(status)
    before = books.everything()

    with pytest.raises(StaffRefusal, match="不能退款：订单须已回答或已完成"):
        staff_acts.request("refund_completed", order, actor=boss, reason="x", bearer="platform")

    assert books.everything() == before


@pytest.mark.parametrize("status", [Status.ANSWERED, Status.FINISHED, Status.EVALUATED])
@pytest.mark.parametrize("bearer", ["doctor", "platform"])
def test_a_served_order_is_refunded_and_keeps_its_status(settings, boss, status, bearer):
    settings.PLATFORM_SHARE_PERCENT = 20
    order = order_in(status)

    staff_acts.request("refund_completed", order, actor=boss, reason="投诉", bearer=bearer)

    order.refresh_from_db()
    assert order.status == status
    assert books.wallet(order.patient.user) == 1500
    income = books.balances().get(f"earnings:{order.doctor.user_id}", 0)
    is_released = status != Status.ANSWERED
    assert income == (1200 if bearer == "platform" and is_released else 0)


def test_a_served_monthly_orders_refund_ends_what_runs_of_its_period(boss):
    order = order_in(Status.ANSWERED, order_type=OrderType.MONTHLY)

    staff_acts.request("refund_completed", order, actor=boss, reason="投诉", bearer="platform")

    order.period.refresh_from_db()
    assert order.period.refunded_at is not None


def test_a_definite_refusal_fails_the_refund_and_each_way_out_ends_it(provider, boss):
    for verb, means, ends in (
        ("refund_to_balance", RefundMeans.BALANCE, "wallet"),
        ("settle_refund_outside", RefundMeans.OUTSIDE, "bank"),
        ("retry_refund", RefundMeans.CHANNEL, ""),
    ):
        row = failed_refund(provider)
        assert row.status == RefundStatus.FAILED
        staff_acts.request(verb, row, actor=boss, reason="x")
        provider.sandbox.clear_faults()
        drain()
        row.refresh_from_db()
        assert (row.status, row.means) == (RefundStatus.SUCCEEDED, means)
        if ends == "wallet":
            assert books.wallet(row.payment.payer) == 1500
        if ends == "bank":
            assert books.balances()["bank"] == 1500


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_a_refusal_that_may_pass_leaves_the_refund_open(provider, status):
    order = paid(provider)
    refund(order)
    provider.sandbox.fault("status", "refund.create", status=status)

    refund_outbox.send_due()

    assert Refund.objects.get().status == RefundStatus.OPEN


def test_held_money_is_given_to_an_order_by_way_of_its_patients_balance(provider, boss):
    row, order = held(provider), people.new_order()

    staff_acts.request("assign_suspense", row, actor=boss, reason="x", to=order.order_number)

    order.refresh_from_db()
    row.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, "balance")
    assert row.resolution == SuspenseResolution.ASSIGNED
    assert books.balances() == {"clearing:alipay": -1500, "in_transit": 1500}
    books.assert_whole(provider)


def test_held_money_is_not_given_to_an_order_that_waits_for_none(provider, boss):
    row, order = held(provider), order_in(Status.PAID)
    before = books.everything()

    with pytest.raises(StaffRefusal, match="订单须待支付"):
        staff_acts.request("assign_suspense", row, actor=boss, reason="x", to=order.order_number)

    assert books.everything() == before


def test_held_money_whose_refund_is_refused_is_undecided_again(provider, boss):
    row = held(provider)
    provider.reject_refunds(row.charge_id)
    staff_acts.request("refund_suspense", row, actor=boss, reason="x")
    refund_outbox.send_due()

    row.refresh_from_db()
    assert (row.resolution, row.resolved_at) == ("", None)
    assert books.balances()["suspense"] == 1500
    books.assert_whole(provider)
    staff_acts.request("keep_suspense", row, actor=boss, reason="x")
    assert books.balances() == {"clearing:alipay": -1500, "platform": 1500}
    books.assert_whole(provider)


def test_a_late_success_of_a_refund_given_up_for_held_money_is_a_difference(provider, boss):
    row = held(provider)
    provider.sandbox.script_refunds("refuse")
    staff_acts.request("refund_suspense", row, actor=boss, reason="x")
    refund_outbox.send_due()
    staff_acts.request("keep_suspense", row, actor=boss, reason="x")
    failed = provider.sandbox.refunds.page(row.charge_id, {})["data"][0]

    provider.deliver(provider.sandbox.event("refund.succeeded", failed | {"status": "succeeded"}))

    assert Discrepancy.objects.get().kind == "refund_unknown"
    assert books.balances() == {"clearing:alipay": -1500, "platform": 1500}


def test_a_payout_returns_the_clearing_account_to_zero(provider, boss):
    row = payout(provider)

    staff_acts.request("book_payout", row, actor=boss, reason="对账单")

    assert books.balances() == {"bank": -1490, "platform": -10, "in_transit": 1500}


def test_money_that_comes_late_and_cannot_go_back_has_a_way_out_too(provider, boss):
    order = people.new_order()
    charge = people.charge_for(order)
    Order.objects.filter(pk=order.pk).update(status=Status.CANCELLED)
    provider.reject_refunds(charge["id"])
    provider.pay_and_tell(charge["id"])
    refund_outbox.send_due()
    row = Refund.objects.get()
    assert row.status == RefundStatus.FAILED

    staff_acts.request("refund_to_balance", row, actor=boss, reason="x")

    assert books.wallet(order.patient.user) == 1500
    assert (
        settle(PaidCharge(charge["id"], charge["order_no"], "alipay", 1500, timezone.now()))
        == "repeated"
    )


@pytest.mark.postgres
def test_what_an_order_s_refund_moves_is_read_under_its_lock(boss, settings):
    """So that one paid in that instant does not pass for one of 0.00 元."""
    settings.STAFF_DOUBLE_CHECK_FEN = 1
    order = order_in(Status.PAID)

    with impatient(), locked_elsewhere(order), pytest.raises(OperationalError):
        staff_acts.request("refund_order", order, actor=boss, reason="x")

    assert not StaffRequest.objects.exists()
