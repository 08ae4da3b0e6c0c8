"""Acts of staff that moved money or wait for a second member, and the provider's payouts."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import OperationalError, models, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from api import errors, money
from payments import staff_acts
from payments.models import Payout, StaffRequest
from staff.acts import StaffActsAdmin, in_words
from staff.base import EMPTY, ReadOnlyAdmin, YuanField, yuan

MAX_PAYOUT_FEN = 10**11 - 1
"""As much as a line of a settlement file can say."""


@admin.register(StaffRequest)
class StaffRequestAdmin(ReadOnlyAdmin):
    """Whoever asked cannot approve; each act needs the permission that asking for it needs."""

    list_display = [
        "label",
        "target",
        yuan("amount_fen"),
        "chosen",
        "reason",
        "state",
        "requested_by",
        "created_at",
        "decided_by",
    ]
    list_filter = ["state", "created_at"]
    list_select_related = ["requested_by", "decided_by"]
    search_fields = ["=requested_by__username", "=decided_by__username", "target_id"]
    search_help_text = "申请人或复核人的用户名，或对象编号"
    ordering = ["-pk"]
    actions = ["approve", "decline"]
    fields = [*list_display, "decided_at"]

    @admin.display(description="操作")
    def label(self, request: StaffRequest) -> str:
        verb = staff_acts.VERBS.get(request.verb)
        return verb.label if verb else request.verb

    @admin.display(description="对象")
    def target(self, request: StaffRequest) -> str:
        verb = staff_acts.VERBS.get(request.verb)
        if verb is None:
            return str(request.target_id)
        options = verb.model._meta
        page = f"admin:{options.app_label}_{options.model_name}_change"
        url, name = reverse(page, args=[request.target_id]), options.verbose_name
        return format_html('<a href="{}">{} {}</a>', url, name, request.target_id)

    @admin.display(description="选项")
    def chosen(self, request: StaffRequest) -> str:
        return in_words(request.arguments) or EMPTY

    @admin.action(description="复核通过，立即执行")
    def approve(self, request: HttpRequest, queryset: models.QuerySet[StaffRequest]) -> None:
        self._decide(request, queryset, staff_acts.approve, "复核通过")

    @admin.action(description="驳回（申请人自己的为撤回）")
    def decline(self, request: HttpRequest, queryset: models.QuerySet[StaffRequest]) -> None:
        self._decide(request, queryset, staff_acts.decline, "驳回")

    def _decide(
        self,
        request: HttpRequest,
        rows: models.QuerySet[Any],
        decide: Callable[..., Any],
        word: str,
    ) -> None:
        for row in rows:
            try:
                with transaction.atomic():
                    decide(row, actor=request.user)
                    self.log_change(request, row, word)
            except (errors.Refusal, errors.StaffRefusal) as refusal:
                self.message_user(request, f"{self.label(row)}：{refusal.message}", messages.ERROR)
            except OperationalError:
                self.message_user(request, errors.BUSY, messages.ERROR)
            else:
                self.message_user(request, f"{self.label(row)}：{word}。", messages.SUCCESS)


class PayoutForm(forms.ModelForm):
    amount_fen = YuanField(label="到账金额（元）", max_fen=MAX_PAYOUT_FEN)
    fee_fen = YuanField(label="手续费（元）", max_fen=MAX_PAYOUT_FEN, initial=0)

    class Meta:
        model = Payout
        fields = ["channel", "reference", "paid_on", "amount_fen", "fee_fen"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("amount_fen") == 0 and cleaned.get("fee_fen") == 0:
            self.add_error("amount_fen", "到账金额和手续费不能都为零。")
        return cleaned


@admin.register(Payout)
class PayoutAdmin(StaffActsAdmin):
    """Entered by hand or from the provider's file, then booked by the act."""

    form = PayoutForm
    verbs = ("book_payout",)
    list_display = [
        "reference",
        "channel",
        "paid_on",
        yuan("amount_fen", "到账金额（元）"),
        yuan("fee_fen", "手续费（元）"),
        "booked_at",
    ]
    list_filter = ["channel", "paid_on"]
    search_fields = ["reference__startswith"]
    search_help_text = "结算批次号开头"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("payments.add_payout")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.list_display, "created_at"] if obj else PayoutForm.Meta.fields

    def line(self, row: Payout) -> str:
        amount, fee = money.to_yuan(row.amount_fen), money.to_yuan(row.fee_fen)
        return f"{row.get_channel_display()} {row.reference}：到账 {amount} 元，手续费 {fee} 元"
