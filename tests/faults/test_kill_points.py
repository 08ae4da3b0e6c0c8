"""A process killed at any failpoint: the rest of the system finishes what it began.

Each test kills a real web worker or job process with SIGKILL at one point, and then lets happen
what happens anyway: gunicorn starts a worker, `run_jobs` runs for two minutes, the provider
repeats its notices, and the caller, who got no answer, may try again. Nobody repairs anything.
"""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from api import failpoints
from ledger import services as ledger
from ledger.models import Transaction
from payments.models import Payment, PaymentState, RefundStatus
from qaorder.models import Order, Status
from tests.faults.world import World
from tests.support.books import assert_settled
from tests.support.people import age, order_in
from tests.support.world import fill

pytestmark = [pytest.mark.slow]

LEASE_SECONDS = 60
IDEMPOTENCY_LEASE_SECONDS = 61
ASKING = ("pay.attempt_written", "pay.asked", "pay.charge_created", "pay.charge_stored")
NOTICE = ("webhook.notice_kept", "settle.captured", "webhook.settled")
SENDING = ("refund.claimed", "refund.asked", "refund.sent", "refund.recorded")
KILLED_AT: set[str] = set()
"""Points that a parametrised test below covers; `test_every_point_is_killed_at` compares."""
KILLED_AT.update(ASKING, NOTICE, SENDING)
KILLED_AT.update(
    {
        "idempotency.claimed",
        "idempotency.answered",
        "pay.balance_debited",
        "refund.row_written",
        "sweep.inquired",
        "sweep.cancelled",
        "finish.paid_out",
        "recharge.attempt_written",
    }
)


def test_every_point_is_killed_at():
    assert set(failpoints.POINTS) == KILLED_AT


# Asking for a charge.


@pytest.mark.parametrize("point", ASKING)
def test_pay_killed_and_the_patient_tries_again_at_once(world: World, point):
    order = world.new_order()

    with world.web.dying_at(point):
        assert world.pay(order)() is None
    early = world.pay(order)()
    assert early.status_code == (200 if point == "pay.charge_stored" else 503)
    if early.status_code == 503:
        assert early.json()["status"] == -6
        assert early.headers["Retry-After"]
    world.time_passes(LEASE_SECONDS)
    world.collect(world.pay(order)())
    world.wait_for_notices()

    world.now(order, Status.PAID)
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("channel", ["alipay", "wx"])
@pytest.mark.parametrize("point", ASKING)
def test_pay_killed_and_jobs_come_before_the_patient(world: World, point, channel):
    order = world.new_order()

    with world.web.dying_at(point):
        assert world.pay(order, channel)() is None
    world.recover()
    world.now(order, Status.UNPAID)
    lost = Payment.objects.get()
    known = point in ("pay.charge_created", "pay.charge_stored")
    assert lost.state == (PaymentState.PENDING if known else PaymentState.FAILED)
    world.collect(world.pay(order, channel)())
    world.wait_for_notices()

    world.now(order, Status.PAID)
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("told", ["by the notice", "by asking"])
@pytest.mark.parametrize("point", ["pay.charge_created", "pay.charge_stored"])
def test_pay_killed_and_its_charge_is_paid_all_the_same(world: World, point, told):
    order = world.new_order()
    if told == "by asking":
        world.fall_silent()

    with world.web.dying_at(point):
        assert world.pay(order)() is None
    world.provider.pay(world.provider.charges()[0]["id"])
    if told == "by asking":
        if point == "pay.charge_stored":
            world.time_passes(300)
        world.recover()
    else:
        world.wait_for_notices()

    world.now(order, Status.PAID)
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("point", ["idempotency.claimed", *ASKING, "idempotency.answered"])
def test_pay_killed_and_repeated_with_its_key(world: World, point):
    order = world.new_order()
    pay = world.pay(order, idempotency_key="k-1")

    with world.web.dying_at(point):
        assert pay() is None
    if point not in ("pay.charge_stored", "idempotency.answered"):
        assert pay().status_code == 409
    world.time_passes(IDEMPOTENCY_LEASE_SECONDS)
    first, second = pay(), pay()
    assert first.content == second.content
    world.collect(first)
    world.wait_for_notices()

    world.now(order, Status.PAID)
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("point", ["idempotency.claimed", "idempotency.answered"])
def test_order_killed_and_repeated_with_its_key_is_placed_once(world: World, point):
    place = world.create(idempotency_key="k-1")

    with world.web.dying_at(point):
        assert place() is None
    assert not Order.objects.exists()
    assert place().status_code == 409
    world.time_passes(IDEMPOTENCY_LEASE_SECONDS)
    first, second = place(), place()

    assert first.status_code == 201
    assert first.content == second.content
    assert Order.objects.count() == 1
    assert_settled(world.provider, charges=0)


