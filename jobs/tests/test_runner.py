"""One round over all sweeps: each has its turn, one that fails does not stop the others."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken

from api import failpoints
from jobs import runner
from payments.models import Payment, Refund, RefundStatus
from qaorder import worklist
from qaorder.models import Order, OrderType, Status
from tests.support import books, people
from tests.support.people import age, make_user, order_in, refund

DAYS = timedelta(days=1)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_round_does_everything_that_is_owed(provider):
    expired = people.new_order(pay_deadline=timezone.now() - DAYS)
    unasked = age(order_in(Status.PAID), status_at=8 * DAYS)
    unanswered = age(order_in(Status.WAITING), status_at=3 * DAYS)
    answered = age(order_in(Status.ANSWERED), status_at=8 * DAYS)
    monthly = order_in(Status.PAID, order_type=OrderType.MONTHLY)
    type(monthly.period).objects.update(
        start_at=timezone.now() - 31 * DAYS, end_at=timezone.now() - DAYS
    )
    age(monthly, status_at=31 * DAYS)
    silent = people.new_order()
    provider.pay(people.charge_for(silent)["id"])
    Payment.objects.filter(order=silent).update(inquired_at=timezone.now() - DAYS)
    refunded = people.new_order()
    people.pay_remotely(provider, refunded)
    refund(refunded)

    done = runner.run_round()

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {
        expired.pk: Status.CANCELLED,
        unasked.pk: Status.CANCELLED,
        unanswered.pk: Status.CANCELLED,
        answered.pk: Status.FINISHED,
        monthly.pk: Status.FINISHED,
        silent.pk: Status.PAID,
        refunded.pk: Status.CANCELLED,
    }
    # What depends on what else this server of PostgreSQL is doing says nothing here.
    for name in ("compare_books", "keep_balances"):
        del done[name]
    assert {name: number for name, number in done.items() if number} == {
        "inquire_about_silent": 1,
        "expire_unpaid": 1,
        "refund_unasked": 1,
        "refund_unanswered": 1,
        "lapse_monthly": 1,
        "finish_answered": 1,
        "send_due": 1,
    }
    assert set(Refund.objects.values_list("status", flat=True)) == {RefundStatus.SUCCEEDED}
    books.assert_whole()


def test_a_second_round_finds_nothing_to_do(provider):
    age(order_in(Status.PAID), status_at=8 * DAYS)
    age(order_in(Status.ANSWERED), status_at=8 * DAYS)
    runner.run_round()
    postings, statuses = books.postings(), list(Order.objects.values())

    done = runner.run_round()

    assert set(done.values()) == {0}
    assert (books.postings(), list(Order.objects.values())) == (postings, statuses)


def test_a_sweep_that_fails_does_not_stop_the_others(provider, settings):
    answered = age(order_in(Status.ANSWERED), status_at=8 * DAYS)
    asked = age(order_in(Status.WAITING), status_at=3 * DAYS)
    settings.ORDER_ANSWER_WINDOW = None

    done = runner.run_round()

    assert "refund_unanswered" not in done
    answered.refresh_from_db()
    asked.refresh_from_db()
    assert (answered.status, asked.status) == (Status.FINISHED, Status.WAITING)


def test_what_breaks_in_a_sweep_is_as_it_was_and_done_when_its_next_time_has_come(provider):
    unpaid = people.new_order(pay_deadline=timezone.now() - DAYS)
    asked = age(order_in(Status.WAITING), status_at=3 * DAYS)

    def break_down():
        raise RuntimeError

    failpoints.hooks["sweep.cancelled"] = break_down
    failpoints.hooks["refund.row_written"] = break_down
    done = runner.run_round()
    failpoints.hooks.clear()

    assert done["expire_unpaid"] == done["refund_unanswered"] == 0
    asked.refresh_from_db()
    unpaid.refresh_from_db()
    assert asked.status == Status.WAITING
    assert unpaid.status == Status.CANCELLED
    with time_machine.travel(asked.next_try_at, tick=False):
        assert runner.run_round()["refund_unanswered"] == 1


def test_a_provider_that_is_down_does_not_keep_the_clock_from_its_other_work(provider):
    people.charge_for(people.new_order())
    Payment.objects.update(inquired_at=timezone.now() - DAYS)
    provider.sandbox.fault("status", times=None)
    answered = age(order_in(Status.ANSWERED), status_at=8 * DAYS)

    done = runner.run_round()

    answered.refresh_from_db()
    assert answered.status == Status.FINISHED
    assert done.keys() == {sweep.__name__ for sweep in runner.SWEEPS}


@pytest.mark.parametrize(("seconds", "left"), [(1, 1), (-1, 0)])
def test_tokens_are_purged_when_they_have_expired(seconds, left):
    now = timezone.now()
    token, _ = AuthToken.objects.create(make_user())
    AuthToken.objects.filter(pk=token.pk).update(expiry=now + timedelta(seconds=seconds))

    with time_machine.travel(now, tick=False):
        assert runner.purge_tokens() == 1 - left

    assert AuthToken.objects.count() == left


def test_a_token_without_an_end_is_kept():
    token, _ = AuthToken.objects.create(make_user())
    AuthToken.objects.filter(pk=token.pk).update(expiry=None)

    assert runner.purge_tokens() == 0


def test_everything_that_has_expired_is_purged_in_batches(monkeypatch):
    monkeypatch.setattr(runner, "BATCH", 2)
    user = make_user()
    for _ in range(5):
        AuthToken.objects.create(user)
    AuthToken.objects.update(expiry=timezone.now() - DAYS)
    kept, _ = AuthToken.objects.create(user)

    with CaptureQueriesContext(connection) as queries:
        assert runner.purge_tokens() == 5

    assert AuthToken.objects.get() == kept
    deletes = [query["sql"] for query in queries if 'DELETE FROM "knox_authtoken"' in query["sql"]]
    assert len(deletes) == 3


def test_what_needs_no_provider_is_done_before_the_provider_is_asked(provider):
    people.charge_for(people.new_order())
    Payment.objects.update(inquired_at=timezone.now() - DAYS)
    answered = age(order_in(Status.ANSWERED), status_at=8 * DAYS)
    seen = []

    def look():
        answered.refresh_from_db()
        seen.append(answered.status)

    failpoints.hooks["finish.paid_out"] = lambda: seen.append("paid out")
    failpoints.hooks["sweep.inquired"] = look
    runner.run_round()

    assert seen == ["paid out", Status.FINISHED]


def test_a_process_that_is_told_to_end_stops_after_the_row_it_is_at(provider):
    for _ in range(3):
        age(order_in(Status.ANSWERED), status_at=8 * DAYS)
    failpoints.hooks["finish.paid_out"] = worklist.stopping.set

    try:
        done = runner.run_round()
    finally:
        worklist.stopping.clear()

    assert done["finish_answered"] == 1
    assert "inquire_about_silent" not in done
    assert Order.objects.filter(status=Status.ANSWERED).count() == 2
