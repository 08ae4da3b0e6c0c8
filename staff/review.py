"""What staff must look at: notices, charges that fit nothing, differences with the provider."""

from typing import Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse

from api import money
from payments.models import Comparison, Discrepancy, Notice, Resolution, SuspenseCharge
from payments.models.reconciliation import MONEY_KINDS
from payments.reconcile import discrepancies
from staff.acts import StaffActsAdmin
from staff.base import EMPTY, ReadOnlyAdmin, ask_reason, yuan

MAX_AT_ONCE = 50


class UnresolvedFilter(admin.SimpleListFilter):
    title = "处理"
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "未处理"), ("yes", "已处理")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        if self.value() in ("no", "yes"):
            return queryset.filter(resolved_at__isnull=self.value() == "no")
        return queryset


@admin.register(SuspenseCharge)
class SuspenseChargeAdmin(StaffActsAdmin):
    """Money that fits nothing: given back, to whom it belongs, or taken to the platform."""

    verbs = ("refund_suspense", "assign_suspense", "keep_suspense")
    list_display = [
        "charge_id",
        "reason",
        yuan("amount_fen"),
        yuan("refunded_fen", "渠道已退（元）"),
        "channel",
        "order_no",
        "payment",
        yuan("payment_amount_fen", "应付（元）"),
        "resolution",
        "resolved_at",
        "created_at",
    ]
    list_filter = [UnresolvedFilter, "resolution", "created_at"]
    list_select_related = ["payment"]
    search_fields = ["charge_id__exact", "order_no__startswith"]
    search_help_text = "渠道支付编号，或商户订单号开头"
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[SuspenseCharge]:
        rows = super().get_queryset(request).defer("payment__charge")
        return rows.annotate(payment_amount_fen=models.F("payment__amount_fen"))

    def line(self, row: SuspenseCharge) -> str:
        amount = money.to_yuan(row.remaining_fen)
        return f"渠道支付 {row.charge_id}：{row.reason}，{amount} 元，商户订单号 {row.order_no}"


@admin.register(Discrepancy)
class DiscrepancyAdmin(StaffActsAdmin):
    """Those that moved money at the provider end by an act, the others by a note."""

    verbs = ("accept_console_refund", "dispute_console_refund", "take_back_refund")
    list_display = [
        "charge_id",
        "kind",
        "order_no",
        yuan("our_amount_fen", "本地金额（元）"),
        yuan("provider_amount_fen", "渠道金额（元）"),
        "first_seen_at",
        "resolution",
    ]
    list_filter = [UnresolvedFilter, "kind", "resolution", "first_seen_at"]
    search_fields = ["charge_id__exact", "refund_id__exact", "order_no__startswith"]
    search_help_text = "渠道支付或退款编号，或商户订单号开头"
    actions = ["resolve"]
    fields = [*list_display, "last_seen_at", "resolved_at", "refund_id", "payment"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Discrepancy]:
        return super().get_queryset(request).defer("payment__charge")

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.change_discrepancy")

    @admin.action(description="标记为已处理（不移动款项）", permissions=["resolve"])
    def resolve(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        rows = list(queryset.filter(resolved_at=None).exclude(kind__in=MONEY_KINDS)[:MAX_AT_ONCE])
        if not rows:
            self.message_user(
                request, "所选记录都已处理，或需要用认可、不认可来处理。", messages.WARNING
            )
            return None
        answer = ask_reason(
            self,
            request,
            rows,
            action="resolve",
            title="标记为已处理",
            warning="只记录处理结果，不移动任何款项。请写明怎样处理的。",
            lines=[self.line(row) for row in rows],
        )
        if not isinstance(answer, dict):
            return answer
        for row in rows:
            with transaction.atomic():
                if discrepancies.resolve(row, Resolution.STAFF):
                    self.log_change(request, row, f"已处理：{answer['reason']}")
        self.message_user(request, f"{len(rows)} 条记录已标记为已处理。", messages.SUCCESS)
        return None

    def line(self, row: Discrepancy) -> str:
        fen = row.provider_amount_fen
        amount = EMPTY if fen is None else f"{money.to_yuan(fen)} 元"
        line = f"渠道支付 {row.charge_id}：{row.get_kind_display()}，渠道金额 {amount}"
        order = row.payment.order if row.payment else None
        if order is None:
            return f"{line}，商户订单号 {row.order_no or EMPTY}"
        return f"{line}，订单 {order.order_number}（{order.get_status_display()}）"


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """`outcome` says which ones wait for staff."""

    list_display = ["event_id", "type", "order_no", "object_id", "outcome", "received_at"]
    list_filter = ["outcome", "received_at"]
    search_fields = ["event_id__exact", "object_id__exact", "order_no__startswith"]
    search_help_text = "事件或对象编号，或商户订单号开头"
    fields = list_display


@admin.register(Comparison)
class ComparisonAdmin(ReadOnlyAdmin):
    list_display = ["start_at", "end_at", "compared_to", "next_try_at", "failures"]
    fields = list_display
