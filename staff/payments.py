"""Payments and refunds: to be read; a failed refund is ended by one of three acts."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from api import money
from payments.models import Payment, Refund, RefundStatus
from qaorder.lifecycle import Role
from staff.acts import StaffActsAdmin
from staff.base import EMPTY, ReadOnlyAdmin, ReadOnlyTabularInline, named, yuan


class PurposeFilter(admin.SimpleListFilter):
    title = "用途"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("order", "订单"), ("recharge", "充值"), ("twin", "重复支付")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Payment]) -> Any:
        conditions: dict[str | None, dict[str, bool]] = {
            "order": {"order__isnull": False},
            "recharge": {"order__isnull": True},
            "twin": {"duplicate_of__isnull": False},
        }
        return queryset.filter(**conditions.get(self.value(), {}))


class RefundInline(ReadOnlyTabularInline):
    model = Refund
    show_change_link = True
    fields = [yuan("amount_fen"), "status", "reason", named("role", Role, "发起方"), "finished_at"]
    readonly_fields = [fields[0], fields[3]]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """The provider's charge stays out: it holds what pays with it."""

    list_display = [
        "order_no",
        "order",
        "payer",
        "channel",
        yuan("amount_fen"),
        "state",
        "charge_id",
        "paid_at",
        "created_at",
    ]
    list_filter = [PurposeFilter, "state", "channel", "created_at"]
    list_select_related = ["order", "payer"]
    search_fields = ["order_no__startswith", "charge_id__exact", "=payer__username"]
    search_help_text = "商户订单号开头、渠道支付编号，或付款人的用户名"
    fields = [
        *list_display,
        "opened_order",
        "duplicate_of",
        "has_charge",
        "expires_at",
        "sent_at",
        "last_sent_at",
        "leased_until",
        "inquired_at",
        "next_try_at",
        "failures",
    ]
    inlines = [RefundInline]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Payment]:
        return super().get_queryset(request).defer("charge")

    @admin.display(description="渠道支付对象", boolean=True)
    def has_charge(self, payment: Payment) -> bool:
        return bool(payment.charge)


class OverdueFilter(admin.SimpleListFilter):
    """What waits at the provider longer than it should."""

    title = "滞留"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "处理中超过 3 天")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Refund]) -> Any:
        if self.value() != "yes":
            return queryset
        before = timezone.now() - settings.REFUND_OVERDUE
        return queryset.filter(status=RefundStatus.OPEN, created_at__lte=before)


@admin.register(Refund)
class RefundAdmin(StaffActsAdmin):
    list_display = [
        "payment",
        "payer",
        yuan("amount_fen"),
        "status",
        "reason",
        named("role", Role, "发起方"),
        "tries",
        "failure_code",
        "created_at",
        "finished_at",
    ]
    list_filter = [OverdueFilter, "status", "origin", "means", "created_at"]
    list_select_related = ["payment__payer", "suspense"]
    search_fields = [
        "payment__order_no__startswith",
        "payment__charge_id__exact",
        "refund_id__exact",
        "=payment__payer__username",
    ]
    search_help_text = "商户订单号开头、渠道支付或退款编号，或付款人的用户名"
    verbs = ("give_up_refund", "retry_refund", "refund_to_balance", "settle_refund_outside")
    fields = [
        *list_display,
        "suspense",
        "origin",
        "bearer",
        "means",
        "attempt",
        "failure_msg",
        "refund_id",
        "sent_at",
        "next_try_at",
    ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Refund]:
        return super().get_queryset(request).defer("payment__charge")

    @admin.display(description="付款人")
    def payer(self, refund: Refund) -> str:
        return refund.payment.payer.username if refund.payment else EMPTY

    def line(self, row: Refund) -> str:
        what = row.payment.order_no if row.payment else row.charge_id
        amount, status = money.to_yuan(row.amount_fen), row.get_status_display()
        return f"退款 {what}（付款人 {self.payer(row)}）：{amount} 元，{status}"
