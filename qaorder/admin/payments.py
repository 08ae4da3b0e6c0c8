"""Payments and refunds: to be read; a failed refund can be sent again."""

from typing import Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest

from feiqingsong.admin import ReadOnlyAdmin, ReadOnlyTabularInline, named, yuan
from qaorder.lifecycle import Role
from qaorder.models import Payment, Refund
from qaorder.payments import refunds


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
        "duplicate_of",
        "has_charge",
        "expires_at",
        "asked_at",
        "last_asked_at",
        "leased_until",
        "checked_at",
        "next_try_at",
        "failures",
    ]
    inlines = [RefundInline]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Payment]:
        return super().get_queryset(request).defer("charge")

    @admin.display(description="渠道支付对象", boolean=True)
    def has_charge(self, payment: Payment) -> bool:
        return bool(payment.charge)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
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
    list_filter = ["status", "created_at"]
    list_select_related = ["payment__payer"]
    search_fields = [
        "payment__order_no__startswith",
        "payment__charge_id__exact",
        "refund_id__exact",
        "=payment__payer__username",
    ]
    search_help_text = "商户订单号开头、渠道支付或退款编号，或付款人的用户名"
    actions = ["retry"]
    fields = [*list_display, "failure_msg", "refund_id", "sent_at", "next_try_at"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Refund]:
        return super().get_queryset(request).defer("payment__charge")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("qaorder.change_refund")

    @admin.display(description="付款人")
    def payer(self, refund: Refund) -> str:
        return refund.payment.payer.username

    @admin.action(description="重新退款（仅退款失败的）", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet[Refund]) -> None:
        sent, skipped = 0, 0
        for refund in queryset.select_related("payment"):
            with transaction.atomic():
                is_due = refunds.retry(refund)
                if is_due:
                    self.log_change(request, refund, "重新退款")
            sent, skipped = sent + is_due, skipped + (not is_due)
        if sent:
            self.message_user(request, f"{sent} 笔退款将重新发送到渠道。", messages.SUCCESS)
        if skipped:
            self.message_user(
                request, f"{skipped} 笔不是退款失败，没有重新发送。", messages.WARNING
            )
