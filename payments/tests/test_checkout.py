"""Paying by charge, by balance and for nothing: one attempt at a time, whoever asks."""

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

import pingpp_client
from api import failpoints
from api.errors import ChannelUnavailable, InsufficientBalance
from jobs.payments import inquire_about_silent
from payments import attempts, charges, inquiry, refund_outbox
from payments.channels import is_remote
from payments.models import Payment, PaymentState, Refund
from qaorder.models import Channel, Order, Status
from tests.support import books, people
from tests.support.keyed import time_passes
from tests.support.paying import pay_order
from tests.support.people import client_for, make_doctor, make_patient, place_order, refund

pytestmark = pytest.mark.django_db(transaction=True)


def ask_for_charge(order, channel="alipay"):
    return pay_order(order=order, channel=channel, payer=order.patient.user)


def creates(provider):
    return provider.sandbox.state()["requests"].get("charge.create", 0)


class Elsewhere(threading.Thread):
    """Something done on a connection of its own; `result` is what it returned or raised."""

    def __init__(self, act):
        super().__init__()
        self.act = act
        self.result = None

    def run(self):
        try:
            self.result = self.act()
        except Exception as error:
            self.result = error
        finally:
            connection.close()


def test_a_notice_pays_the_order_and_a_repeated_one_changes_nothing(provider):
    patient = make_patient()
    order = place_order(patient, make_doctor())
    client = client_for(patient.user)

    charge = client.patch(people.pay_url(order), {"channel": "wx"}).json()
    first = provider.pay_and_tell(charge["charge"]["id"])
    second = provider.deliver_all()

    assert first.json()["outcome"] == "applied"
    assert [response.json()["outcome"] for response in second] == ["repeated"]
    order.refresh_from_db()
    assert order.status == Status.PAID
    assert order.channel == "wx"
    assert Payment.objects.get().state == PaymentState.PAID


def test_a_second_tap_waits_for_the_first_ones_charge_and_sends_nothing(provider):
    order = people.new_order()
    before = creates(provider)
    second = Elsewhere(lambda: ask_for_charge(Order.objects.get()))

    def tap_again():
        failpoints.hooks.clear()
        second.start()
        second.join(1)

    failpoints.hooks["pay.attempt_written"] = tap_again
    first = ask_for_charge(order)
    second.join(10)

    assert second.result == first
    assert creates(provider) - before == 1
    assert Payment.objects.count() == 1


def test_a_tap_does_not_wait_longer_than_the_provider_may_take(provider, settings):
    order = people.new_order()
    refused = []

    def tap_again():
        failpoints.hooks.clear()
        settings.PINGPP_DEADLINE = 0.5
        with pytest.raises(ChannelUnavailable):
            ask_for_charge(Order.objects.get())
        refused.append(creates(provider))

    before = creates(provider)
    failpoints.hooks["pay.attempt_written"] = tap_again
    ask_for_charge(order)

    assert refused == [before]
    assert creates(provider) - before == 1


@pytest.mark.parametrize(("after", "adopted"), [(-10, False), (0, True)])
def test_the_attempt_of_a_request_that_died_is_free_when_its_lease_ends(
    provider, settings, after, adopted
):
    order = people.new_order()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["pay.attempt_written"] = die
    with pytest.raises(KeyboardInterrupt):
        ask_for_charge(order)
    failpoints.hooks.clear()
    lease = Payment.objects.get().leased_until - timezone.now()
    assert lease > 2 * timedelta(seconds=settings.PINGPP_DEADLINE)

    settings.PINGPP_DEADLINE = 0.5
    time_passes(lease + timedelta(seconds=after))
    if adopted:
        assert ask_for_charge(order)["order_no"] == order.order_number
    else:
        with pytest.raises(ChannelUnavailable):
            ask_for_charge(order)

    assert len(provider.charges()) == adopted
    assert Payment.objects.count() == 1


AHEAD = timedelta(seconds=61)


@pytest.mark.parametrize("point", ["pay.attempt_written", "pay.asked", "pay.charge_created"])
def test_a_server_whose_clock_runs_ahead_asks_for_no_second_charge(provider, point):
    order = people.new_order()
    before = creates(provider)

    def tap_at_another_server():
        failpoints.hooks.clear()
        with time_machine.travel(timezone.now() + AHEAD), pytest.raises(ChannelUnavailable):
            ask_for_charge(Order.objects.get())

    failpoints.hooks[point] = tap_at_another_server
    charge = ask_for_charge(order)

    assert creates(provider) - before == 1
    assert [made["id"] for made in provider.charges()] == [charge["id"]]


@pytest.mark.parametrize(
    "look", [lambda: inquiry.inquire(Payment.objects.get()), inquire_about_silent]
)
def test_a_job_whose_clock_runs_ahead_closes_no_attempt_that_is_being_made(provider, look):
    order = people.new_order()
    states = []

    def look_from_another_server():
        failpoints.hooks.clear()
        with time_machine.travel(timezone.now() + AHEAD):
            asked = look()
        states.append((asked or 0, Payment.objects.get().state))

    failpoints.hooks["pay.attempt_written"] = look_from_another_server
    charge = ask_for_charge(order)

    assert states == [(0, PaymentState.CREATING)]
    assert Payment.objects.get().charge_id == charge["id"]


def test_a_server_whose_clock_is_slow_does_not_hold_an_attempt_longer(provider):
    order = people.new_order()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["pay.attempt_written"] = die
    with time_machine.travel(timezone.now() + AHEAD), pytest.raises(KeyboardInterrupt):
        ask_for_charge(order)
    failpoints.hooks.clear()
    time_passes(attempts._lease_length())

    assert ask_for_charge(order)["order_no"] == order.order_number


