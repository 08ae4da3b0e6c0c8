"""Idempotency-Key: the same answer for the same request, for a day, and never two effects."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.exceptions import Throttled, ValidationError

from accounts.models import Patient
from api import errors, failpoints, idempotency
from api.models import IdempotencyKey
from qaorder.models import DiagnosisTag, Status
from qaorder.serializers.inputs import MAX_PICKED
from tests.support import books, people
from tests.support.keyed import (
    CASES,
    IN_ONE_TRANSACTION,
    WITH_A_CHARGE,
    create,
    evaluate,
    pay_by_alipay,
    pay_by_balance,
    recharge,
    refund,
    time_passes,
    views_of,
    views_that_take_a_key,
)
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
    top_up,
)

DAY = timedelta(hours=24)
STALL = timedelta(seconds=70)

pytestmark = pytest.mark.django_db(transaction=True)
every_case = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


def test_every_view_that_takes_a_key_is_among_the_cases():
    assert views_of([make() for make in CASES]) == views_that_take_a_key()


@every_case
def test_a_repeated_request_gets_the_same_status_and_bytes_and_no_second_effect(provider, make):
    case = make()
    first = case.send()
    before, made = books.everything(), case.made()

    again = [case.send() for _ in range(2)]

    assert first.status_code in (200, 201)
    assert made == 1
    for response in again:
        assert response.status_code == first.status_code
        assert response.content == first.content
        assert response.headers["Content-Type"] == first.headers["Content-Type"]
    assert books.everything() == before


@every_case
def test_the_key_with_another_body_is_refused(provider, make):
    case = make()
    case.send()
    before = books.everything()

    response = case.send(body=case.other)

    assert response.status_code == 422
    assert response.json() == {"detail": "该 Idempotency-Key 已用于另一个请求"}
    assert books.everything() == before


def test_the_key_on_another_url_is_another_request(provider):
    patient = make_patient(balance_fen=5000)
    orders = [place_order(patient, make_doctor()) for _ in range(2)]
    headers = {"Idempotency-Key": "key-1"}

    answers = [people.try_to_pay(order, "balance", **headers) for order in orders]

    assert [response.status_code for response in answers] == [200, 422]
    assert books.wallet(patient.user) == 3500


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
        people.try_to_pay(order, "balance", **{"Idempotency-Key": "same"}) for order in orders
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
    first = people.try_to_pay(order, "balance", **headers)
    top_up(order.patient.user, 1500)

    again = people.try_to_pay(order, "balance", **headers)

    assert first.json()["status"] == -5
    assert (again.status_code, again.content) == (first.status_code, first.content)
    order.refresh_from_db()
    assert order.status == Status.UNPAID
    assert people.try_to_pay(order, "balance", **{"Idempotency-Key": "key-2"}).status_code == 200


@pytest.mark.parametrize("make", [pay_by_alipay, recharge], ids=lambda make: make.__name__)
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
    before = books.everything()

    def break_down():
        raise RuntimeError

    failpoints.hooks[point] = break_down
    broken = case.send()
    failpoints.hooks.clear()

    assert broken.status_code == 500
    assert books.everything() == before
    assert not IdempotencyKey.objects.exclude(status_code=None).exists()
    assert case.send().status_code == 200
    assert case.made() == 1


@pytest.mark.parametrize("make", IN_ONE_TRANSACTION, ids=lambda make: make.__name__)
def test_an_effect_whose_answer_could_not_be_kept_has_not_happened(make):
    case = make()
    before, made = books.everything(), case.made()

    def break_down():
        raise RuntimeError

    failpoints.hooks["idempotency.answered"] = break_down
    broken = case.send()
    failpoints.hooks.clear()

    assert broken.status_code == 500
    assert books.everything() == before
    assert case.send().status_code in (200, 201)
    assert case.made() == made + 1


def test_a_death_after_the_charge_was_stored_loses_no_answer(provider):
    case = pay_by_alipay()

    def break_down():
        raise RuntimeError

    failpoints.hooks["pay.charge_stored"] = break_down
    case.send()
    failpoints.hooks.clear()
    kept = case.send()

    assert kept.status_code == 200
    assert kept.json()["charge"]["id"] == provider.charges()[0]["id"]
    assert len(provider.charges()) == 1


@pytest.mark.parametrize(("after", "orders"), [(-60, 1), (0, 2)])
def test_after_a_day_the_key_is_forgotten(after, orders):
    case = create()
    first = case.send()

    time_passes(DAY + timedelta(seconds=after))
    again = case.send()

    assert again.status_code == 201
    assert (again.content == first.content) == (orders == 1)
    assert case.made() == orders


@pytest.mark.parametrize(("after", "status"), [(-30, 409), (0, 201)])
def test_the_key_of_a_request_that_died_is_free_again_when_its_lease_ends(after, status):
    case = create()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["idempotency.claimed"] = die
    with pytest.raises(KeyboardInterrupt):
        case.send()
    failpoints.hooks.clear()

    time_passes(idempotency.LEASE + timedelta(seconds=after))
    response = case.send()

    assert response.status_code == status
    assert case.made() == (status == 201)


def test_an_answer_is_kept_for_a_day_from_the_request_that_gave_it():
    case = create()

    def die():
        raise KeyboardInterrupt

    failpoints.hooks["idempotency.claimed"] = die
    with pytest.raises(KeyboardInterrupt):
        case.send()
    failpoints.hooks.clear()
    time_passes(DAY - timedelta(minutes=1))
    first = case.send()
    time_passes(DAY - timedelta(minutes=1))

    assert case.send().content == first.content
    assert case.made() == 1


def stall(point, act):
    """Have the next request stop at the point for longer than any lease, while `act` happens."""

    def hook():
        failpoints.hooks.clear()
        time_passes(STALL)
        act()

    failpoints.hooks[point] = hook


@every_case
def test_a_request_that_stalls_past_its_lease_is_fenced_out_by_the_next(provider, make):
    case, meanwhile = make(), []

    stall("idempotency.claimed", lambda: meanwhile.extend([case.send(), books.everything()]))
    stalled = case.send()

    second, after_second = meanwhile
    assert second.status_code in (200, 201)
    assert stalled.status_code == 409
    assert int(stalled.headers["Retry-After"]) > 0
    assert case.made() == 1
    assert case.send().content == second.content
    if make in WITH_A_CHARGE:
        assert len(provider.charges()) == 1
    else:
        assert books.everything() == after_second


@pytest.mark.parametrize("error", [None, OperationalError("connection lost")])
def test_a_request_that_lost_its_key_leaves_it_to_the_one_that_has_it(error):
    case = create()

    def next_takes_over_and_dies():
        failpoints.hooks["idempotency.claimed"] = die
        with pytest.raises(KeyboardInterrupt):
            case.send()

    def die():
        failpoints.hooks.clear()
        if error:
            failpoints.hooks["idempotency.answered"] = _Answering(error)
        raise KeyboardInterrupt

    stall("idempotency.claimed", next_takes_over_and_dies)
    stalled = case.send()

    assert stalled.status_code == 409
    assert case.made() == 0
    assert case.send().status_code == 409
    time_passes(idempotency.LEASE)
    assert case.send().status_code == 201


@pytest.mark.parametrize("point", ["pay.attempt_written", "pay.charge_created"])
def test_a_payer_who_stalls_at_the_provider_past_the_lease_makes_no_second_charge(provider, point):
    case, meanwhile = pay_by_alipay(), []

    stall(point, lambda: meanwhile.append(case.send()))
    stalled = case.send()

    assert meanwhile[0].status_code == 200
    assert stalled.status_code in (409, 503)
    assert stalled.headers["Retry-After"]
    assert case.send().content == meanwhile[0].content
    assert len(provider.charges()) == 1


@every_case
def test_a_server_whose_clock_runs_ahead_does_not_take_over_what_still_runs(provider, make):
    case, meanwhile = make(), []

    def send_from_another_server():
        failpoints.hooks.clear()
        with time_machine.travel(timezone.now() + idempotency.LEASE + timedelta(seconds=1)):
            meanwhile.append(case.send())

    failpoints.hooks["idempotency.claimed"] = send_from_another_server
    first = case.send()

    assert meanwhile[0].status_code == 409
    assert first.status_code in (200, 201)
    assert case.made() == 1


@pytest.mark.parametrize("ahead", [timedelta(days=-2), timedelta(days=2)])
def test_no_servers_clock_says_how_long_an_answer_is_kept(ahead):
    case = create()
    with time_machine.travel(timezone.now() + ahead):
        first = case.send()
        idempotency.purge()

    assert case.send().content == first.content
    with time_machine.travel(timezone.now() - ahead):
        assert idempotency.purge() == 0
        assert case.send().content == first.content


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


@pytest.mark.parametrize(("age", "left"), [(DAY - timedelta(minutes=1), 1), (DAY, 0)])
def test_old_keys_are_purged(age, left):
    create().send()
    time_passes(age)

    assert idempotency.purge() == 1 - left
    assert IdempotencyKey.objects.count() == left
    assert Patient.objects.count() == 1


def fill(user, count, **columns):
    """So many answered keys of the user."""
    IdempotencyKey.objects.bulk_create(
        IdempotencyKey(user=user, key=f"old-{number}", body=b"", status_code=200, **columns)
        for number in range(count)
    )


def test_old_keys_are_purged_in_batches(monkeypatch):
    monkeypatch.setattr(idempotency, "PURGED_AT_ONCE", 10)
    fill(make_patient().user, 25, locked_until=timezone.now())
    time_passes(DAY)

    with CaptureQueriesContext(connection) as queries:
        assert idempotency.purge() == 25

    assert not IdempotencyKey.objects.exists()
    assert sum(query["sql"].startswith("DELETE") for query in queries) == 3


def test_a_caller_has_so_many_keys_and_no_more():
    case, most = create(), django_settings.IDEMPOTENCY_MAX_KEYS
    kept = case.send("kept")
    fill(case.user, most - 1, locked_until=timezone.now())

    refused = case.send("one-more")

    assert refused.status_code == 429
    assert refused.json() == {"detail": "使用的 Idempotency-Key 过多，请稍后重试"}
    assert 24 * 3600 - 60 < int(refused.headers["Retry-After"]) <= 24 * 3600
    assert case.made() == 1
    assert IdempotencyKey.objects.count() == most
    assert case.send("kept").content == kept.content
    assert case.send(None).status_code == 201
    assert create().send().status_code == 201


def test_a_caller_with_too_many_keys_has_room_again_when_the_oldest_is_forgotten(settings):
    settings.IDEMPOTENCY_MAX_KEYS = 2
    case = create()
    case.send("first")
    time_passes(DAY / 2)
    case.send("second")

    full = case.send("third")
    time_passes(DAY / 2)

    assert full.status_code == 429
    assert int(full.headers["Retry-After"]) <= DAY.total_seconds() / 2
    assert case.send("third").status_code == 201


class _Answering:
    """Has the next keyed request raise this error in place of its handler's work."""

    def __init__(self, error):
        self.error = error

    def __call__(self):
        failpoints.hooks.clear()
        raise self.error


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (ValidationError({"doctor": ["错" * 100]}), True),
        (Throttled(wait=5), False),
        (idempotency.KeyInFlight(), False),
        (OperationalError("canceling statement due to lock timeout"), False),
    ],
    ids=["short", "429", "409", "503"],
)
def test_only_an_error_that_will_stay_true_is_kept(error, is_kept):
    case = create()

    failpoints.hooks["idempotency.answered"] = _Answering(error)
    first = case.send()
    again = case.send()

    assert first.status_code >= 400
    assert (again.content == first.content) == is_kept
    assert case.made() == (0 if is_kept else 1)


