"""manage.py money_audit: what it shows, what it sees, and whom it disturbs."""

import json
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from audit.attention import KEEPS_FAILING, waiting_for_staff
from audit.invariant import Invariant
from audit.runner import audit
from payments import refund_outbox
from payments.models import Comparison, Payment, PaymentState
from qaorder.models import Order, Status
from tests.support import people


@pytest.mark.django_db(transaction=True)
def test_a_breach_is_shown_and_ends_the_command_with_an_error(capsys):
    with transaction.atomic():
        order = people.order_in(Status.WAITING)
    call_command("money_audit")
    Order.objects.filter(pk=order.pk).update(amount_fen=order.amount_fen + 1)

    with pytest.raises(CommandError, match="I06a, I09, I27"):
        call_command("money_audit")

    assert f"order_id={order.pk} status=2" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_charge_that_is_asked_about_ever_more_rarely_is_not_stuck():
    order = people.place_order(people.make_patient(), people.make_doctor())
    now = timezone.now()
    payment = Payment.objects.create(
        order=order,
        payer=order.patient.user,
        channel="alipay",
        order_no=order.order_number,
        amount_fen=order.amount_fen,
        state=PaymentState.PENDING,
        charge_id="ch_1",
        created_at=now - timedelta(hours=6),
        inquired_at=now - timedelta(hours=2),
        expires_at=now + timedelta(hours=18),
    )

    call_command("money_audit", only=["I14"])

    Payment.objects.filter(pk=payment.pk).update(inquired_at=payment.created_at)
    with pytest.raises(CommandError, match="I14"):
        call_command("money_audit", only=["I14"])


@pytest.mark.django_db(transaction=True)
def test_rows_beyond_twenty_are_not_shown_and_no_medical_text_is(capsys):
    with transaction.atomic():
        for _ in range(21):
            people.order_in(Status.ANSWERED)
    Order.objects.update(amount_fen=1)

    with pytest.raises(CommandError, match="I09"):
        call_command("money_audit", only=["I09"])

    shown = capsys.readouterr().out
    assert shown.count("payment_id=") == 20
    assert "… 20 shown" in shown
    assert "支气管炎" not in shown
    assert "咳嗽" not in shown


@pytest.mark.django_db(transaction=True)
def test_the_audit_can_be_limited_to_some_invariants(capsys):
    call_command("money_audit", only=["I05"])

    assert "1 of 1 hold" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no such invariant: I99"):
        call_command("money_audit", only=["I99"])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_all_queries_see_one_snapshot_and_can_write_nothing():
    sql = """SELECT current_setting('transaction_isolation') AS isolation,
        current_setting('transaction_read_only') AS read_only"""

    findings = audit([Invariant("T1", "", "", sql), Invariant("T2", "", "", sql)])

    for finding in findings:
        assert finding.rows == [{"isolation": "repeatable read", "read_only": "on"}]


@pytest.mark.django_db(transaction=True)
def test_the_audit_waits_for_no_writer():
    with transaction.atomic():
        people.make_patient(balance_fen=100)
        reader = threading.Thread(target=_audit_elsewhere, args=(seen := [],))
        reader.start()
        reader.join(10)

    assert seen == [[]]


def _audit_elsewhere(seen):
    try:
        seen.append([finding for finding in audit() if finding.rows])
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_the_audit_leaves_the_connection_as_it_was():
    audit()

    people.make_patient()
    assert not connection.in_atomic_block
    json.dumps([finding.rows for finding in audit()])


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_staff_is_listed_and_breaks_nothing(provider, capsys):
    order = people.new_order()
    payment = people.pay_remotely(provider, order)
    provider.reject_refunds(payment.charge_id)
    people.refund(order)
    refund_outbox.send_due()

    call_command("money_audit")

    out = capsys.readouterr().out
    assert "waits  退款失败 / failed refunds: 1, since 20" in out
    assert "held charges" not in out


@pytest.mark.django_db
@pytest.mark.parametrize("failures", [KEEPS_FAILING - 1, KEEPS_FAILING])
def test_what_the_jobs_try_in_vain_is_listed_from_the_fifth_time_on(provider, failures):
    order = people.new_order()
    people.charge_for(order)
    start = timezone.now() - timedelta(hours=1)
    rows = [
        Order.objects.filter(pk=order.pk),
        Payment.objects.filter(order=order),
        Comparison.objects.filter(pk=_stretch(start).pk),
    ]
    for row in rows:
        assert row.update(failures=failures) == 1

    shown = [waiting.meaning_en for waiting in waiting_for_staff()]

    assert shown == [
        "orders that no job can move",
        "payments that the provider cannot say",
        "stretches that cannot be compared",
    ] * (failures == KEEPS_FAILING)


@pytest.mark.django_db
@pytest.mark.parametrize(("hours", "is_late"), [(5, False), (7, True)])
def test_a_stretch_that_is_not_compared_for_six_hours_is_listed(settings, hours, is_late):
    settings.RECONCILE_ALARM = timedelta(hours=6)
    stretch = _stretch(timezone.now() - timedelta(hours=hours))

    shown = [(waiting.meaning_en, waiting.since) for waiting in waiting_for_staff()]

    assert shown == [("stretches not compared in time", stretch.compared_to)] * is_late
    Comparison.objects.update(compared_to=stretch.end_at)
    assert waiting_for_staff() == []


def _stretch(start):
    return Comparison.objects.create(
        start_at=start,
        end_at=start + timedelta(hours=2),
        compared_to=start,
        next_try_at=timezone.now(),
    )