@pytest.mark.parametrize("point", ["pay.attempt_written", "pay.asked", "pay.charge_created"])
def test_a_tap_that_stalled_past_its_lease_has_the_charge_of_the_next(provider, settings, point):
    order, charges = people.new_order(), []
    settings.PINGPP_DEADLINE = 1.0

    def stall():
        failpoints.hooks.clear()
        if point == "pay.asked":  # here nothing but the time limit of the call is left
            time.sleep(settings.PINGPP_DEADLINE)
        time_passes(timedelta(seconds=70))
        charges.append(ask_for_charge(Order.objects.get()))
        # The provider repeats a charge by itself for a minute only.
        provider.sandbox.clock.offset += 70

    failpoints.hooks[point] = stall
    try:
        charges.append(ask_for_charge(order))
    except ChannelUnavailable:
        assert point != "pay.charge_created"

    assert {charge["id"] for charge in charges} == {made["id"] for made in provider.charges()}
    assert len(provider.charges()) == 1


def test_a_tap_that_stalled_past_its_lease_does_not_free_the_attempt_of_the_next(
    provider, settings
):
    order = people.new_order()
    settings.PINGPP_DEADLINE = 1.0

    def stall():
        failpoints.hooks.clear()
        time.sleep(settings.PINGPP_DEADLINE)
        time_passes(timedelta(seconds=70))
        failpoints.hooks["pay.attempt_written"] = die
        with pytest.raises(KeyboardInterrupt):
            ask_for_charge(Order.objects.get())

    def die():
        failpoints.hooks.clear()
        raise KeyboardInterrupt

    failpoints.hooks["pay.asked"] = stall
    with pytest.raises(ChannelUnavailable):
        ask_for_charge(order)

    assert not attempts.is_free(Payment.objects.get())
    assert provider.charges() == []


def test_of_two_charges_for_one_attempt_the_one_that_was_kept_is_handed_out(provider):
    order = people.new_order()
    kept = []

    def another_was_quicker():
        payment = Payment.objects.get()
        kept.append({**provider.charges()[0], "id": "ch_another"})
        charges.attach(payment, kept[0])

    failpoints.hooks["pay.charge_created"] = another_was_quicker

    assert ask_for_charge(order) == kept[0]


def test_another_channel_does_not_wait(provider):
    order = people.new_order()
    charges = []

    def pay_by_wx():
        failpoints.hooks.clear()
        charges.append(ask_for_charge(Order.objects.get(), "wx"))

    failpoints.hooks["pay.attempt_written"] = pay_by_wx
    charges.append(ask_for_charge(order))

    assert {charge["channel"] for charge in charges} == {"wx", "alipay"}
    assert len({charge["order_no"] for charge in charges}) == 2


def test_the_attempt_is_written_before_the_provider_is_asked(provider):
    order = people.new_order()
    seen = []
    failpoints.hooks["pay.attempt_written"] = lambda: seen.append(
        list(Payment.objects.values_list("order_no", "state", "sent_at"))
    )

    ask_for_charge(order)

    assert seen == [[(order.order_number, PaymentState.CREATING, None)]]


def test_the_provider_is_never_asked_within_a_transaction(provider):
    order = people.new_order()
    before = creates(provider)

    with pytest.raises(pingpp_client.CallInTransaction), transaction.atomic():
        ask_for_charge(order)

    assert creates(provider) == before
    assert not Payment.objects.exists()


def test_a_refund_is_never_sent_within_a_transaction(provider):
    order = people.new_order()
    people.pay_remotely(provider, order)
    refund(order)

    with pytest.raises(pingpp_client.CallInTransaction), transaction.atomic():
        refund_outbox.send_due()

    assert provider.refunds() == []
    assert Refund.objects.get().tries == 0


def test_a_balance_payment_is_all_or_nothing():
    patient = make_patient(balance_fen=1499)
    order = place_order(patient, make_doctor())
    before = books.everything()

    with pytest.raises(InsufficientBalance):
        ask_for_charge(order, "balance")

    assert books.everything() == before


def test_a_balance_payment_that_dies_half_way_has_not_happened():
    patient = make_patient(balance_fen=1500)
    order = place_order(patient, make_doctor())
    before = books.everything()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["pay.balance_debited"] = die
    with pytest.raises(KeyboardInterrupt):
        ask_for_charge(order, "balance")

    assert books.everything() == before


def test_only_money_of_the_provider_is_remote():
    assert [is_remote(channel, 1) for channel in Channel] == [True, True, False]
    assert not any(is_remote(channel, 0) for channel in Channel)


@pytest.mark.parametrize("state", [PaymentState.CREATING, PaymentState.PENDING])
def test_the_database_keeps_one_open_attempt_per_order_and_channel(state):
    order = people.new_order()
    values = {"order": order, "payer": order.patient.user, "channel": "wx", "amount_fen": 1}
    Payment.objects.create(order_no="1", state=state, **values)

    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.create(order_no="2", state=PaymentState.CREATING, **values)

    Payment.objects.create(order_no="3", state=PaymentState.FAILED, **values)


def test_the_database_keeps_one_attempt_per_number():
    order = people.new_order()
    values = {"order": order, "payer": order.patient.user, "amount_fen": 1, "order_no": "1"}
    first = Payment.objects.create(channel="wx", **values)

    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.create(channel="alipay", **values)

    Payment.objects.create(channel="alipay", duplicate_of=first, **values)
