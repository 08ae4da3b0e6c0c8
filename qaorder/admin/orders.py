"""Orders, their history and the monthly periods; staff can refund, nothing else."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import OperationalError, models, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from feiqingsong import errors, money
from feiqingsong.admin import (
    EMPTY,
    PlainInline,
    ReadOnlyAdmin,
    ReadOnlyTabularInline,
    ask_reason,
    named,
    yuan,
)
from qaorder.admin.consultation import ORDER_HELP
from qaorder.lifecycle import TRANSITIONS, Event, Role
from qaorder.models import (
    Channel,
    Order,
    OrderEvent,
    OrderType,
    Payment,
    Question,
    Refund,
    RefundStatus,
    Status,
    Subscription,
)
from qaorder.payments import refunds

MAX_REFUNDED_AT_ONCE = 20
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
        return super().get_queryset(request).select_related("refund").defer("charge")

    @admin.display(description="退款")
    def refund_state(self, payment: Payment) -> str:
        refund = getattr(payment, "refund", None)
        return refund.get_status_display() if refund else EMPTY


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Money moves through the refund action alone, which needs the change permission."""

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
    actions = ["refund"]
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
        "paid_with",
        "subscription",
        "pay_deadline",
        "created_at",
        "patient_hidden_at",
        "doctor_hidden_at",
    ]
    inlines = [QuestionInline, PaymentInline, OrderEventInline]

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("qaorder.change_order")

    @admin.action(description="退款（取消订单，全额退回）", permissions=["refund"])
    def refund(self, request: HttpRequest, queryset: models.QuerySet[Order]) -> HttpResponse | None:
        orders = list(
            queryset.select_related(*self.list_select_related)[: MAX_REFUNDED_AT_ONCE + 1]
        )
        if len(orders) > MAX_REFUNDED_AT_ONCE:
            self.message_user(
                request, f"一次最多退款 {MAX_REFUNDED_AT_ONCE} 个订单。", messages.ERROR
            )
            return None
        answer = ask_reason(
            self,
            request,
            orders,
            action="refund",
            title="退款",
            warning="确认后订单立即取消，款项全额原路退回，不能撤销。原因会显示给患者和医生。",
            lines=[_what_happens(order) for order in orders],
        )
        if not isinstance(answer, str):
            return answer
        for order in orders:
            self._refund(request, order, answer)
        return None

    def _refund(self, request: HttpRequest, order: Order, reason: str) -> None:
        staff: Any = request.user
        try:
            with transaction.atomic():
                refund = refunds.refund_order(
                    order=order, role=Role.STAFF, actor=staff, reason=reason
                )
                self.log_change(request, order, f"退款：{reason}")
        except errors.Refusal as refusal:
            self.message_user(request, f"订单 {order}：{refusal.message}。", messages.ERROR)
        except OperationalError:
            self.message_user(request, f"订单 {order}：{errors.BUSY}。", messages.ERROR)
        else:
            amount, state = money.to_yuan(refund.amount_fen), refund.get_status_display()
            self.message_user(
                request, f"订单 {order}：退款 {amount} 元，{state}。", messages.SUCCESS
            )


def _what_happens(order: Order) -> str:
    """Say in one line what a refund would do to this order."""
    name = f"订单 {order.order_number}（患者 {order.patient}，医生 {order.doctor}）"
    if (Status(order.status), Event.REFUND) not in TRANSITIONS:
        return f"{name}：{order.get_status_display()}，不能退款"
    amount, channel = money.to_yuan(order.amount_fen), Channel(order.channel).label
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


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
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
