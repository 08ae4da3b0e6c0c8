"""The acts of staff that move money, as staff meet them in the admin; driven by their table."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import OperationalError
from django.test import Client

from api import errors, failpoints
from payments import staff_acts
from payments.models import Payout, StaffRequest
from qaorder.models import Order, Status
from staff.acts import PARAMETERS
from tests.support import books, people
from tests.support.staff import act, login_as_staff, text, url_of
from tests.support.ways_out import prepare

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS = url_of(StaffRequest)
PAYOUTS = url_of(Payout)
ORDERS = url_of(Order)
REQUIRED = "该字段是必填项"
NOBODY = {"bearer": ["", "order", "nobody"], "to": ["", "nobody", "boss", "x" * 51, "a\x00b"]}
"""What an act's form must not take; `boss` is no patient."""

VERBS = pytest.mark.parametrize("verb", staff_acts.VERBS)


@pytest.fixture
def colleague() -> Client:
    client = Client()
    client.force_login(people.make_user("other", is_staff=True, is_superuser=True))
    return client


def url(verb: str) -> str:
    return url_of(staff_acts.VERBS[verb].model)


def confirm(client: Client, verb: str, *rows, **answers):
    answers = {"reason": "已核实", **answers}
    return act(client, url(verb), verb, *rows, confirm="1", **answers)


def codename(verb: str, what: str) -> str:
    return f"{what}_{staff_acts.VERBS[verb].model._meta.model_name}"


def moved() -> dict:
    """All there is but the requests of staff."""
    rows = books.everything()
    del rows["payments.StaffRequest"]
    return rows


def wait(client: Client, settings, verb: str, row, arguments) -> StaffRequest:
    settings.STAFF_DOUBLE_CHECK_FEN = 1
    page = text(confirm(client, verb, row, **arguments))
    assert "等待复核" in page
    return StaffRequest.objects.latest("pk")


def test_every_parameter_of_an_act_has_a_field_and_wrong_answers_here():
    names = {name for verb in staff_acts.VERBS.values() for name in verb.parameters}

    assert names == set(PARAMETERS) == set(NOBODY)


@VERBS
def test_an_act_is_offered_and_done_with_its_permission_alone(client, provider, verb):
    row, arguments = prepare(verb, provider)
    login_as_staff(client, codename(verb, "view"))
    before = books.everything()

    page = text(client.get(url(verb)))
    confirm(client, verb, row, **arguments)

    assert f'value="{verb}"' not in page
    assert books.everything() == before
    assert not LogEntry.objects.exists()

    login_as_staff(client, codename(verb, "view"), codename(verb, "change"))
    assert f'value="{verb}">{staff_acts.VERBS[verb].label}<' in text(client.get(url(verb)))
    assert "已执行" in text(confirm(client, verb, row, **arguments))


@VERBS
def test_the_page_that_asks_says_what_about_and_changes_nothing(client, provider, boss, verb):
    row, _ = prepare(verb, provider)
    before = books.everything()

    page = text(act(client, url(verb), verb, row))

    chosen = staff_acts.VERBS[verb]
    assert f"<h1>{chosen.label}</h1>" in page
    assert page.count("<li>") - text(client.get("/admin/")).count("<li>") >= 1
    assert "15.00 元" in page or "14.90 元，手续费 0.10 元" in page
    assert "超过 1000.00 元" in page
    for name in ("reason", *chosen.parameters):
        assert f'name="{name}"' in page
    assert page.count("<select") == page.count('<option value="" selected>')
    assert books.everything() == before


@VERBS
def test_what_is_missing_or_wrong_is_said_at_its_field(client, provider, boss, verb):
    row, arguments = prepare(verb, provider)
    before = books.everything()

    for reason in ("", " \t", "x" * 201, "a\x00b"):
        answer = confirm(client, verb, row, **(arguments | {"reason": reason}))
        assert list(answer.context["form"].errors) == ["reason"], reason
    for name in staff_acts.VERBS[verb].parameters:
        for wrong in NOBODY[name]:
            answer = confirm(client, verb, row, **(arguments | {name: wrong}))
            assert list(answer.context["form"].errors) == [name], wrong
            assert str(answer.context["form"].errors[name][0]) in text(answer)

    assert books.everything() == before
    assert not LogEntry.objects.exists()


@VERBS
def test_a_small_amount_moves_at_once_and_is_in_the_log(client, provider, boss, verb):
    row, arguments = prepare(verb, provider)
    before = moved()

    page = text(confirm(client, verb, row, **arguments))

    done = StaffRequest.objects.get()
    entry = LogEntry.objects.get()
    assert "已执行" in page
    assert moved() != before
    assert (done.verb, done.state, done.reason) == (verb, "done", "已核实")
    assert (entry.user, entry.object_id) == (boss, str(row.pk))
    assert entry.change_message == f"{staff_acts.VERBS[verb].label}：已核实"


