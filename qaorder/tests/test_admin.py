"""The admin of orders, money and history: read by staff, moved only by its few actions."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Doctor, PasswordReset, Patient, Session, SignInNetwork, User
from feiqingsong.testing import factories
from ledger.models import Account, BalanceSnapshot, Entry, Transaction
from ledger.services import balance_fen
from qaorder import models
from qaorder.lifecycle import Role
from qaorder.models import OrderType, RefundStatus, Status
from qaorder.payments import checkout, refunds
from qaorder.payments.settlement import PaidCharge, settle

pytestmark = pytest.mark.django_db

ORDERS = "/admin/qaorder/order/"
REFUNDS = "/admin/qaorder/refund/"
HELD = "/admin/qaorder/heldcharge/"
HIDDEN = {models.IdempotencyKey, Session, PasswordReset, SignInNetwork}
WRITTEN_BY_STAFF = {models.DiagnosisTag, models.Drug, models.Payout, User, Patient, Doctor}
OURS = ("accounts", "ledger", "qaorder")
READ_ONLY = [
    model
    for model in admin.site._registry
    if model._meta.app_label in OURS and model not in WRITTEN_BY_STAFF
]


@pytest.fixture
def boss(client: Client) -> User:
    user = factories.make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def login_as_staff(client: Client, *codenames: str) -> User:
    user = factories.make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def act(client: Client, url: str, action: str, *rows, **data):
    data |= {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url, data, follow=True)


def text(response) -> str:
    return response.content.decode()


def url_of(model) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def make_rows(number: int) -> None:
    """So many rows in every table that the admin shows."""
    doctor = factories.make_doctor()
    for index in range(number):
        order = factories.order_in(Status.EVALUATED)
        monthly = factories.order_in(Status.WAITING, doctor=doctor, order_type=OrderType.MONTHLY)
        factories.refund(monthly, Role.STAFF)
        payment = order.payments.get()
        name = f"{order.pk}-{index}"
        models.HeldCharge.objects.create(
            charge_id=name, order_no="1", channel="wx", amount_fen=1, payment=payment
        )
        models.Notice.objects.create(event_id=name, outcome="held")
        models.Discrepancy.objects.create(kind="differs", charge_id=name)
        models.DiagnosisTag.objects.create(owner=order.doctor.user, name=name)
        models.Drug.objects.create(owner=order.doctor.user, name=name)
        models.Payout.objects.create(
            channel="wx", reference=name, paid_on=timezone.localdate(), amount_fen=1
        )
        models.StaffRequest.objects.create(
            verb="refund_order",
            target_id=order.pk,
            amount_fen=1,
            reason="x",
            requested_by=order.patient.user,
        )
        start = timezone.now()
        models.Comparison.objects.create(start_at=start, end_at=start, compared_to=start)
    for account in Account.objects.filter(owner=None):
        BalanceSnapshot.objects.get_or_create(account=account)


def failed_refund() -> models.Refund:
    refund = factories.refund(factories.order_in(Status.PAID))
    models.Refund.objects.filter(pk=refund.pk).update(status=RefundStatus.FAILED, refund_id="re_1")
    return refund


def test_every_model_is_in_the_admin_but_kept_answers_and_networks():
    ours = {model for label in OURS for model in apps.get_app_config(label).get_models()}

    assert ours - set(admin.site._registry) == HIDDEN


def test_a_page_of_fifty_rows_costs_as_many_queries_as_one_of_two(client, boss):
    def costs() -> dict[str, int]:
        found = {}
        for model in admin.site._registry:
            if model._meta.app_label in OURS:
                with CaptureQueriesContext(
                    connection,
                ) as queries:
                    assert client.get(url_of(model)).status_code == 200
                found[model.__name__] = len(queries)
        return found

    make_rows(2)
    costs()  # what is kept in memory for ever after
    few = costs()
    make_rows(50)

    assert costs() == few
    assert max(few.values()) <= 12


def test_the_pages_of_one_row_open_and_searching_works(client, boss):
    make_rows(1)

    for model in READ_ONLY:
        row = model._default_manager.first()
        assert row is not None, model
        assert client.get(f"{url_of(model)}{row.pk}/change/").status_code == 200, model
        if admin.site._registry[model].search_fields:
            assert client.get(url_of(model), {"q": "a'%\\ 张"}).status_code == 200, model


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_nobody_adds_changes_or_deletes_money_and_history(client, boss, model):
    make_rows(1)
    row = model._default_manager.first()
    before = list(model._default_manager.values())
    url = url_of(model)

    answers = [
        client.get(f"{url}add/"),
        client.post(f"{url}add/", {}),
        client.post(f"{url}{row.pk}/change/", {"amount_fen": "1", "status": "5"}),
        client.get(f"{url}{row.pk}/delete/"),
        client.post(f"{url}{row.pk}/delete/", {"post": "yes"}),
    ]
    act(client, url, "delete_selected", row, post="yes")

    assert [answer.status_code for answer in answers] == [403] * 5
    assert list(model._default_manager.values()) == before


def test_the_charge_that_pays_is_not_shown(client, boss, provider):
    order = factories.order_in(Status.UNPAID)
    user = order.patient.user
    checkout.pay_order(order=order, channel="alipay", client_ip="127.0.0.1", payer=user)
    payment = order.payments.get()

    page = text(client.get(f"/admin/qaorder/payment/{payment.pk}/change/"))

    assert "orderInfo" in payment.charge
    assert payment.charge_id in page
    assert "credential" not in page
    assert "orderInfo" not in page


def test_a_refund_asks_first_and_says_what_will_happen(client, boss):
    order = factories.order_in(Status.PAID)

    page = text(act(client, ORDERS, "refund_order", order))

    order.refresh_from_db()
    assert order.order_number in page
    assert "退还 15.00 元到余额" in page
    assert order.status == Status.PAID


def test_a_refund_needs_a_reason(client, boss):
    order = factories.order_in(Status.PAID)

    page = text(act(client, ORDERS, "refund_order", order, confirm="1", reason="  "))

    order.refresh_from_db()
    assert "该字段是必填项" in page
    assert order.status == Status.PAID


def test_staff_refund_an_order_with_a_reason(client, boss):
    order = factories.order_in(Status.WAITING)
    had = balance_fen(order.patient.user)

    page = text(act(client, ORDERS, "refund_order", order, confirm="1", reason="医生停诊"))

    order.refresh_from_db()
    event = order.events.latest("pk")
    assert f"订单 {order.order_number}" in page
    assert "已执行" in page
    assert order.status == Status.CANCELLED
    assert (event.role, event.actor) == (Role.STAFF, boss)
    assert order.paid_with.refunds.get().reason == "医生停诊"
    assert balance_fen(order.patient.user) == had + 1500
    assert LogEntry.objects.get().change_message == "退款（取消订单，全额退回）：医生停诊"
    done = models.StaffRequest.objects.get()
    assert (done.verb, done.state, done.amount_fen) == ("refund_order", "done", 1500)
    assert (done.requested_by, done.decided_by) == (boss, None)


def test_a_used_overdue_monthly_order_is_found_and_refunded(client, boss, settings):
    order = factories.order_in(Status.WAITING, order_type=OrderType.MONTHLY)
    assert order.order_number not in text(client.get(ORDERS, {"overdue": "yes"}))
    factories.age(order, status_at=settings.ORDER_ANSWER_WINDOW + timedelta(minutes=1))

    found = text(client.get(ORDERS, {"overdue": "yes"}))
    act(client, ORDERS, "refund_order", order, confirm="1", reason="逾期")

    order.refresh_from_db()
    assert order.order_number in found
    assert order.status == Status.CANCELLED
    assert order.period.refunded_at is not None


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.PAID, Status.WAITING)])
def test_a_refund_that_is_refused_is_a_message(client, boss, status):
    order = factories.order_in(status)
    entries = Entry.objects.count()

    asked = text(act(client, ORDERS, "refund_order", order))
    response = act(client, ORDERS, "refund_order", order, confirm="1", reason="x")

    order.refresh_from_db()
    assert order.order_number in asked
    assert response.status_code == 200
    assert "不能退款" in text(response)
    assert order.status == status
    assert Entry.objects.count() == entries
    assert not LogEntry.objects.exists()


def test_one_refusal_does_not_stop_the_other_refunds(client, boss):
    done, paid = factories.order_in(Status.ANSWERED), factories.order_in(Status.PAID)

    page = text(act(client, ORDERS, "refund_order", paid, done, confirm="1", reason="x"))

    assert "不能退款" in page
    assert "已执行" in page
    assert models.Refund.objects.get().payment.order == paid


def test_too_many_orders_at_once_are_refused(client, boss):
    orders = [factories.order_in(Status.PAID) for _ in range(21)]

    page = text(act(client, ORDERS, "refund_order", *orders, confirm="1", reason="x"))

    assert "一次最多处理 20 条" in page
    assert not models.Refund.objects.exists()


def test_view_only_staff_see_and_cannot_act(client):
    login_as_staff(client, "view_order", "view_refund", "view_heldcharge")
    order, refund = factories.order_in(Status.PAID), failed_refund()
    held = models.HeldCharge.objects.create(charge_id="ch_1", amount_fen=1)

    page = text(client.get(ORDERS))
    act(client, ORDERS, "refund_order", order, confirm="1", reason="x")
    act(client, REFUNDS, "retry_refund", refund, confirm="1", reason="x")
    act(client, HELD, "keep_held", held, confirm="1", reason="x")

    order.refresh_from_db()
    refund.refresh_from_db()
    assert order.order_number in page
    assert "退款（取消订单" not in page
    assert (order.status, refund.status) == (Status.PAID, RefundStatus.FAILED)
    assert not LogEntry.objects.exists()


def test_the_condition_is_for_staff_who_may_see_questions(client):
    order = factories.order_in(Status.WAITING)
    url = f"{ORDERS}{order.pk}/change/"

    login_as_staff(client, "view_order")
    without = text(client.get(url))
    login_as_staff(client, "view_order", "view_question")

    assert order.order_number in without
    assert "咳嗽三周" not in without
    assert "咳嗽三周" in text(client.get(url))


def test_staff_with_the_change_permission_refund(client):
    staff = login_as_staff(client, "view_order", "change_order")
    order = factories.order_in(Status.PAID)

    act(client, ORDERS, "refund_order", order, confirm="1", reason="x")

    assert order.events.latest("pk").actor == staff


def test_staff_without_permissions_and_users_see_nothing(client):
    login_as_staff(client)
    assert client.get(ORDERS).status_code == 403
    client.force_login(factories.make_patient().user)
    assert client.get(ORDERS).status_code == 302


def test_a_failed_refund_is_found_and_sent_again(client, boss):
    failed, fine = failed_refund(), factories.refund(factories.order_in(Status.PAID))
    number = failed.payment.order.order_number

    orders = text(client.get(ORDERS, {"refund": RefundStatus.FAILED.value}))
    data = {"confirm": "1", "reason": "账户已恢复"}
    page = text(act(client, REFUNDS, "retry_refund", failed, fine, **data))

    failed.refresh_from_db()
    fine.refresh_from_db()
    assert number in orders
    assert fine.payment.order.order_number not in orders
    assert page.count("已执行") == 1
    assert page.count("不能退款") == 1
    assert (failed.status, failed.refund_id) == (RefundStatus.OPEN, None)
    assert fine.status == RefundStatus.SUCCEEDED
    assert refunds.refund_of(failed.payment.order) == failed


def hold(amount_fen: int = 1400) -> models.HeldCharge:
    """Money that arrived for an order, but not as much as was due."""
    order = factories.place_order(factories.make_patient(), factories.make_doctor())
    payment = models.Payment.objects.create(
        order=order,
        payer=order.patient.user,
        channel="wx",
        order_no=order.order_number,
        amount_fen=1500,
        state="pending",
        charge_id=f"ch_{order.pk}",
    )
    settle(PaidCharge(payment.charge_id, payment.order_no, "wx", amount_fen, timezone.now()))
    return models.HeldCharge.objects.get(payment=payment)


def test_held_charges_show_why_and_leave_the_queue_once_decided(client, boss):
    held = hold()

    waiting = text(client.get(HELD, {"resolved": "no"}))
    asked = text(act(client, HELD, "keep_held", held))
    closed = text(act(client, HELD, "keep_held", held, confirm="1", reason="无人认领"))

    for words in (held.charge_id, "金额或渠道不符", held.order_no, "14.00", "15.00"):
        assert words in waiting
    assert "不能撤销" in asked
    assert "已执行" in closed
    assert held.charge_id not in text(client.get(HELD, {"resolved": "no"}))
    assert held.charge_id in text(client.get(HELD, {"resolved": "yes"}))
    assert LogEntry.objects.get().change_message == "转入平台：无人认领"
    assert "已经处理" in text(act(client, HELD, "keep_held", held, confirm="1", reason="x"))


def test_a_difference_with_the_provider_is_closed_by_staff(client, boss):
    row = models.Discrepancy.objects.create(kind="differs", charge_id="ch_1", our_amount_fen=1500)

    act(client, "/admin/qaorder/discrepancy/", "resolve", row, confirm="1", reason="已核实")

    row.refresh_from_db()
    assert row.resolution == models.Resolution.STAFF
    assert row.resolved_at is not None


def test_held_notices_can_be_listed(client, boss):
    models.Notice.objects.create(event_id="evt_held", outcome="held")
    models.Notice.objects.create(event_id="evt_fine", outcome="applied")

    page = text(client.get("/admin/qaorder/notice/", {"outcome__exact": "held"}))

    assert "evt_held" in page
    assert "evt_fine" not in page


def test_what_staff_add_to_the_catalogue_is_shared(client, boss):
    doctor = factories.make_doctor()

    client.post("/admin/qaorder/diagnosistag/add/", {"name": "哮喘", "description": ""})
    client.post("/admin/qaorder/drug/add/", {"name": "头孢"})

    assert models.DiagnosisTag.objects.usable_by(doctor.user).get().owner == boss
    assert models.Drug.objects.usable_by(doctor.user).get().owner == boss


def test_staff_change_shared_entries_and_only_read_a_doctors_own(client, boss):
    own = models.Drug.objects.create(owner=factories.make_doctor().user, name="自有")
    shared = models.Drug.objects.create(owner=boss, name="共享", is_shared=True)

    answers = [
        client.post(f"/admin/qaorder/drug/{row.pk}/change/", {"name": "改"}).status_code
        for row in (own, shared)
    ]
    refused = client.post(f"/admin/qaorder/drug/{own.pk}/delete/", {"post": "yes"}).status_code

    own.refresh_from_db()
    shared.refresh_from_db()
    assert (answers, refused) == ([403, 302], 403)
    assert (own.name, shared.name, shared.owner) == ("自有", "改", boss)


@pytest.mark.parametrize("kind", ["diagnosistag", "drug"])
def test_sharing_takes_a_permission_of_its_own(client, kind):
    model = apps.get_model("qaorder", kind)
    usual = [f"{verb}_{kind}" for verb in ("view", "add", "change", "delete")]
    me = login_as_staff(client, *usual)
    own = model.objects.create(owner=factories.make_doctor().user, name="自有")
    shared = model.objects.create(owner=me, name="共享", is_shared=True)
    url = f"/admin/qaorder/{kind}/"

    def tries() -> list[int]:
        return [
            client.post(f"{url}add/", {"name": "新"}).status_code,
            client.post(f"{url}{shared.pk}/change/", {"name": "改"}).status_code,
            client.post(f"{url}{own.pk}/change/", {"name": "改"}).status_code,
            client.post(f"{url}{shared.pk}/delete/", {"post": "yes"}).status_code,
        ]

    refused = tries()
    act(client, url, "share", own)
    act(client, url, "unshare", shared)
    own.refresh_from_db()
    shared.refresh_from_db()
    assert refused == [403, 403, 403, 403]
    assert (own.is_shared, shared.is_shared, shared.name) == (False, True, "共享")

    me.user_permissions.add(Permission.objects.get(codename=f"share_{kind}"))
    act(client, url, "share", own)
    act(client, url, "unshare", shared)
    own.refresh_from_db()
    shared.refresh_from_db()
    assert (own.is_shared, shared.is_shared) == (True, False)
    assert {entry.change_message for entry in LogEntry.objects.all()} == {"共享", "取消共享"}
    act(client, url, "share", shared)
    assert tries() == [302, 302, 302, 302]


def test_the_ledger_can_be_read(client, boss):
    factories.order_in(Status.ANSWERED)
    held, move = Account.objects.get(code="held"), Transaction.objects.get(kind="payment")

    account = text(client.get(f"/admin/ledger/account/{held.pk}/change/"))
    transaction = text(client.get(f"/admin/ledger/transaction/{move.pk}/change/"))

    assert "15.00" in account
    assert "-15.00" in transaction


def test_what_patients_and_doctors_write_is_escaped(client, boss):
    bad = "<script>alert(1)</script>"
    order = factories.order_in(Status.PAID)
    question = factories.ask(order, condition_description=bad, files=["http://a/<b>"])
    tag = models.DiagnosisTag.objects.create(owner=order.doctor.user, name=bad)
    answer = factories.answer(question, diagnosis_tags=[tag], diagnosis_result=bad)
    order.refresh_from_db()

    urls = [f"{ORDERS}{order.pk}", f"/admin/qaorder/question/{question.pk}"]
    urls.append(f"/admin/qaorder/answer/{answer.pk}")
    pages = "".join(text(client.get(f"{url}/change/")) for url in urls)
    pages += text(client.get("/admin/qaorder/diagnosistag/"))
    pages += text(act(client, ORDERS, "refund_order", order, confirm="1", reason=bad))

    assert pages.count("&lt;script&gt;alert(1)") >= 4
    assert "<script>alert(1)" not in pages
    assert "<b>" not in pages
