"""Orders, their history and the monthly periods; staff can refund, nothing else."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from api import money
from payments.models import Payment, Refund, RefundStatus
from qaorder.lifecycle import Event, Role
from qaorder.models import Channel, Order, OrderEvent, OrderType, Period, Question, Status
from staff.acts import StaffActsAdmin
from staff.base import EMPTY, PlainInline, ReadOnlyAdmin, ReadOnlyTabularInline, named, yuan
from staff.consultations import ORDER_HELP

ORDER_SEARCH = [
    "order_number__startswith",
    "=patient__user__username",
    "=doctor__user__username",
]


class OverdueMonthlyFilter(admin.SimpleListFilter):
    """Monthly orders not answered in time: the clock leaves them to staff."""

    title = "逾期包月"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "逾期未回答，待人工处理")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Order]) -> Any:
        if self.value() != "yes":
            return queryset
        return queryset.filter(
            status=Status.WAITING,
            order_type=OrderType.MONTHLY,
            status_at__lte=timezone.now() - settings.ORDER_ANSWER_WINDOW,
        )


class RefundFilter(admin.SimpleListFilter):
    title = "退款"
    parameter_name = "refund"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in RefundStatus.choices]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Order]) -> Any:
        value = self.value()
        if value not in [str(status) for status in RefundStatus.values]:
            return queryset
        found = Refund.objects.filter(payment__order=models.OuterRef("pk"), status=int(value))
        return queryset.filter(models.Exists(found))


class QuestionInline(ReadOnlyTabularInline):
    """What was asked, for staff who may see questions; the answer is a page further."""

    model = Question
    show_change_link = True
    fields = ["condition_description", "created_at"]


class OrderEventInline(PlainInline):
    model = OrderEvent
    fields = [
        named("event", Event, "事件"),
        "from_status",
        "to_status",
        named("role", Role, "操作方"),
        "actor",
        "created_at",
    ]
    readonly_fields = [field for field in fields if callable(field)]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("actor")


class PaymentInline(ReadOnlyTabularInline):
    model = Payment
    fk_name = "order"
    show_change_link = True
    fields = ["order_no", "channel", yuan("amount_fen"), "state", "paid_at", "refund_state"]
    readonly_fields = [fields[2], "refund_state"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("refunds").defer("charge")

    @admin.display(description="退款")
    def refund_state(self, payment: Payment) -> str:
        states = [refund.get_status_display() for refund in payment.refunds.all()]
        return "、".join(states) or EMPTY


@admin.register(Order)
class OrderAdmin(StaffActsAdmin):
    """Money moves through the refund acts alone, which need the change permission."""

    list_display = [
        "order_number",
        "patient",
        "doctor",
        "order_type",
        yuan("amount_fen"),
        "status",
        "status_at",
        "channel",
        "created_at",
    ]
    list_filter = [
        OverdueMonthlyFilter,
        RefundFilter,
        "status",
        "order_type",
        "channel",
        "created_at",
    ]
    list_select_related = ["patient__user", "doctor__user"]
    search_fields = ORDER_SEARCH
    search_help_text = ORDER_HELP
    verbs = ("refund_order", "refund_completed")
    fields = [
        "order_number",
        "patient",
        "doctor",
        "order_type",
        list_display[4],
        "status",
        "status_at",
        "next_try_at",
        "failures",
        "channel",
        "paid_at",
        "released_at",
        "platform_share_percent",
        "covered_by",
        "pay_deadline",
        "created_at",
        "patient_hidden_at",
        "doctor_hidden_at",
    ]
    inlines = [QuestionInline, PaymentInline, OrderEventInline]

    def line(self, row: Order) -> str:
        return _what_happens(row)


def _what_happens(order: Order) -> str:
    """Say in one line what a refund would do to this order."""
    name = f"订单 {order.order_number}（患者 {order.patient}，医生 {order.doctor}）"
    payment = getattr(order, "paid_with", None)
    if payment is None or order.status == Status.CANCELLED:
        return f"{name}：{order.get_status_display()}，不能退款"
    amount = money.to_yuan(payment.amount_fen - payment.refunded_fen)
    channel = Channel(order.channel).label
    line = f"{name}：{order.get_status_display()}，退还 {amount} 元到{channel}"
    return f"{line}，包月服务立即结束" if order.order_type == OrderType.MONTHLY else line


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnlyAdmin):
    list_display = [
        "order",
        named("event", Event, "事件"),
        "from_status",
        "to_status",
        named("role", Role, "操作方"),
        "actor",
        "created_at",
    ]
    list_filter = ["to_status", "created_at"]
    list_select_related = ["order", "actor"]
    search_fields = ["order__order_number__startswith", "=actor__username"]
    search_help_text = "订单号开头，或操作人的用户名"
    ordering = ["-pk"]
    fields = list_display


class RunningFilter(admin.SimpleListFilter):
    title = "服务中"
    parameter_name = "running"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "服务中")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.running(timezone.now()) if self.value() == "yes" else queryset


@admin.register(Period)
class PeriodAdmin(ReadOnlyAdmin):
    list_display = ["order", "patient", "doctor", "start_at", "end_at", "refunded_at"]
    list_filter = [RunningFilter, "start_at"]
    list_select_related = ["order", "patient__user", "doctor__user"]
    search_fields = [
        "order__order_number__startswith",
        "=patient__user__username",
        "=doctor__user__username",
    ]
    search_help_text = ORDER_HELP
    fields = list_display
