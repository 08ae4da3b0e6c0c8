"""Idempotency-Key: the same answer for the same request, for a day, and never two effects."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Patient
from feiqingsong import failpoints
from feiqingsong.testing.factories import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
    top_up,
)
from qaorder import idempotency
from qaorder.models import Answer, IdempotencyKey, Order, Payment, Question, Refund, Status
from qaorder.tests import book, flows

DAY = timedelta(hours=24)

pytestmark = pytest.mark.django_db(transaction=True)


class Case:
    """One request that takes a key: who sends it, how, what other body there is, what it makes."""

    def __init__(self, user, method, url, body, other, made):
        self.user, self.method, self.url = user, method, url
        self.body, self.other, self.made = body, other, made

    def send(self, key="key-1", body=None, user=None):
        client = client_for(user or self.user)
        headers = {"Idempotency-Key": key} if key is not None else {}
        return getattr(client, self.method)(
            self.url, self.body if body is None else body, format="json", headers=headers
        )


def create():
    doctor = make_doctor().user.username
    body = {"doctor": doctor, "order_type": "online"}
    user = make_patient().user
    return Case(
        user,
        "post",
        "/qaorder/order/create/",
        body,
        body | {"order_type": "monthly"},
        Order.objects.count,
    )


def pay_by_balance():
    order = place_order(make_patient(balance_fen=5000), make_doctor())
    return Case(
        order.patient.user,
        "patch",
        flows.pay_url(order),
        {"channel": "balance"},
        {"channel": "wx"},
        Payment.objects.count,
    )


def pay_by_charge():
    order = flows.new_order()
    return Case(
        order.patient.user,
        "patch",
        flows.pay_url(order),
        {"channel": "alipay"},
        {"channel": "wx"},
        Payment.objects.count,
    )


def recharge():
    return Case(
        make_patient().user,
        "post",
        "/accounts/balance/recharge/",
        {"amount": "1.00", "channel": "wx"},
        {"amount": "2.00", "channel": "wx"},
        Payment.objects.count,
    )


def question():
    order = order_in(Status.PAID)
    body = {"order": order.order_number, "condition_description": "咳嗽"}
    return Case(
        order.patient.user,
        "post",
        "/qaorder/question/create/",
        body,
        body | {"condition_description": "发烧"},
        Question.objects.count,
    )


def answer():
    order = order_in(Status.WAITING)
    body = {"question": order.question.pk, "diagnosis_result": "支气管炎"}
    return Case(
        order.doctor.user,
        "post",
        "/qaorder/answer/create/",
        body,
        body | {"diagnosis_result": "肺炎"},
        Answer.objects.count,
    )


def evaluate():
    order = order_in(Status.FINISHED)
    return Case(
        order.patient.user,
        "put",
        f"/qaorder/order/evaluate/{order.order_number}/",
        {"scores": 5, "content": "好评"},
        {"scores": 1, "content": "好评"},
        order.doctor.evaluations.count,
    )


def refund():
    order = order_in(Status.PAID)
    return Case(
        order.patient.user,
        "put",
        flows.refund_url(order),
        {"reason": "不需要了"},
        {"reason": "太贵"},
        Refund.objects.count,
    )


def refuse():
    order = order_in(Status.PAID)
    return Case(
        order.doctor.user,
        "put",
        f"/qaorder/order/refuse/{order.order_number}/",
        {"reason": "不在擅长范围"},
        {"reason": "太忙"},
        Refund.objects.count,
    )


IN_ONE_TRANSACTION = [create, question, answer, evaluate, refund, refuse]
WITH_THE_PROVIDER = [pay_by_balance, pay_by_charge, recharge]
CASES = IN_ONE_TRANSACTION + WITH_THE_PROVIDER

every_case = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


@every_case
def test_a_repeated_request_gets_the_same_status_and_bytes_and_no_second_effect(provider, make):
    case = make()
    first = case.send()
    before, made = book.everything(), case.made()

    again = [case.send() for _ in range(2)]

    assert first.status_code in (200, 201)
    assert made == 1
    for response in again:
        assert response.status_code == first.status_code
        assert response.content == first.content
        assert response.headers["Content-Type"] == first.headers["Content-Type"]
    assert book.everything() == before


@every_case
def test_the_key_with_another_body_is_refused(provider, make):
    case = make()
    case.send()
    before = book.everything()

    response = case.send(body=case.other)

    assert response.status_code == 422
    assert response.json() == {"detail": "该 Idempotency-Key 已用于另一个请求"}
    assert book.everything() == before


def test_the_key_on_another_url_is_another_request(provider):
    patient = make_patient(balance_fen=5000)
    orders = [place_order(patient, make_doctor()) for _ in range(2)]
    headers = {"Idempotency-Key": "key-1"}

    answers = [flows.try_to_pay(order, "balance", **headers) for order in orders]

    assert [response.status_code for response in answers] == [200, 422]
    assert book.wallet(patient.user) == 3500


@every_case
def test_while_the_first_still_runs_a_second_is_told_to_wait(provider, make):
    case = make()
    meanwhile = []

    def send_the_same():
        failpoints.hooks.clear()
        meanwhile.append(case.send())

    failpoints.hooks["idempotency.claimed"] = send_the_same
    first = case.send()

    assert meanwhile[0].status_code == 409
    assert list(meanwhile[0].json()) == ["detail"]
    assert int(meanwhile[0].headers["Retry-After"]) > 0
    assert first.status_code in (200, 201)
    assert case.made() == 1


def test_the_keys_of_two_callers_are_independent(provider):
    doctor = make_doctor()
    orders = [place_order(make_patient(balance_fen=1500), doctor) for _ in range(2)]

    answers = [
        flows.try_to_pay(order, "balance", **{"Idempotency-Key": "same"}) for order in orders
    ]

    assert [response.status_code for response in answers] == [200, 200]
    assert IdempotencyKey.objects.count() == 2


def test_without_a_key_every_request_counts():
    case = create()

    for key in (None, "", None):
        assert case.send(key).status_code == 201

    assert case.made() == 3
    assert not IdempotencyKey.objects.exists()


def test_another_key_is_another_request():
    case = create()

    numbers = {case.send(key).json()["order_number"] for key in ("a", "b", "A", "a" * 255)}

    assert len(numbers) == 4


@pytest.mark.parametrize("key", ["k" * 256, "键", "a\tb", "\x01"])
def test_a_key_that_cannot_be_kept_is_a_field_error(key):
    case = create()

    response = case.send(key.encode().decode("latin-1"))

    assert response.status_code == 400
    assert list(response.json()) == ["Idempotency-Key"]
    assert case.made() == 0
    assert not IdempotencyKey.objects.exists()


def test_a_field_error_is_kept():
    case = create()
    body = {"doctor": "nobody", "order_type": "online"}
    first = case.send(body=body)
    make_doctor("nobody")

    again = case.send(body=body)

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.status_code == 400
    assert case.made() == 0


def test_a_refusal_is_kept_though_it_would_not_be_refused_now():
    order = place_order(make_patient(), make_doctor())
    headers = {"Idempotency-Key": "key-1"}
    first = flows.try_to_pay(order, "balance", **headers)
    top_up(order.patient.user, 1500)

    again = flows.try_to_pay(order, "balance", **headers)

    assert first.json()["status"] == -5
    assert (again.status_code, again.content) == (first.status_code, first.content)
    order.refresh_from_db()
    assert order.status == Status.UNPAID
    assert flows.try_to_pay(order, "balance", **{"Idempotency-Key": "key-2"}).status_code == 200


@pytest.mark.parametrize("make", [pay_by_charge, recharge], ids=lambda make: make.__name__)
def test_an_unavailable_channel_is_not_kept_and_the_retry_goes_through(provider, make):
    case = make()
    provider.sandbox.fault("status", "charge.create", status=403)

    down = case.send()
    up = case.send()

    assert down.status_code == 503
    assert up.status_code == 200
    assert case.send().content == up.content
    assert len(provider.charges()) == 1


@every_case
def test_a_request_that_broke_down_before_its_effect_can_be_sent_again(provider, make):
    case = make()

    def break_down():
        raise RuntimeError

    failpoints.hooks["idempotency.claimed"] = break_down
    broken = case.send()
    failpoints.hooks.clear()

    assert broken.status_code == 500
    IdempotencyKey.objects.update(locked_until=timezone.now())
    assert case.send().status_code in (200, 201)
    assert case.made() == 1


@pytest.mark.parametrize(
    ("make", "point"),
    [(pay_by_balance, "pay.balance_debited"), (refund, "refund.row_written")],
    ids=["pay", "refund"],
)
def test_the_key_and_the_effect_commit_together_or_not_at_all(make, point):
    case = make()
    before = book.everything()

    def break_down():
        raise RuntimeError

    failpoints.hooks[point] = break_down
    broken = case.send()
    failpoints.hooks.clear()

    assert broken.status_code == 500
    assert book.everything() == before
    assert not IdempotencyKey.objects.exclude(status_code=None).exists()
    assert case.send().status_code == 200
    assert case.made() == 1


@pytest.mark.parametrize("make", IN_ONE_TRANSACTION, ids=lambda make: make.__name__)
def test_an_effect_whose_answer_could_not_be_kept_has_not_happened(make):
    case = make()
    before, made = book.everything(), case.made()

    def break_down():
        raise RuntimeError

    failpoints.hooks["idempotency.answered"] = break_down
    broken = case.send()
    failpoints.hooks.clear()

    assert broken.status_code == 500
    assert book.everything() == before
    assert case.send().status_code in (200, 201)
    assert case.made() == made + 1


def test_a_death_after_the_charge_was_stored_loses_no_answer(provider):
    case = pay_by_charge()

    def break_down():
        raise RuntimeError

    failpoints.hooks["pay.charge_stored"] = break_down
    case.send()
    failpoints.hooks.clear()
    kept = case.send()

    assert kept.status_code == 200
    assert kept.json()["charge"]["id"] == provider.charges()[0]["id"]
    assert len(provider.charges()) == 1


@pytest.mark.parametrize(("after", "orders"), [(-1, 1), (0, 2)])
def test_after_a_day_the_key_is_forgotten(after, orders):
    case = create()
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        first = case.send()

    with time_machine.travel(start + DAY + timedelta(seconds=after), tick=False):
        again = case.send()

    assert again.status_code == 201
    assert (again.content == first.content) == (orders == 1)
    assert case.made() == orders


@pytest.mark.parametrize(("after", "status"), [(-1, 409), (0, 201)])
def test_the_key_of_a_request_that_died_is_free_again_when_its_lease_ends(after, status):
    case = create()
    start = timezone.now()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["idempotency.claimed"] = die
    with time_machine.travel(start, tick=False), pytest.raises(KeyboardInterrupt):
        case.send()
    failpoints.hooks.clear()

    moment = start + idempotency.LEASE + timedelta(seconds=after)
    with time_machine.travel(moment, tick=False):
        response = case.send()

    assert response.status_code == status
    assert case.made() == (status == 201)


def test_a_key_in_flight_with_another_body_is_refused_at_once():
    case = create()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["idempotency.claimed"] = die
    with pytest.raises(KeyboardInterrupt):
        case.send()
    failpoints.hooks.clear()

    assert case.send(body=case.other).status_code == 422


def test_spacing_and_the_order_of_keys_do_not_make_another_body():
    case = create()
    first = case.send()
    doctor = case.body["doctor"]

    again = client_for(case.user).post(
        case.url,
        f'{{ "order_type" : "online",\n "doctor": "{doctor}" }}',
        content_type="application/json",
        headers={"Idempotency-Key": "key-1"},
    )

    assert again.content == first.content
    assert case.made() == 1


@pytest.mark.parametrize("fields", [{"scores": "5"}, {"content": "好评 "}, {"extra": None}])
def test_any_other_value_makes_another_body(fields):
    case = evaluate()
    case.send()

    assert case.send(body=case.body | fields).status_code == 422


def test_a_form_is_the_same_body_only_as_a_form():
    case = create()
    client = client_for(case.user)
    headers = {"Idempotency-Key": "key-1"}

    first, again = (
        client.post(case.url, case.body, format="multipart", headers=headers) for _ in range(2)
    )

    assert first.content == again.content
    assert case.made() == 1


def test_what_is_refused_before_the_view_keeps_no_key():
    case = create()
    doctor = make_doctor().user
    headers = {"Idempotency-Key": "key-1"}

    answers = [
        client_for(doctor).post(case.url, case.body, headers=headers),
        type(client_for(doctor))().post(case.url, case.body, headers=headers),
        client_for(case.user).post(case.url, "{", content_type="application/json", headers=headers),
    ]

    assert [response.status_code for response in answers] == [403, 401, 400]
    assert not IdempotencyKey.objects.exists()


def test_what_is_not_there_is_kept_as_not_there():
    client = client_for(make_patient().user)
    headers = {"Idempotency-Key": "key-1"}
    url = "/qaorder/order/refund/12345678901234567890123456/"

    first, again = (client.put(url, {}, headers=headers) for _ in range(2))

    assert first.status_code == again.status_code == 404
    assert first.content == again.content == b'{"detail":"Not found."}'


def test_a_get_does_not_look_at_the_key():
    order = order_in(Status.PAID)
    client = client_for(order.patient.user)
    url = f"/qaorder/order/detail/{order.order_number}/"

    client.get(url, headers={"Idempotency-Key": "key-1"})

    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize(("age", "left"), [(DAY - timedelta(seconds=1), 1), (DAY, 0)])
def test_old_keys_are_purged(age, left):
    create().send()
    now = timezone.now()
    IdempotencyKey.objects.update(created_at=now - age)

    with time_machine.travel(now, tick=False):
        assert idempotency.purge() == 1 - left

    assert IdempotencyKey.objects.count() == left
    assert Patient.objects.count() == 1