def test_pay_by_balance_killed_takes_nothing_and_works_again(world: World):
    fill(world.patient.user, 2000)
    order = world.new_order()

    with world.web.dying_at("pay.balance_debited"):
        assert world.pay(order, "balance")() is None
    world.now(order, Status.UNPAID)
    assert ledger.balance_fen(world.patient.user) == 2000
    assert world.pay(order, "balance")().status_code == 200

    world.now(order, Status.PAID)
    assert ledger.balance_fen(world.patient.user) == 500
    assert_settled(world.provider, charges=0)


@pytest.mark.parametrize("point", ["recharge.attempt_written", *ASKING])
def test_recharge_killed_grows_the_balance_once(world: World, point):
    with world.web.dying_at(point):
        assert world.recharge()() is None
    world.collect(world.recharge()())
    world.recover()

    made = point in ("pay.charge_created", "pay.charge_stored")
    assert ledger.balance_fen(world.patient.user) == 2000
    assert_settled(world.provider, charges=2 if made else 1)


# Notices.


@pytest.mark.parametrize("point", NOTICE)
def test_notice_killed_is_sent_again_and_counts_once(world: World, point):
    order = world.new_order()
    answer = world.pay(order)()

    with world.web.dying_at(point):
        world.collect(answer)
    world.wait_for_notices()

    world.now(order, Status.PAID)
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("point", NOTICE)
def test_notice_of_a_recharge_killed_counts_once(world: World, point):
    answer = world.recharge()()

    with world.web.dying_at(point):
        world.collect(answer)
    world.wait_for_notices()

    assert ledger.balance_fen(world.patient.user) == 2000
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("point", [*NOTICE, "refund.row_written"])
def test_notice_of_late_money_killed_gives_it_back_once(world: World, point):
    order = world.new_order()
    answer = world.pay(order)()
    assert world.cancel(order)().status_code == 200

    with world.web.dying_at(point):
        world.collect(answer)
    world.wait_for_notices()
    world.recover()

    world.now(order, Status.CANCELLED)
    assert_settled(world.provider, charges=1, refunds=1)


# Refunds.


@pytest.mark.parametrize("channel", ["alipay", "balance"])
def test_refund_request_killed_changes_nothing_and_works_again(world: World, channel):
    fill(world.patient.user, 1500)
    order = world.paid_order(channel)

    with world.web.dying_at("refund.row_written"):
        assert world.refund(order)() is None
    world.now(order, Status.PAID)
    assert world.refund(order)().status_code == 200
    world.recover()

    world.now(order, Status.CANCELLED)
    assert ledger.balance_fen(world.patient.user) == 1500
    remote = int(channel != "balance")
    assert_settled(world.provider, charges=remote, refunds=remote)


@pytest.mark.parametrize("told", ["by the notice", "by asking"])
@pytest.mark.parametrize("channel", ["alipay", "wx"])
@pytest.mark.parametrize("point", SENDING)
def test_refund_sending_killed_sends_it_once(world: World, point, channel, told):
    order = world.paid_order(channel)
    assert world.refund(order)().status_code == 200
    world.sandbox.webhooks.hold()
    if told == "by asking":
        world.fall_silent()

    world.jobs.run(point)
    world.sandbox.webhooks.release()
    world.recover()

    world.now(order, Status.CANCELLED)
    assert order.payments.get().refunds.get().status == RefundStatus.SUCCEEDED
    assert_settled(world.provider, charges=1, refunds=1)


