"""The admin and the docs in a real browser, which also sees whether anything comes from outside."""

import shutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.contrib import admin

from payments import refund_outbox
from payments.models import RefundStatus
from qaorder.models import Status
from tests.support import books, people

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
]

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Browser:
    """A page of this server, and everything that went wrong on it."""

    def __init__(self, page: Any, home: str) -> None:
        self.page, self.home = page, home
        self.ours: tuple[str, ...] = (home, "data:")
        self.outside: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._requested)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", self._answered)
        page.on("console", self._written)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(self.ours):
            self.outside.append(request.url)

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and not response.url.endswith("/favicon.ico"):
            self.errors.append(f"{response.status} {response.url}")

    def _written(self, message: Any) -> None:
        # What the content policy stops is an error on the console, and nothing else.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(self.home + path)

    def allow(self, home: str) -> None:
        """Let pages of another server of ours be opened too."""
        self.ours += (home,)

    def log_in(self, username: str) -> None:
        self.open("/admin/")
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", people.PASSWORD)
        self.page.click("[type=submit]")

    def act(self, action: str) -> None:
        """Choose an action for the only row of the list."""
        self.page.check(".action-select")
        self.page.select_option("select[name=action]", action)
        self.page.click("button[name=index]")

    def confirm(self, reason: str) -> None:
        """Give the reason on the page that asks for it."""
        self.page.fill("#id_reason", reason)
        self.page.click("input[type=submit]")

    def message(self) -> str:
        return str(self.page.text_content(".messagelist"))


@pytest.fixture
def run(live_server, monkeypatch) -> Iterator[Any]:
    """Start a browser; its event loop runs in this thread, where Django then allows no queries."""
    try:
        playwright_api = import_module("playwright.sync_api")
    except ImportError:
        pytest.skip("needs Chromium, and playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        browser = Browser(chromium.new_page(), live_server.url)
        yield browser
        chromium.close()
    assert browser.outside == []
    assert browser.errors == []


def test_staff_verify_refund_and_retry(run):
    people.make_user("boss", is_staff=True, is_superuser=True)
    doctor = people.make_doctor(is_verified=False)
    order = people.order_in(Status.WAITING)

    run.log_in("boss")
    run.open("/admin/accounts/doctor/?verified=no")
    run.act("verify")
    assert "1 名医生已通过认证" in run.message()

    run.open("/admin/qaorder/order/")
    run.act("refund_order")
    assert "退还 15.00 元到余额" in run.page.content()
    run.confirm("医生停诊")
    assert "已执行" in run.message()

    doctor.refresh_from_db()
    order.refresh_from_db()
    refund = order.paid_with.refunds.get()
    assert doctor.is_verified
    assert (order.status, refund.reason) == (Status.CANCELLED, "医生停诊")

    refund.status, refund.refund_id = RefundStatus.FAILED, "re_1"
    refund.save()
    run.open("/admin/payments/refund/?status__exact=2")
    run.act("retry_refund")
    run.confirm("账户已恢复")
    assert "已执行" in run.message()


def test_staff_see_and_accept_a_refund_made_in_the_providers_console(run, provider):
    people.make_user("boss", is_staff=True, is_superuser=True)
    order = people.new_order()
    charge = people.pay_remotely(provider, order).charge_id
    console = f"{provider.sandbox.url}/mock/charges/{charge}"

    run.allow(provider.sandbox.url)
    run.page.goto(console)
    run.page.click("text=控制台全额退款")
    run.page.wait_for_selector("text=已退款")
    provider.deliver_all("refund.succeeded")

    run.log_in("boss")
    run.open("/admin/payments/discrepancy/?resolved=no")
    assert "渠道有退款，本地无记录" in run.page.content()
    run.act("accept_console_refund")
    assert f"渠道金额 15.00 元，订单 {order.order_number}（已支付）" in run.page.content()
    run.page.select_option("#id_bearer", "platform")
    run.confirm("患者要求")
    assert "已执行" in run.message()
    assert run.page.locator(".action-select").count() == 0

    refund_outbox.send_due()
    run.open(f"/admin/payments/refund/?q={charge}")
    assert run.page.text_content("#result_list .field-status") == "已退款"
    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    books.assert_whole(provider)


def test_every_page_of_the_admin_works_under_its_content_policy(run):
    people.make_user("boss", is_staff=True, is_superuser=True)
    people.order_in(Status.WAITING)
    run.log_in("boss")

    for model in admin.site._registry:
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        run.open(path)
        if run.page.locator("#result_list th a").count():
            run.page.locator("#result_list th a").first.click()
            run.page.wait_for_load_state()
        if run.page.goto(f"{run.home}{path}add/", wait_until="load").status == 403:
            # The only answer that is meant to be refused: what nobody may add.
            run.errors.pop()


def test_the_front_page_leads_to_the_docs(run):
    run.open("/")
    run.page.click("text=接口文档")
    run.page.locator(".opblock-summary").first.click()
    run.page.wait_for_selector(".try-out")


def test_the_docs_show_every_area_without_the_outside(run):
    run.open("/docs/")
    run.page.wait_for_selector(".opblock")

    areas = run.page.locator(".opblock-tag").all_text_contents()
    assert areas[:2] == ["账号", "医生"]
    assert {"订单", "问答", "评价", "支付与退款", "余额"} <= set(areas)
