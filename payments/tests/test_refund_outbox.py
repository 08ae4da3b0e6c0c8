"""Refunds on their way to the provider: sent once, looked for first, asked about until final."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from api import failpoints
from api.errors import CannotRefund
from payments import refund_outbox, refunds
from payments.models import Discrepancy, Refund, RefundStatus
from qaorder import worklist
from tests.support import books, people
from tests.support.people import refund

pytestmark = pytest.mark.django_db(transaction=True)


def owed(provider, channel="alipay"):
    """A refund that waits to be sent."""
    order = people.new_order()
    people.pay_remotely(provider, order, channel)
    return refund(order)


class Killed(BaseException):
    """The process is gone at this point."""


def die():
    raise Killed


def due_again(row):
    """Its next try is now."""
    Refund.objects.filter(pk=row.pk).update(next_try_at=timezone.now())
    return row


def seconds_to_next_try(row):
    row.refresh_from_db()
    return (row.next_try_at - timezone.now()).total_seconds()


def sent_and_lost(provider, row, kind="drop"):
    """The refund was made, but its answer never came."""
    provider.sandbox.fault(kind, "refund.create", commit=True)
    refund_outbox.send_due()
    provider.sandbox.clear_faults()
    row.refresh_from_db()
    assert row.refund_id is None
    return due_again(row)


def test_alipay_gives_the_money_back_at_once(provider):
    row = owed(provider)

    assert refund_outbox.send_due() == 1

    row.refresh_from_db()
    made = provider.refunds()
    assert [(m["charge"], m["amount"]) for m in made] == [(row.payment.charge_id, 1500)]
    assert made[0]["metadata"] == {"refund": str(row.pk), "attempt": "1"}
    assert (row.status, row.refund_id) == (RefundStatus.SUCCEEDED, made[0]["id"])
    assert row.finished_at is not None
    assert books.balances() == {}
    books.assert_whole()


def test_a_finished_refund_is_not_looked_at_again(provider):
    row = owed(provider)
    refund_outbox.send_due()
    before = books.everything()

    due_again(row)
    assert refund_outbox.send_due() == 0

    after = books.everything()
    del before["payments.Refund"], after["payments.Refund"]
    assert after == before
    assert len(provider.refunds()) == 1


@pytest.mark.parametrize("told_by", ["notice", "polling"])
def test_wechat_takes_its_time_and_tells_by_notice_or_when_asked(provider, told_by):
    row = owed(provider, "wx")
    provider.sandbox.script_refunds("pending")
    refund_outbox.send_due()
    row.refresh_from_db()
    assert (row.status, row.refund_id) == (RefundStatus.OPEN, provider.refunds()[0]["id"])
    assert books.balances()["in_transit"] == 1500

    provider.sandbox.settle_refund(row.refund_id)
    if told_by == "notice":
        provider.deliver_all("refund.succeeded")
    else:
        due_again(row)
        refund_outbox.send_due()

    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    assert len(provider.refunds()) == 1
    assert books.balances() == {}
    assert books.postings()["refund"] == 1


def test_a_refund_still_pending_is_asked_about_later_and_later(provider):
    row = owed(provider, "wx")
    provider.sandbox.script_refunds("pending")
    waits = []
    for _ in range(4):
        refund_outbox.send_due()
        waits.append(seconds_to_next_try(row))
        due_again(row)

    assert waits == sorted(waits)
    assert waits[3] > waits[0]
    assert row.status == RefundStatus.OPEN
    assert len(provider.refunds()) == 1


def test_the_wait_between_tries_doubles_up_to_an_hour():
    waits = [worklist.backoff(tries).total_seconds() for tries in range(1, 40)]

    assert waits[:4] == [30, 60, 120, 240]
    assert waits == sorted(waits)
    assert max(waits) == 3600


@pytest.mark.parametrize("fault", ["drop", "status", "hang", "garbage"])
def test_a_provider_that_is_down_is_tried_again_and_refunds_once(provider, settings, fault):
    settings.PINGPP_DEADLINE = 1.0
    row = owed(provider)
    provider.sandbox.fault(fault, times=None)
    refund_outbox.send_due()
    row.refresh_from_db()
    assert (row.status, row.tries) == (RefundStatus.OPEN, 1)
    assert row.failure_code
    assert seconds_to_next_try(row) > 3
    assert provider.refunds() == []
    assert refund_outbox.send_due() == 0

    provider.sandbox.clear_faults()
    due_again(row)
    refund_outbox.send_due()

    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    assert row.failure_code == ""
    assert len(provider.refunds()) == 1


@pytest.mark.parametrize("kind", ["drop", "garbage", "status", "null", "no_message"])
def test_a_refund_whose_answer_was_lost_is_found_and_not_made_again(provider, kind):
    row = owed(provider, "wx")
    provider.sandbox.script_refunds("pending", times=None)
    sent_and_lost(provider, row, kind)
    assert len(provider.refunds()) == 1

    refund_outbox.send_due()

    row.refresh_from_db()
    assert len(provider.refunds()) == 1
    assert row.refund_id == provider.refunds()[0]["id"]
    provider.sandbox.settle_refund(row.refund_id)
    provider.deliver_all("refund.succeeded")
    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    assert books.balances() == {}


def test_a_refund_that_finished_while_its_answer_was_lost_is_recognised(provider):
    row = owed(provider)
    sent_and_lost(provider, row)

    refund_outbox.send_due()

    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    assert row.refund_id == provider.refunds()[0]["id"]
    assert len(provider.refunds()) == 1


def test_while_the_provider_cannot_be_asked_a_refund_is_not_sent_again(provider):
    row = owed(provider)
    sent_and_lost(provider, row)
    provider.sandbox.fault("status", "refund.list", times=None, status=503)

    refund_outbox.send_due()

    row.refresh_from_db()
    assert row.status == RefundStatus.OPEN
    assert len(provider.refunds()) == 1


def test_somebody_elses_refund_of_the_same_charge_is_not_taken_for_ours(provider):
    row = owed(provider)
    Refund.objects.filter(pk=row.pk).update(sent_at=timezone.now())
    other = provider.sandbox.refund(
        row.payment.charge_id, amount=100, description="手工", metadata={"refund": "0"}
    )
    provider.sandbox.refund(row.payment.charge_id, amount=100, description="手工", metadata={})

    refund_outbox.send_due()

    row.refresh_from_db()
    # What is left is less than the whole, so the provider refuses and staff have to look.
    assert row.refund_id != other["id"]
    assert row.status == RefundStatus.FAILED
    assert row.failure_code
    assert Discrepancy.objects.filter(kind="refund_unknown", resolved_at=None).count() == 2
    assert books.balances()["in_transit"] == 1500


def test_a_death_between_sending_and_recording_refunds_once(provider):
    row = owed(provider)

    failpoints.hooks["refund.sent"] = die
    with pytest.raises(Killed):
        refund_outbox.send_due()
    failpoints.hooks.clear()
    assert refund_outbox.send_due() == 0
    due_again(row)
    refund_outbox.send_due()

    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    assert len(provider.refunds()) == 1
    assert books.postings()["refund"] == 1


def test_a_claimed_refund_is_left_alone_by_other_copies(provider):
    row = owed(provider)
    counts = []

    def another_copy():
        failpoints.hooks.clear()
        counts.append(refund_outbox.send_due())

    failpoints.hooks["refund.claimed"] = another_copy
    counts.append(refund_outbox.send_due())

    assert counts == [0, 1]
    assert len(provider.refunds()) == 1
    row.refresh_from_db()
    assert row.tries == 1


def test_a_refusal_by_the_channel_is_kept_for_staff_who_can_send_it_again(provider):
    row = owed(provider)
    provider.sandbox.script_refunds("refuse")
    refund_outbox.send_due()
    row.refresh_from_db()
    assert (row.status, row.failure_code) == (RefundStatus.FAILED, "refund_refused_msg")
    assert row.failure_msg == "退款失败: 未结算资金不足"
    assert row.finished_at is not None
    assert books.balances()["in_transit"] == 1500
    assert refund_outbox.send_due() == 0

    assert refunds.retry(row)
    refund_outbox.send_due()

    row.refresh_from_db()
    assert (row.status, row.failure_code, row.failure_msg) == (RefundStatus.SUCCEEDED, "", "")
    assert [made["status"] for made in provider.refunds()] == ["failed", "succeeded"]
    assert row.refund_id == provider.refunds()[1]["id"]
    assert books.balances() == {}
    assert books.postings()["refund"] == 1


@pytest.mark.parametrize("status", [RefundStatus.OPEN, RefundStatus.SUCCEEDED])
def test_only_a_failed_refund_is_sent_again(provider, status):
    row = owed(provider)
    if status == RefundStatus.SUCCEEDED:
        refund_outbox.send_due()
    before = books.everything()

    with pytest.raises(CannotRefund):
        refunds.retry(row)

    assert books.everything() == before


def test_a_late_word_about_the_failed_try_does_not_end_the_new_one(provider):
    row = owed(provider)
    provider.sandbox.script_refunds("refuse")
    refund_outbox.send_due()
    failed = provider.sandbox.refunds.page(row.payment.charge_id, {})["data"][0]
    refunds.retry(row)
    provider.sandbox.script_refunds("pending")
    refund_outbox.send_due()

    provider.deliver(provider.sandbox.event("refund.failed", failed))

    row.refresh_from_db()
    assert row.status == RefundStatus.OPEN
    assert row.refund_id == provider.refunds()[1]["id"]


def test_a_refund_that_waits_for_somebody_keeps_the_address_to_open(provider):
    row = owed(provider)
    provider.sandbox.script_refunds("wait")

    refund_outbox.send_due()

    row.refresh_from_db()
    assert (row.status, row.failure_code) == (RefundStatus.OPEN, "refund_wait_operation")
    assert "https://mapi.alipay.com/gateway.do?" in row.failure_msg
    provider.sandbox.settle_refund(row.refund_id)
    due_again(row)
    refund_outbox.send_due()
    row.refresh_from_db()
    assert (row.status, row.failure_msg) == (RefundStatus.SUCCEEDED, "")


def test_a_pending_refund_that_fails_later_is_shown_to_staff(provider):
    row = owed(provider, "wx")
    provider.sandbox.script_refunds("pending")
    refund_outbox.send_due()
    provider.sandbox.settle_refund(provider.refunds()[0]["id"], "failed")
    due_again(row)

    refund_outbox.send_due()

    row.refresh_from_db()
    assert (row.status, row.failure_code) == (RefundStatus.FAILED, "refund_failed")


@pytest.mark.parametrize(("early", "handled"), [(1, 0), (0, 1), (-1, 1)])
def test_a_refund_is_sent_when_its_time_has_come_and_not_before(provider, early, handled):
    row = owed(provider)
    now = timezone.now()
    Refund.objects.filter(pk=row.pk).update(next_try_at=now + timedelta(seconds=early))

    with time_machine.travel(now, tick=False):
        assert refund_outbox.send_due() == handled


def test_one_refund_that_is_refused_does_not_hold_up_the_others(provider):
    first, second = owed(provider), owed(provider)
    Refund.objects.filter(pk=first.pk).update(next_try_at=timezone.now() - timedelta(hours=1))
    provider.sandbox.fault("status", "refund.create", status=400)

    assert refund_outbox.send_due() == 2

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (RefundStatus.FAILED, RefundStatus.SUCCEEDED)


def test_the_provider_is_not_told_the_reason_which_may_be_medical(provider):
    row = owed(provider)
    Refund.objects.filter(pk=row.pk).update(reason="确诊肺结核")

    refund_outbox.send_due()

    shown = provider.sandbox.refunds.page(row.payment.charge_id, {})["data"][0]
    assert shown["description"] == "订单退款"
    assert "肺结核" not in str(shown)


def test_a_host_whose_clock_runs_ahead_does_not_send_a_refund_that_is_being_sent(provider):
    row = owed(provider)
    counts = []

    def another_host():
        failpoints.hooks.clear()
        with time_machine.travel(timezone.now() + timedelta(seconds=61)):
            counts.append(refund_outbox.send_due())

    failpoints.hooks["refund.claimed"] = another_host
    counts.append(refund_outbox.send_due())

    assert counts == [0, 1]
    row.refresh_from_db()
    assert (row.tries, row.leased_until) == (1, None)
    assert len(provider.refunds()) == 1


def test_the_lease_of_a_sender_that_died_ends_by_itself(provider):
    row = owed(provider)
    failpoints.hooks["refund.sent"] = die
    with pytest.raises(Killed):
        refund_outbox.send_due()
    failpoints.hooks.clear()
    hour = timedelta(hours=1)
    Refund.objects.update(next_try_at=timezone.now(), leased_until=timezone.now() + hour)
    assert refund_outbox.send_due() == 0

    Refund.objects.update(leased_until=timezone.now() - timedelta(seconds=1))

    assert refund_outbox.send_due() == 1
    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    assert len(provider.refunds()) == 1


def another_has_it(row, hours=1):
    """The lease was lost meanwhile, and another sender has the refund."""

    def take():
        failpoints.hooks.clear()
        until = timezone.now() + timedelta(hours=hours)
        Refund.objects.filter(pk=row.pk).update(leased_until=until)

    return take


def test_who_has_lost_the_lease_leaves_no_failure_and_does_not_give_back_what_is_not_his(provider):
    row = owed(provider)
    failpoints.hooks["refund.claimed"] = another_has_it(row)
    provider.sandbox.fault("status", "refund.create")

    refund_outbox.send_due()

    row.refresh_from_db()
    assert row.failure_code == ""
    assert row.leased_until > timezone.now()


def test_what_the_provider_did_is_recorded_even_by_who_has_lost_the_lease(provider):
    row = owed(provider)
    failpoints.hooks["refund.sent"] = another_has_it(row)

    refund_outbox.send_due()

    row.refresh_from_db()
    assert (row.status, row.refund_id) == (RefundStatus.SUCCEEDED, provider.refunds()[0]["id"])


def test_nothing_is_sent_past_the_end_of_the_lease(provider, settings):
    owed_row = owed(provider)
    settings.PINGPP_DEADLINE = 0.2
    failpoints.hooks["refund.asked"] = lambda: time.sleep(0.7)

    refund_outbox.send_due()

    owed_row.refresh_from_db()
    assert provider.refunds() == []
    assert owed_row.status == RefundStatus.OPEN


@pytest.mark.parametrize("kind", ["status", "hang"])
def test_refunds_that_cannot_be_sent_stop_no_other(provider, settings, kind):
    bad, good = [owed(provider) for _ in range(3)], owed(provider)
    Refund.objects.filter(pk=good.pk).update(next_try_at=timezone.now())
    bad_ones = Refund.objects.exclude(pk=good.pk)
    bad_ones.update(next_try_at=timezone.now() - timedelta(hours=1))
    settings.PINGPP_DEADLINE = 0.3 if kind == "hang" else 3.0
    provider.sandbox.fault(kind, "refund.create", times=3)

    refund_outbox.send_due()
    settings.PINGPP_DEADLINE = 3.0
    refund_outbox.send_due()

    good.refresh_from_db()
    assert good.status == RefundStatus.SUCCEEDED
    assert {row.pk for row in bad} == set(bad_ones.values_list("pk", flat=True))
    assert set(bad_ones.values_list("status", "tries")) == {(RefundStatus.OPEN, 1)}


def test_a_bug_at_one_refund_stops_no_other(provider):
    bad, good = owed(provider), owed(provider)
    Refund.objects.filter(pk=bad.pk).update(next_try_at=timezone.now() - timedelta(hours=1))

    def first_fails():
        failpoints.hooks.clear()
        raise RuntimeError

    failpoints.hooks["refund.claimed"] = first_fails

    assert refund_outbox.send_due() == 2

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, good.status) == (RefundStatus.OPEN, RefundStatus.SUCCEEDED)
    assert bad.leased_until is None


def test_a_backlog_of_refunds_is_sent_until_none_is_left(provider):
    for _ in range(25):
        owed(provider)

    assert refund_outbox.send_due() == 25

    assert set(Refund.objects.values_list("status", flat=True)) == {RefundStatus.SUCCEEDED}