def test_the_longest_success_is_kept():
    order = order_in(Status.WAITING)
    text = "\x01" * 2000
    tags = [
        DiagnosisTag.objects.create(
            owner=order.doctor.user, name="诊" * 100, description="断" * 500
        )
        for _ in range(MAX_PICKED)
    ]
    body = {"question": order.question.pk, "diagnosis_tag": [tag.pk for tag in tags]}
    body |= {"diagnosis_result": "咳" + text[1:], "extra_suggestion": text}
    client = client_for(order.doctor.user)

    first, again = (
        client.post(
            "/qaorder/answer/create/", body, format="json", headers={"Idempotency-Key": "key-1"}
        )
        for _ in range(2)
    )

    assert first.status_code == 201, first.content
    assert len(first.content) > errors.MAX_ERROR
    assert again.content == first.content


@pytest.mark.parametrize(
    "body", ['{"doctor": ' + "[" * 900 + "]" * 900 + "}", "[" + "{}," * 9 + "1]"]
)
def test_any_body_that_parses_has_a_fingerprint(body):
    case = create()

    first, again = (
        client_for(case.user).post(
            case.url, body, content_type="application/json", headers={"Idempotency-Key": "key-1"}
        )
        for _ in range(2)
    )

    assert first.status_code == 400
    assert again.content == first.content
