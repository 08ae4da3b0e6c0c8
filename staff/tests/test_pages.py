"""The admin of orders, money and history: read by staff, moved only by its few actions."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Doctor, PasswordReset, Patient, Session, SignInNetwork, User
from api.models import IdempotencyKey, LimitCount
from ledger.models import Account, BalanceSnapshot, Transaction
from payments.models import (
    Comparison,
    Discrepancy,
    Notice,
    Payout,
    Resolution,
    StaffRequest,
    SuspenseCharge,
)
from qaorder.lifecycle import Role
from qaorder.models import DiagnosisTag, Drug, OrderType, Status
from tests.support import people
from tests.support.paying import pay_order
from tests.support.staff import act, login_as_staff, text, url_of

pytestmark = pytest.mark.django_db

ORDERS = "/admin/qaorder/order/"
REFUNDS = "/admin/payments/refund/"
HELD = "/admin/payments/suspensecharge/"
HIDDEN = {IdempotencyKey, LimitCount, Session, PasswordReset, SignInNetwork}
WRITTEN_BY_STAFF = {DiagnosisTag, Drug, Payout, User, Patient, Doctor}
OURS = ("accounts", "api", "ledger", "payments", "qaorder")
READ_ONLY = [
    model
    for model in admin.site._registry
    if model._meta.app_label in OURS and model not in WRITTEN_BY_STAFF
]


def make_rows(number: int) -> None:
    """So many rows in every table that the admin shows."""
    doctor = people.make_doctor()
    for index in range(number):
        order = people.order_in(Status.EVALUATED)
        monthly = people.order_in(Status.WAITING, doctor=doctor, order_type=OrderType.MONTHLY)
        people.refund(monthly, Role.STAFF)
        payment = order.payments.get()
        name = f"{order.pk}-{index}"
        SuspenseCharge.objects.create(
            charge_id=name, order_no="1", channel="wx", amount_fen=1, payment=payment
        )
        Notice.objects.create(event_id=name, outcome="held")
        Discrepancy.objects.create(kind="differs", charge_id=name)
        DiagnosisTag.objects.create(owner=order.doctor.user, name=name)
        Drug.objects.create(owner=order.doctor.user, name=name)
        Payout.objects.create(
            channel="wx", reference=name, paid_on=timezone.localdate(), amount_fen=1
        )
        StaffRequest.objects.create(
            verb="refund_order",
            target_id=order.pk,
            amount_fen=1,
            reason="x",
            requested_by=order.patient.user,
        )
        start = timezone.now()
        Comparison.objects.create(start_at=start, end_at=start, compared_to=start)
    for account in Account.objects.filter(owner=None):
        BalanceSnapshot.objects.get_or_create(account=account)


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
    order = people.order_in(Status.UNPAID)
    user = order.patient.user
    pay_order(order=order, channel="alipay", payer=user)
    payment = order.payments.get()

    page = text(client.get(f"/admin/payments/payment/{payment.pk}/change/"))

    assert "orderInfo" in payment.charge
    assert payment.charge_id in page
    assert "credential" not in page
    assert "orderInfo" not in page


def test_the_condition_is_for_staff_who_may_see_questions(client):
    order = people.order_in(Status.WAITING)
    url = f"{ORDERS}{order.pk}/change/"

    login_as_staff(client, "view_order")
    without = text(client.get(url))
    login_as_staff(client, "view_order", "view_question")

    assert order.order_number in without
    assert "咳嗽三周" not in without
    assert "咳嗽三周" in text(client.get(url))


def test_staff_without_permissions_and_users_see_nothing(client):
    login_as_staff(client)
    assert client.get(ORDERS).status_code == 403
    client.force_login(people.make_patient().user)
    assert client.get(ORDERS).status_code == 302


def test_a_difference_with_the_provider_is_closed_by_staff(client, boss):
    row = Discrepancy.objects.create(kind="differs", charge_id="ch_1", our_amount_fen=1500)

    act(client, "/admin/payments/discrepancy/", "resolve", row, confirm="1", reason="已核实")

    row.refresh_from_db()
    assert row.resolution == Resolution.STAFF
    assert row.resolved_at is not None


def test_held_notices_can_be_listed(client, boss):
    Notice.objects.create(event_id="evt_held", outcome="held")
    Notice.objects.create(event_id="evt_fine", outcome="applied")

    page = text(client.get("/admin/payments/notice/", {"outcome__exact": "held"}))

    assert "evt_held" in page
    assert "evt_fine" not in page


def test_what_staff_add_to_the_catalogue_is_shared(client, boss):
    doctor = people.make_doctor()

    client.post("/admin/qaorder/diagnosistag/add/", {"name": "哮喘", "description": ""})
    client.post("/admin/qaorder/drug/add/", {"name": "头孢"})

    assert DiagnosisTag.objects.usable_by(doctor.user).get().owner == boss
    assert Drug.objects.usable_by(doctor.user).get().owner == boss


def test_staff_change_shared_entries_and_only_read_a_doctors_own(client, boss):
    own = Drug.objects.create(owner=people.make_doctor().user, name="自有")
    shared = Drug.objects.create(owner=boss, name="共享", is_shared=True)

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
    own = model.objects.create(owner=people.make_doctor().user, name="自有")
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
    people.order_in(Status.ANSWERED)
    held, move = Account.objects.get(code="in_transit"), Transaction.objects.get(kind="payment")

    account = text(client.get(f"/admin/ledger/account/{held.pk}/change/"))
    transaction = text(client.get(f"/admin/ledger/transaction/{move.pk}/change/"))

    assert "15.00" in account
    assert "-15.00" in transaction


def test_what_patients_and_doctors_write_is_escaped(client, boss):
    bad = "<script>alert(1)</script>"
    order = people.order_in(Status.PAID)
    question = people.ask(order, condition_description=bad, files=["http://a/<b>"])
    tag = DiagnosisTag.objects.create(owner=order.doctor.user, name=bad)
    answer = people.answer(question, diagnosis_tags=[tag], diagnosis_result=bad)
    order.refresh_from_db()

    urls = [f"{ORDERS}{order.pk}", f"/admin/qaorder/question/{question.pk}"]
    urls.append(f"/admin/qaorder/answer/{answer.pk}")
    pages = "".join(text(client.get(f"{url}/change/")) for url in urls)
    pages += text(client.get("/admin/qaorder/diagnosistag/"))
    pages += text(act(client, ORDERS, "refund_order", order, confirm="1", reason=bad))

    assert pages.count("&lt;script&gt;alert(1)") >= 4
    assert "<script>alert(1)" not in pages
    assert "<b>" not in pages