@VERBS
def test_a_second_tab_gets_a_message_and_moves_nothing(client, provider, boss, verb):
    row, arguments = prepare(verb, provider)
    confirm(client, verb, row, **arguments)
    before = books.everything()

    answer = confirm(client, verb, row, **arguments)

    assert answer.status_code == 200
    assert "已执行" not in text(answer)
    assert 'class="error"' in text(answer)
    assert books.everything() == before
    assert LogEntry.objects.count() == 1


@VERBS
def test_a_large_amount_waits_for_another_member(client, colleague, provider, settings, boss, verb):
    row, arguments = prepare(verb, provider)
    before = moved()
    request = wait(client, settings, verb, row, arguments)
    label = staff_acts.VERBS[verb].label

    asked = text(act(client, url(verb), verb, row))
    again = text(confirm(colleague, verb, row, **arguments))
    shown = text(client.get(f"{REQUESTS}?state__exact=waiting"))
    alone = text(act(client, REQUESTS, "approve", request))

    assert "（需复核）" in asked
    assert "同一操作已在等待复核" in again
    assert label in shown
    assert f'href="{url(verb)}{row.pk}/change/"' in shown
    assert "申请人不能复核自己的操作" in alone
    assert moved() == before

    page = text(act(colleague, REQUESTS, "approve", request))

    request.refresh_from_db()
    assert f"{label}：复核通过" in page
    assert (request.state, request.decided_by.username) == ("done", "other")
    assert moved() != before
    words = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
    assert words == [f"申请{label}：已核实", "复核通过"]
    assert "该操作已经处理" in text(act(colleague, REQUESTS, "approve", request))


@VERBS
def test_to_decide_takes_the_permission_of_the_act(client, provider, settings, boss, verb):
    row, arguments = prepare(verb, provider)
    request = wait(client, settings, verb, row, arguments)
    login_as_staff(client, "view_staffrequest", "change_staffrequest", codename(verb, "view"))
    before = books.everything()

    for action in ("approve", "decline"):
        assert "您没有权限执行此操作" in text(act(client, REQUESTS, action, request))

    assert books.everything() == before
    assert LogEntry.objects.count() == 1


def test_what_waits_is_turned_down_by_another_or_taken_back(
    client, colleague, provider, settings, boss
):
    row, _ = prepare("refund_order", provider)
    before = moved()

    for member, decided_by in ((colleague, "other"), (client, None)):
        request = wait(client, settings, "refund_order", row, {})
        page = text(act(member, REQUESTS, "decline", request))
        request.refresh_from_db()
        assert "驳回" in page
        assert request.state == "declined"
        assert (request.decided_by and request.decided_by.username) == decided_by

    assert moved() == before


def test_what_was_chosen_reads_in_words(client, provider, settings, boss):
    row, arguments = prepare("accept_console_refund", provider)
    request = wait(client, settings, "accept_console_refund", row, arguments)

    for page in (text(client.get(REQUESTS)), text(client.get(f"{REQUESTS}{request.pk}/change/"))):
        assert "承担方：平台" in page
        assert "bearer" not in page


@VERBS
def test_a_row_that_is_gone_is_a_message(client, boss, verb):
    answer = confirm(client, verb, 10**9, to="boss", bearer="doctor")

    assert answer.status_code == 200
    assert "所选记录已不存在" in text(answer)


def test_a_lock_that_cannot_be_had_is_a_message_and_changes_nothing(client, boss):
    def locked():
        raise OperationalError("database is locked")

    order = people.order_in(Status.PAID)
    before = books.everything()
    failpoints.hooks["refund.row_written"] = locked

    answer = confirm(client, "refund_order", order)

    assert answer.status_code == 200
    assert errors.BUSY in text(answer)
    assert books.everything() == before
    assert not LogEntry.objects.exists()


def test_a_lock_that_cannot_be_had_leaves_a_request_waiting(client, colleague, settings, boss):
    def locked():
        raise OperationalError("database is locked")

    settings.STAFF_DOUBLE_CHECK_FEN = 1
    order = people.order_in(Status.PAID)
    confirm(client, "refund_order", order)
    before = books.everything()
    failpoints.hooks["refund.row_written"] = locked

    answer = act(colleague, REQUESTS, "approve", StaffRequest.objects.get())

    assert answer.status_code == 200
    assert errors.BUSY in text(answer)
    assert books.everything() == before
