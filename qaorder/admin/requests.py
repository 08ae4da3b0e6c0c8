"""Acts of staff that moved money or wait for a second member, and the provider's payouts."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import OperationalError, models, transaction
from django.http import HttpRequest

from feiqingsong import errors, money
from feiqingsong.admin import ReadOnlyAdmin, yuan
from qaorder.admin.acts import StaffActsAdmin
from qaorder.models import Payout, StaffRequest
from qaorder.payments import staff


@admin.register(StaffRequest)
class StaffRequestAdmin(ReadOnlyAdmin):
    """Whoever asked cannot approve; each act needs the permission that asking for it needs."""

    list_display = [
        "label",
        "target_id",
        yuan("amount_fen"),
        "reason",
        "arguments",
        "state",
        "requested_by",
        "created_at",
        "decided_by",
        "decided_at",
    ]
    list_filter = ["state", "created_at"]
    list_select_related = ["requested_by", "decided_by"]
    search_fields = ["=requested_by__username", "=decided_by__username", "target_id"]
    search_help_text = "申请人或复核人的用户名，或对象编号"
    ordering = ["-pk"]
    actions = ["approve", "decline"]
    fields = list_display

    @admin.display(description="操作")
    def label(self, request: StaffRequest) -> str:
        verb = staff.VERBS.get(request.verb)
        return verb.label if verb else request.verb

    @admin.action(description="复核通过，立即执行")
    def approve(self, request: HttpRequest, queryset: models.QuerySet[StaffRequest]) -> None:
        self._decide(request, queryset, staff.approve, "复核通过")

    @admin.action(description="驳回（申请人自己的为撤回）")
    def decline(self, request: HttpRequest, queryset: models.QuerySet[StaffRequest]) -> None:
        self._decide(request, queryset, staff.decline, "驳回")

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


_YUAN: dict[str, Any] = {"min_value": 0, "max_digits": 14, "decimal_places": 2}


class PayoutForm(forms.ModelForm):
    """Yuan to the eye, fen to the model."""

    amount = forms.DecimalField(
        label="到账金额（元）", min_value=0, max_digits=14, decimal_places=2
    )
    fee = forms.DecimalField(label="手续费（元）", min_value=0, max_digits=14, decimal_places=2)

    class Meta:
        model = Payout
        fields = ["channel", "reference", "paid_on"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.instance.amount_fen = int(cleaned.get("amount", 0) * 100)
        self.instance.fee_fen = int(cleaned.get("fee", 0) * 100)
        if not self.instance.amount_fen + self.instance.fee_fen:
            raise forms.ValidationError("到账金额和手续费不能都为零。")
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
        "created_at",
    ]
    list_filter = ["channel", "paid_on"]
    search_fields = ["reference__startswith"]
    search_help_text = "结算批次号开头"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("qaorder.add_payout")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.list_display if obj else ["channel", "reference", "paid_on", "amount", "fee"]

    def line(self, row: Payout) -> str:
        amount, fee = money.to_yuan(row.amount_fen), money.to_yuan(row.fee_fen)
        return f"{row.get_channel_display()} {row.reference}：到账 {amount} 元，手续费 {fee} 元"
