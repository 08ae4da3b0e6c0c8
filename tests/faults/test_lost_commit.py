"""The connection to the database breaks at a COMMIT: it may have happened, and happens once.

Django talks to PostgreSQL through a proxy that cuts the connection at one statement. Every request
that takes an Idempotency-Key is cut at each of its statements that make something last.
"""

from datetime import timedelta
from itertools import product

import pytest
from django.db.models.functions import Now

from api.models import IdempotencyKey
from tests.faults.postgres_proxy import Loss, PostgresProxy
from tests.support.keyed import (
    CASES,
    IN_ONE_TRANSACTION,
    pay_by_balance,
    time_passes,
    views_of,
    views_that_take_a_key,
)

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LEASES = timedelta(seconds=70)
every_case = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


@pytest.fixture
def proxy():
    proxy = PostgresProxy()
    yield proxy
    proxy.close()


def send(proxy, case, key="key-1", **cut):
    """Send the request through the proxy, cutting as told; the answer."""
    request = case.request(key)
    proxy.watch(**cut)
    with proxy.between():
        answer = request()
    assert proxy.has_cut == bool(cut)
    if cut:
        proxy.wait()
    return answer


def final_statements(proxy, make, key="key-1"):
    """The numbers of the statements of this request that make something last, in order."""
    make().send(key)  # the first of its kind also makes the ledger's shared accounts
    assert send(proxy, make(), key).status_code in (200, 201)
    found = [number for number, seen in enumerate(proxy.exchanges) if seen.is_final]
    assert proxy.exchanges[found[-1]].command == "COMMIT"
    return found


def charges_of(provider, case):
    ours = case.user.payments.values_list("order_no", flat=True)
    return [charge for charge in provider.charges() if charge["order_no"] in ours]


def is_key_free(case):
    """Whether the key waits for no lease: the next request with it is not told to wait."""
    return not IdempotencyKey.objects.filter(user=case.user, locked_until__gt=Now()).exists()


def assert_repeatable(first):
    assert first.status_code == 503
    assert list(first.json()) == ["detail"]
    assert int(first.headers["Retry-After"]) > 0


def assert_happened_once(provider, case, first):
    """The request with the same key gets one answer from now on, of one effect."""
    again, once_more = case.send(), case.send()
    assert again.status_code in (200, 201), again.content
    assert once_more.content == again.content
    if first.status_code != 503:
        assert (first.status_code, first.content) == (again.status_code, again.content)
    assert case.made() == 1
    assert len(charges_of(provider, case)) == (
        "charge" in again.json() and bool(again.json()["charge"])
    )


def test_every_view_that_takes_a_key_is_cut():
    assert views_of([make() for make in CASES]) == views_that_take_a_key()


@every_case
def test_the_lost_reply_to_the_commit_of_the_effect_is_made_good_at_once(proxy, provider, make):
    last = final_statements(proxy, make)[-1]
    for loss in (Loss.REPLY, Loss.LATE):
        case = make()

        first = send(proxy, case, cut_at=last, loss=loss)

        assert first.status_code in (200, 201)
        assert_happened_once(provider, case, first)


@every_case
def test_wherever_the_connection_is_cut_the_repeated_request_has_one_effect(proxy, provider, make):
    for number, loss in product(final_statements(proxy, make), Loss):
        case = make()

        first = send(proxy, case, cut_at=number, loss=loss)

        if first.status_code not in (200, 201):
            assert_repeatable(first)
            assert loss is Loss.LATE or is_key_free(case)
        time_passes(LEASES)
        assert_happened_once(provider, case, first)


@pytest.mark.parametrize(
    "make", [*IN_ONE_TRANSACTION, pay_by_balance], ids=lambda make: make.__name__
)
def test_an_effect_that_was_not_committed_can_be_tried_again_at_once(proxy, provider, make):
    last = final_statements(proxy, make)[-1]
    case = make()

    first = send(proxy, case, cut_at=last, loss=Loss.REQUEST)

    assert_repeatable(first)
    assert case.made() == 0
    assert_happened_once(provider, case, first)


@every_case
def test_while_the_database_cannot_be_asked_the_key_is_left_as_it_is(proxy, provider, make):
    last = final_statements(proxy, make)[-1]
    case = make()

    first = send(proxy, case, cut_at=last, loss=Loss.REPLY, is_last=True)

    assert_repeatable(first)
    assert case.made() == 1
    assert_happened_once(provider, case, first)


@every_case
def test_without_a_key_the_effect_happens_at_most_once_and_the_caller_is_told_to_look(
    proxy, provider, make
):
    last = final_statements(proxy, make, key=None)[-1]
    for loss in Loss:
        case = make()

        first = send(proxy, case, key=None, cut_at=last, loss=loss)

        assert_repeatable(first)
        assert case.made() == (loss is not Loss.REQUEST)
        assert len(charges_of(provider, case)) <= 1
