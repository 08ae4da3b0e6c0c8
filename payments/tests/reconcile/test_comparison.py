"""Comparing the provider's book with ours: what is mended, what is listed, what is left alone."""

import threading
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

import pingpp_client
from api import failpoints
from audit.runner import audit
from jobs import payments as sweeps
from jobs.runner import run_round
from payments import refund_outbox
from payments.models import (
    Comparison,
    Discrepancy,
    DiscrepancyKind,
    NoticeOutcome,
    Payment,
    PaymentState,
    Refund,
    RefundStatus,
    Resolution,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.reconcile import comparison
from pingpp_client import client
from qaorder import worklist
from qaorder.models import Order, Status
from tests.support import books
from tests.support.paying import pay_order
from tests.support.people import make_doctor, make_patient, place_order, refund

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(minutes=6)
"""By now nothing is in flight any more."""


def charged(channel="wx", patient=None, doctor=None):
    """A new order with a charge that can be paid."""
    order = place_order(patient or make_patient(), doctor or make_doctor())
    pay_order(order=order, channel=channel, payer=order.patient.user)
    return order, order.payments.get()


def paid(provider, channel="wx", **people):
    """A new order, paid by a charge whose notice arrived."""
    order, payment = charged(channel, **people)
    provider.pay_and_tell(payment.charge_id)
    payment.refresh_from_db()
    return order, payment


def stranger(provider, number, amount_fen=900):
    """Money collected in our app under a number that we never gave."""
    charge = provider.create_charge(number, amount=amount_fen)
    provider.pay(charge["id"])
    return charge["id"]


def later(by=LATER):
    return time_machine.travel(timezone.now() + by, tick=True)


def compare():
    """Compare everything of this test, as some minutes later."""
    with later():
        return comparison.compare(timezone.now() - timedelta(hours=1), timezone.now())


def kinds(report):
    return [row.kind for row in report.found]


def assert_clean():
    assert [str(finding.invariant) for finding in audit() if finding.rows] == []


def stretch(start, **columns):
    """A stretch of two hours that is to be compared."""
    row = {"end_at": start + comparison.SLICE, "compared_to": start, "next_try_at": start} | columns
    return Comparison.objects.create(start_at=start, **row)


@pytest.mark.parametrize("by", ["run_jobs", "reconcile"])
def test_without_any_notice_everything_ends_the_same(provider, by, capsys):
    orders = [charged(channel) for channel in ("wx", "alipay", "wx", "alipay", "wx")]
    for _, payment in orders:
        provider.pay(payment.charge_id)

    with later():
        run_round() if by == "run_jobs" else call_command("reconcile")

    for order, payment in orders:
        order.refresh_from_db()
        payment.refresh_from_db()
        assert (order.status, order.paid_with.pk) == (Status.PAID, payment.pk)
        assert order.channel == payment.channel
        assert payment.state == PaymentState.PAID
    assert_clean()


def test_a_missed_notice_is_mended_and_may_still_arrive(provider):
    order, payment = charged()
    provider.pay(payment.charge_id)

    report = compare()

    assert kinds(report) == [DiscrepancyKind.MISSED]
    assert report.found[0].resolution == Resolution.MENDED
    assert [reply.json()["outcome"] for reply in provider.deliver_all()] == [NoticeOutcome.REPEATED]
    order.refresh_from_db()
    assert order.status == Status.PAID
    assert kinds(compare()) == []
    assert_clean()


def test_sixty_payments_are_all_classified_and_none_falsely(provider):
    patient, doctor = make_patient(), make_doctor()
    expected = Counter()
    for number in range(58):
        order, payment = charged("wx" if number % 2 else "alipay", patient, doctor)
        provider.pay(payment.charge_id)
        if number < 20:
            expected[payment.charge_id, DiscrepancyKind.MISSED] += 1
            continue
        if number == 20:  # ours is wrong before the money is known
            Payment.objects.filter(pk=payment.pk).update(amount_fen=1)
        else:
            provider.deliver(provider.events("charge.succeeded")[-1])
        if number == 21:  # ours was changed afterwards
            Payment.objects.filter(pk=payment.pk).update(amount_fen=1)
        if number == 22:
            Payment.objects.filter(pk=payment.pk).update(channel="wx")
        if number in (20, 21, 22):
            expected[payment.charge_id, DiscrepancyKind.DIFFERS] += 1
    for number in ("5555555551", "5555555552"):
        expected[stranger(provider, number), DiscrepancyKind.STRANGER] += 1

    report = compare()

    assert Counter((row.charge_id, row.kind) for row in report.found) == expected
    assert sum(expected.values()) == 25
    assert len(report.charges) == 60
    assert SuspenseCharge.objects.count() == 3
    assert Order.objects.filter(status=Status.PAID).count() == 57


def test_money_of_another_charge_of_the_number_is_booked_and_refunded(provider):
    order, payment = paid(provider)
    twin = provider.sandbox.charges.stored(payment.charge_id) | {"id": "ch_twin"}
    provider.sandbox.store.run(
        "INSERT INTO charges (id, order_no, app, channel, created, doc) "
        "SELECT ?, order_no, app, channel, created, doc FROM charges WHERE id = ?",
        twin["id"],
        payment.charge_id,
    )
    provider.sandbox.charges.save(twin)

    report = compare()

    assert kinds(report) == [DiscrepancyKind.MISSED]
    assert Refund.objects.get().payment == Payment.objects.get(duplicate_of=payment)
    assert_clean()


def test_money_held_for_a_wrong_notice_still_pays_once_the_provider_says_the_right_amount(provider):
    order, payment = charged()
    charge = provider.sandbox.charges.stored(payment.charge_id)
    wrong = charge | {"paid": True, "amount": 1, "time_paid": charge["created"]}
    provider.deliver(provider.sandbox.event("charge.succeeded", wrong))
    assert SuspenseCharge.objects.get().amount_fen == 1
    provider.pay(payment.charge_id)

    report = compare()

    assert kinds(report) == [DiscrepancyKind.MISSED]
    order.refresh_from_db()
    assert order.status == Status.PAID
    assert SuspenseCharge.objects.get().resolution == SuspenseResolution.CORRECTED
    assert "suspense" not in books.balances()
    assert [finding.invariant.code for finding in audit() if finding.rows] == []


def test_a_payment_the_provider_does_not_have_is_listed(provider):
    _, payment = paid(provider)
    provider.sandbox.store.run("DELETE FROM charges WHERE id = ?", payment.charge_id)

    [row] = compare().found

    assert (row.kind, row.charge_id) == (DiscrepancyKind.ABSENT, payment.charge_id)
    assert (row.our_amount_fen, row.provider_amount_fen) == (1500, None)
    assert row.resolved_at is None


def test_a_payment_the_provider_calls_unpaid_is_listed(provider):
    _, payment = charged()
    Payment.objects.filter(pk=payment.pk).update(
        state=PaymentState.PAID, paid_at=timezone.now() - LATER
    )

    [row] = compare().found

    assert (row.kind, row.provider_amount_fen) == (DiscrepancyKind.UNPAID, 1500)


def test_what_is_in_flight_is_left_alone(provider):
    order, payment = charged()
    provider.pay(payment.charge_id)
    now = timezone.now()

    report = comparison.compare(now - timedelta(hours=1), now + timedelta(seconds=5))
    with later(timedelta(minutes=10)):
        recent = charged()[1]
        provider.pay(recent.charge_id)
        both = comparison.compare(now - timedelta(hours=1), timezone.now())

    assert report.found == []
    assert [row.charge_id for row in both.found] == [payment.charge_id]
    recent.refresh_from_db()
    assert recent.state == PaymentState.PENDING


def test_a_charge_made_early_and_paid_just_now_is_left_to_its_notice(provider):
    _, payment = charged()

    with later(timedelta(minutes=30)):
        provider.pay(payment.charge_id)
        report = comparison.compare(timezone.now() - timedelta(hours=1), timezone.now())

    assert (report.found, report.charges) == ([], set())


def test_a_refund_whose_result_was_missed_is_mended(provider):
    order, payment = paid(provider)
    order.refresh_from_db()
    refund(order)
    provider.sandbox.script_refunds("pending")
    refund_outbox.send_due()
    [there] = provider.refunds()
    provider.sandbox.settle_refund(there["id"])

    report = compare()

    assert kinds(report) == [DiscrepancyKind.REFUND_MISSED]
    assert Refund.objects.get().status == RefundStatus.SUCCEEDED
    assert_clean()


def test_a_refund_made_behind_our_back_is_listed(provider):
    _, payment = paid(provider)
    there = provider.sandbox.refund(payment.charge_id, description="控制台", amount=100)

    [row] = compare().found

    assert row.kind == DiscrepancyKind.REFUND_UNKNOWN
    assert (row.refund_id, row.provider_amount_fen) == (there["id"], 100)


def test_a_failed_refund_there_is_no_difference(provider):
    _, payment = paid(provider)
    provider.sandbox.script_refunds("refuse")
    provider.sandbox.refund(payment.charge_id, description="控制台")

    assert compare().found == []


def test_a_refund_the_provider_does_not_have_is_listed(provider):
    order, payment = paid(provider)
    order.refresh_from_db()
    refund(order)
    refund_outbox.send_due()
    [there] = provider.refunds()
    provider.sandbox.settle_refund(there["id"])
    provider.deliver_all("refund.succeeded")
    provider.sandbox.store.run("DELETE FROM refunds WHERE id = ?", there["id"])

    [row] = compare().found

    assert (row.kind, row.our_amount_fen) == (DiscrepancyKind.REFUND_ABSENT, 1500)


def test_a_refund_of_another_amount_is_listed(provider):
    order, payment = paid(provider)
    order.refresh_from_db()
    ours = refund(order)
    provider.sandbox.refund(
        payment.charge_id, description="x", amount=100, metadata={"refund": str(ours.pk)}
    )

    [row] = compare().found

    assert row.kind == DiscrepancyKind.REFUND_DIFFERS
    assert (row.our_amount_fen, row.provider_amount_fen) == (1500, 100)
    ours.refresh_from_db()
    assert ours.status == RefundStatus.OPEN


def test_a_refund_of_an_older_charge_is_compared_too(provider):
    order, payment = paid(provider)
    Payment.objects.filter(pk=payment.pk).update(created_at=timezone.now() - timedelta(days=9))
    provider.sandbox.store.run("UPDATE charges SET created = created - 777600")
    order.refresh_from_db()
    refund(order)
    provider.sandbox.script_refunds("pending")
    refund_outbox.send_due()
    provider.sandbox.settle_refund(provider.refunds()[0]["id"])

    assert kinds(compare()) == [DiscrepancyKind.REFUND_MISSED]


def test_a_difference_is_kept_once_closed_when_gone_and_opened_again(provider):
    _, payment = paid(provider)
    rows = Payment.objects.filter(pk=payment.pk)
    rows.update(amount_fen=1)
    [first] = compare().found
    rows.update(amount_fen=1500)
    assert compare().gone == 1
    first.refresh_from_db()
    assert first.resolution == Resolution.GONE
    rows.update(amount_fen=2)

    [again] = compare().found

    assert again.pk == first.pk
    assert (again.resolution, again.resolved_at, again.our_amount_fen) == ("", None, 2)
    assert again.first_seen_at == first.first_seen_at
    assert Discrepancy.objects.count() == 1


def test_what_staff_resolved_stays_resolved(provider):
    charge_id = stranger(provider, "5555555553")
    compare()
    Discrepancy.objects.filter(charge_id=charge_id).update(
        resolved_at=timezone.now(), resolution=Resolution.STAFF
    )

    compare()

    assert Discrepancy.objects.get().resolution == Resolution.STAFF
    assert SuspenseCharge.objects.count() == 1


def test_a_stretch_with_too_much_to_list_is_halved(provider, monkeypatch):
    monkeypatch.setattr(client, "PAGE_SIZE", 1)
    monkeypatch.setattr(client, "MAX_PAGES", 2)
    ids = {stranger(provider, f"666666666{number}") for number in range(5)}
    for number, charge_id in enumerate(sorted(ids)):
        provider.sandbox.store.run(
            "UPDATE charges SET created = created - ? WHERE id = ?", number * 100, charge_id
        )

    assert compare().charges == ids


def test_the_command_lists_what_staff_must_see_and_fails(provider, capsys):
    charge_id = stranger(provider, "5555555554")

    with later(), pytest.raises(CommandError, match="1 项差异"):
        call_command("reconcile", hours=1)

    shown = capsys.readouterr().out
    assert f"stranger  {charge_id}" in shown
    assert "9.00" in shown


def test_the_command_takes_a_day_of_our_time_zone(provider, capsys):
    _, payment = charged()
    provider.pay(payment.charge_id)
    today = timezone.localdate()

    with later(timedelta(days=1)):
        call_command("reconcile", day=str(today - timedelta(days=1)))
        assert not Discrepancy.objects.exists()
        payment.refresh_from_db()
        state_before = payment.state
        call_command("reconcile", day=str(today))

    payment.refresh_from_db()
    # The day before had no such charge, but the silent attempt was asked about.
    assert (state_before, payment.state) == (PaymentState.PAID, PaymentState.PAID)


@pytest.mark.parametrize("options", [{"day": "2026-02-30"}, {"day": "today"}, {"hours": 0}])
def test_the_command_refuses_a_bad_stretch(options):
    with pytest.raises(CommandError, match="--"):
        call_command("reconcile", **options)


def test_the_command_says_that_the_provider_is_away(provider):
    provider.sandbox.fault("status", "charge.list")

    with pytest.raises(CommandError, match="渠道不可用"):
        call_command("reconcile")


def test_each_stretch_of_two_days_is_compared_once_an_hour(provider):
    def listings():
        return provider.sandbox.state()["requests"].get("charge.list", 0)

    before = listings()
    with time_machine.travel("2026-03-01T11:30:00Z"):
        run_round()
        run_round()
    assert listings() - before == Comparison.objects.count() == 25
    with time_machine.travel("2026-03-01T12:20:00Z"):
        run_round()
    assert listings() - before == Comparison.objects.count() == 26

    with time_machine.travel("2026-03-01T12:31:00Z"):
        run_round()

    assert listings() - before == 26 + 25


def test_run_jobs_finds_what_no_inquiry_can(provider):
    charge_id = stranger(provider, "5555555555")

    with later():
        run_round()

    assert Discrepancy.objects.get().charge_id == charge_id
    assert_clean()


def test_a_provider_that_is_away_is_asked_again_after_five_minutes(provider):
    charge_id = stranger(provider, "5555555556")
    provider.sandbox.fault("status", "charge.list", times=None)
    with later():
        run_round()
    assert provider.sandbox.state()["requests"]["charge.list"]
    provider.sandbox.clear_faults()

    with later(LATER * 2):
        run_round()

    assert Discrepancy.objects.get().charge_id == charge_id


@pytest.mark.races
def test_of_many_copies_one_compares_a_stretch(provider):
    barrier = threading.Barrier(4)
    claims = []
    now = timezone.now()
    stretch(now - timedelta(hours=2))

    def copy():
        try:
            barrier.wait()
            claims.append(sweeps._claim_stretch(now) is not None)
        finally:
            connection.close()

    threads = [threading.Thread(target=copy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claims) == [False, False, False, True]


@pytest.mark.races
def test_comparing_while_the_notices_arrive_books_everything_once(provider):
    patient, doctor = make_patient(), make_doctor()
    for _ in range(6):
        provider.pay(charged(patient=patient, doctor=doctor)[1].charge_id)
    events = provider.events("charge.succeeded")
    replies = []

    def notices():
        try:
            replies.extend(provider.deliver(event).status_code for event in events)
        finally:
            connection.close()

    thread = threading.Thread(target=notices)
    thread.start()
    report = compare()
    thread.join()

    assert replies == [200] * 6
    assert set(kinds(report)) <= {DiscrepancyKind.MISSED}
    assert Order.objects.filter(status=Status.PAID).count() == 6
    assert_clean()


class Crash(BaseException):
    """The process is gone at this point."""


def crash():
    raise Crash


def end_leases():
    """They go by the database's clock, which no test moves."""
    Payment.objects.update(leased_until=None)


@pytest.mark.parametrize(
    ("point", "ends_as"),
    [
        ("pay.attempt_written", PaymentState.FAILED),
        ("pay.charge_created", PaymentState.PENDING),
    ],
)
def test_an_attempt_left_by_a_crash_is_closed_within_two_minutes(provider, point, ends_as):
    order = place_order(make_patient(), make_doctor())
    failpoints.hooks[point] = crash
    with pytest.raises(Crash):
        pay_order(order=order, channel="wx", payer=order.patient.user)
    failpoints.hooks.clear()
    end_leases()
    started = timezone.now()

    payment = order.payments.get()
    seconds = 0
    while payment.state == PaymentState.CREATING and seconds <= 120:
        seconds += 5  # the default JOBS_INTERVAL
        with time_machine.travel(started + timedelta(seconds=seconds), tick=True):
            run_round()
        payment.refresh_from_db()

    assert payment.state == ends_as
    assert seconds <= 60
    assert (payment.charge_id is None) == (ends_as == PaymentState.FAILED)


def test_a_charge_whose_answer_timed_out_is_found_and_its_money_booked(provider, settings):
    order = place_order(make_patient(), make_doctor())
    provider.sandbox.fault("hang", "charge.create", seconds=5.0, commit=True)
    with pytest.raises(Exception, match="渠道暂不可用"):
        pay_order(order=order, channel="wx", payer=order.patient.user)
    provider.sandbox.clear_faults()
    [charge] = provider.charges()
    provider.pay(charge["id"])

    with later(timedelta(seconds=60)):
        run_round()

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert order.payments.get().charge_id == charge["id"]
    assert_clean()


def test_many_silent_charges_do_not_keep_a_lost_attempt_waiting(provider):
    patient, doctor = make_patient(), make_doctor()
    for _ in range(3):
        charged(patient=patient, doctor=doctor)
    with later(timedelta(minutes=10)):
        order = place_order(patient, doctor)
        failpoints.hooks["pay.charge_created"] = crash
        with pytest.raises(Crash):
            pay_order(order=order, channel="wx", payer=patient.user)
        failpoints.hooks.clear()
        end_leases()

    asked = []
    failpoints.hooks["sweep.inquired"] = lambda: asked.append(order.payments.get().state)
    with later(timedelta(minutes=10, seconds=40)):
        sweeps.inquire_about_silent()

    assert asked[0] == PaymentState.CREATING
    assert asked[1:] == [PaymentState.PENDING] * 3


def made_at(provider, moment, number):
    """A stranger's money, collected at this time; its charge."""
    charge_id = stranger(provider, number)
    created = int(moment.timestamp())
    store = provider.sandbox.store
    store.run("UPDATE charges SET created = ? WHERE id = ?", created, charge_id)
    return charge_id


def test_after_a_standstill_of_three_days_all_three_are_compared_the_oldest_first(provider):
    run_round()
    now = timezone.now()
    oldest = made_at(provider, now + timedelta(hours=3), "5555555561")
    newest = made_at(provider, now + timedelta(hours=70), "5555555562")
    assert sweeps.compared_to() > now - timedelta(hours=1)

    with later(timedelta(hours=72)):
        assert sweeps.is_behind()
        sweeps.compare_books()
        assert not sweeps.is_behind()

    rows = Discrepancy.objects.order_by("pk").values_list("charge_id", flat=True)
    assert list(rows) == [oldest, newest]


def test_a_standstill_is_made_up_for_in_as_many_rounds_as_it_takes(provider, monkeypatch):
    start = timezone.now() - timedelta(hours=80)
    stretch(start)
    turns = iter([[None] * 3] * 20)
    monkeypatch.setattr(worklist, "turns", lambda *_: next(turns))
    reached = []

    while not reached or sweeps.is_behind():
        sweeps.compare_books()
        reached.append(sweeps.compared_to())

    assert reached[0] == start + 3 * comparison.SLICE
    assert reached == sorted(reached)
    assert len(reached) <= 14


def test_what_is_older_than_two_days_and_compared_is_not_compared_again(provider):
    row = stretch(timezone.now() - timedelta(hours=60))
    recent = stretch(timezone.now() - timedelta(hours=10))

    sweeps.compare_books()

    row.refresh_from_db()
    recent.refresh_from_db()
    assert (row.next_try_at, row.compared_to) == (None, row.end_at)
    assert recent.next_try_at > timezone.now()


def test_one_charge_that_cannot_be_read_is_noted_and_everything_else_compared(provider):
    payments = [paid(provider)[1] for _ in range(4)]
    for payment in payments:
        row = "DELETE FROM charges WHERE id = ?"
        provider.sandbox.store.run(row, payment.charge_id)
    stranger(provider, "5555555571")
    provider.sandbox.fault("status", "charge.retrieve", status=500)

    with later():
        run_round()
        assert not sweeps.is_behind()

    assert Counter(Discrepancy.objects.values_list("kind", flat=True)) == {
        DiscrepancyKind.UNREADABLE: 1,
        DiscrepancyKind.ABSENT: 3,
        DiscrepancyKind.STRANGER: 1,
    }
    assert set(Comparison.objects.values_list("failures", flat=True)) == {0}


def test_a_charge_that_can_be_read_again_is_no_difference_any_more(provider):
    _, payment = paid(provider)
    # So that it is asked for singly, as one that the list does not show.
    provider.sandbox.store.run("UPDATE charges SET paid = 0 WHERE id = ?", payment.charge_id)
    provider.sandbox.fault("status", "charge.retrieve", status=500)
    assert kinds(compare()) == [DiscrepancyKind.UNREADABLE]

    assert compare().found == []

    assert Discrepancy.objects.get().resolution == Resolution.GONE


def test_a_charge_whose_refunds_cannot_be_read_keeps_its_other_differences(provider):
    _, payment = paid(provider)
    Payment.objects.filter(pk=payment.pk).update(amount_fen=1)
    charge = provider.sandbox.charges.stored(payment.charge_id)
    provider.sandbox.charges.save(charge | {"refunds": None})
    compare()
    provider.sandbox.fault("status", "refund.list", times=None)
    Payment.objects.filter(pk=payment.pk).update(amount_fen=1500)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            comparison, "_refunds_of", lambda charge: pingpp_client.list_refunds(charge["id"])
        )
        compare()

    open_kinds = Discrepancy.objects.filter(resolved_at=None).values_list("kind", flat=True)
    assert set(open_kinds) == {DiscrepancyKind.DIFFERS, DiscrepancyKind.UNREADABLE}


def test_if_no_charge_can_be_read_it_is_the_provider_that_is_at_fault(provider):
    for _ in range(comparison.MAX_UNREAD + 4):
        _, payment = paid(provider)
        provider.sandbox.store.run("DELETE FROM charges WHERE id = ?", payment.charge_id)
    provider.sandbox.fault("status", "charge.retrieve", times=None, status=500)

    with pytest.raises(pingpp_client.ProviderUnavailable):
        compare()
    assert Discrepancy.objects.count() == comparison.MAX_UNREAD + 1

    # Those are known by now: however many there are, the stretch comes to its end.
    assert len(compare().found) == comparison.MAX_UNREAD + 4


def test_a_stretch_that_fails_waits_and_the_others_are_compared(provider):
    bad = stretch(timezone.now() - timedelta(hours=30))
    good = stretch(timezone.now() - timedelta(hours=20))
    provider.sandbox.fault("status", "charge.list")

    sweeps.compare_books()

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.failures, bad.compared_to) == (1, bad.start_at)
    assert (good.failures, good.compared_to) == (0, good.end_at)
    assert bad.next_try_at > timezone.now()
    with later(timedelta(minutes=5)):
        sweeps.compare_books()
    bad.refresh_from_db()
    assert (bad.failures, bad.compared_to) == (0, bad.end_at)