def test_notice_of_a_refund_killed_books_it_once(world: World):
    order = world.paid_order("wx")
    assert world.refund(order)().status_code == 200
    world.sandbox.script_refunds("pending")
    world.jobs.run()
    refund = order.payments.get().refunds.get()
    assert refund.status == RefundStatus.OPEN

    with world.web.dying_at("refund.recorded"):
        world.sandbox.settle_refund(refund.refund_id)
    world.wait_for_notices()

    refund.refresh_from_db()
    assert refund.status == RefundStatus.SUCCEEDED
    assert_settled(world.provider, charges=1, refunds=1)


@pytest.mark.parametrize("point", ["refund.row_written", *SENDING])
def test_overdue_refund_killed_is_paid_back_once(world: World, point):
    order = world.paid_order()
    age(order, status_at=settings.ORDER_ASK_WINDOW + timedelta(minutes=1))
    # A notice that is faster than the job leaves it nothing to record, and no point to die at.
    world.sandbox.webhooks.hold()

    world.jobs.run(point)
    world.sandbox.webhooks.release()
    world.recover()

    world.now(order, Status.CANCELLED)
    assert_settled(world.provider, charges=1, refunds=1)


# Asking, expiry and finishing.


@pytest.mark.parametrize("paid", [True, False])
def test_question_about_a_lost_answer_killed_is_asked_again(world: World, paid):
    order = world.new_order()
    with world.web.dying_at("pay.charge_created"):
        assert world.pay(order)() is None
    if paid:
        world.fall_silent()
        world.provider.pay(world.provider.charges()[0]["id"])

    world.time_passes(LEASE_SECONDS)
    world.jobs.run("sweep.inquired")
    world.recover()

    if not paid:
        world.collect(world.pay(order)())
        world.wait_for_notices()
    world.now(order, Status.PAID)
    assert_settled(world.provider, charges=1)


@pytest.mark.parametrize("paid", ["in time", "late", "never"])
def test_expiry_killed_while_asking_decides_next_time(world: World, paid):
    order = world.new_order()
    world.fall_silent()
    charge_id = world.pay(order)().json()["charge"]["id"]
    overdue = settings.ORDER_EXPIRY_GRACE + timedelta(minutes=1)
    age(order, pay_deadline=overdue)
    if paid != "never":
        early = overdue + timedelta(minutes=5) if paid == "in time" else timedelta()
        world.provider.pay(charge_id, time_paid=int((timezone.now() - early).timestamp()))

    world.jobs.run("sweep.inquired")
    world.recover()

    world.now(order, Status.PAID if paid == "in time" else Status.CANCELLED)
    assert_settled(world.provider, charges=1, refunds=int(paid == "late"))


def test_expiry_killed_after_the_first_order_does_the_second_next_time(world: World):
    orders = [world.new_order(), world.new_order()]
    for order in orders:
        age(order, pay_deadline=settings.ORDER_EXPIRY_GRACE + timedelta(minutes=1))

    world.jobs.run("sweep.cancelled")
    assert Order.objects.filter(status=Status.CANCELLED).count() == 1
    world.recover()

    for order in orders:
        world.now(order, Status.CANCELLED)
    assert_settled(world.provider, charges=0)


@pytest.mark.parametrize("by", ["patient", "clock"])
def test_finish_killed_pays_the_doctor_once(world: World, by):
    with transaction.atomic():
        order = order_in(Status.ANSWERED, world.patient, world.doctor)

    if by == "clock":
        age(order, status_at=settings.ORDER_FINISH_WINDOW + timedelta(minutes=1))
        world.jobs.run("finish.paid_out")
        world.now(order, Status.ANSWERED)
        world.recover()
    else:
        with world.web.dying_at("finish.paid_out"):
            assert world.finish(order)() is None
        world.now(order, Status.ANSWERED)
        assert world.finish(order)().status_code == 200

    world.now(order, Status.FINISHED)
    assert Transaction.objects.filter(kind="completion").count() == 1
    assert ledger.earnings(world.doctor.user).balance_fen == order.amount_fen
    assert_settled(world.provider, charges=0)