@pytest.mark.parametrize(("hours", "alarms"), [(9, True), (5, False)])
def test_staff_hear_that_the_comparison_is_behind(provider, caplog, capsys, hours, alarms):
    stretch(timezone.now() - timedelta(hours=hours))
    provider.sandbox.fault("status", "charge.list", times=None)
    sweeps.compare_books()
    provider.sandbox.clear_faults()

    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert bool([one for one in errors if "books are compared" in one.getMessage()]) == alarms
    if alarms:
        with pytest.raises(CommandError, match="只对账到"):
            call_command("reconcile", hours=1)
    else:
        call_command("reconcile", hours=1)


def test_many_copies_lay_out_the_same_stretches(provider):
    now = timezone.now()
    for seconds in (0, 1, 61):
        sweeps._lay_out(now + timedelta(seconds=seconds))
        last = Comparison.objects.order_by("start_at").last()
        Comparison.objects.filter(pk=last.pk).delete()
    sweeps._lay_out(now)

    rows = list(Comparison.objects.order_by("start_at"))
    assert 24 <= len(rows) <= 26
    assert all(one.end_at == other.start_at for one, other in pairwise(rows))
    assert rows[0].start_at <= now - timedelta(hours=48)
    assert rows[-1].start_at <= now <= rows[-1].end_at
