"""What staff must look at: notices, charges that fit nothing, differences with the provider."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from feiqingsong.admin import ReadOnlyAdmin, ask_reason, yuan
from qaorder.models import Comparison, Discrepancy, HeldCharge, Notice, Resolution

MAX_AT_ONCE = 50


class UnresolvedFilter(admin.SimpleListFilter):
    title = "处理"
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "未处理"), ("yes", "已处理")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        if self.value() in ("no", "yes"):
            return queryset.filter(is_resolved=self.value() == "yes")
        return queryset


class ResolvableAdmin(ReadOnlyAdmin):
    """Rows that staff close with a note; needs `is_resolved` on the rows of its queryset."""

    actions = ["resolve"]

    def close(self, row: Any) -> bool:
        """Mark the row as dealt with; False if it was already."""
        raise NotImplementedError

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"qaorder.change_{self.opts.model_name}")

    @admin.display(description="已处理", boolean=True)
    def resolved(self, row: Any) -> bool:
        return bool(row.is_resolved)

    @admin.action(description="标记为已处理", permissions=["resolve"])
    def resolve(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        rows = list(queryset.filter(is_resolved=False)[:MAX_AT_ONCE])
        answer = ask_reason(
            self,
            request,
            rows,
            action="resolve",
            title="标记为已处理",
            warning="只记录处理结果，不移动任何款项。请写明怎样处理的。",
            lines=[self.line(row) for row in rows],
        )
        if not rows:
            self.message_user(request, "所选记录都已处理。", messages.WARNING)
            return None
        if not isinstance(answer, str):
            return answer
        for row in rows:
            with transaction.atomic():
                if self.close(row):
                    self.log_change(request, row, f"已处理：{answer}")
        self.message_user(request, f"{len(rows)} 条记录已标记为已处理。", messages.SUCCESS)
        return None

    def line(self, row: Any) -> str:
        return str(row)


@admin.register(HeldCharge)
class HeldChargeAdmin(ResolvableAdmin):
    """Closed by a line in the log of staff's actions; the row itself never changes."""

    list_display = [
        "charge_id",
        "reason",
        yuan("amount_fen"),
        "channel",
        "order_no",
        "payment",
        yuan("payment_amount_fen", "应付（元）"),
        "resolved",
        "created_at",
    ]
    list_filter = [UnresolvedFilter, "created_at"]
    list_select_related = ["payment"]
    search_fields = ["charge_id__exact", "order_no__startswith"]
    search_help_text = "渠道支付编号，或商户订单号开头"
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[HeldCharge]:
        closed = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(HeldCharge),
            object_id=Cast(models.OuterRef("pk"), models.TextField()),
            action_flag=CHANGE,
        )
        rows = super().get_queryset(request).defer("payment__charge")
        return rows.annotate(
            is_resolved=models.Exists(closed), payment_amount_fen=models.F("payment__amount_fen")
        )

    def close(self, row: HeldCharge) -> bool:
        return True

    def line(self, row: HeldCharge) -> str:
        return f"{row.charge_id}：{row.reason}，商户订单号 {row.order_no}"


@admin.register(Discrepancy)
class DiscrepancyAdmin(ResolvableAdmin):
    list_display = [
        "charge_id",
        "kind",
        "order_no",
        yuan("our_amount_fen", "本地金额（元）"),
        yuan("provider_amount_fen", "渠道金额（元）"),
        "first_seen_at",
        "last_seen_at",
        "resolution",
        "resolved_at",
    ]
    list_filter = [UnresolvedFilter, "kind", "resolution", "first_seen_at"]
    search_fields = ["charge_id__exact", "refund_id__exact", "order_no__startswith"]
    search_help_text = "渠道支付或退款编号，或商户订单号开头"
    fields = [*list_display, "refund_id"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Discrepancy]:
        rows = super().get_queryset(request)
        return rows.annotate(is_resolved=models.Q(resolved_at__isnull=False))

    def close(self, row: Discrepancy) -> bool:
        rows = Discrepancy.objects.filter(pk=row.pk, resolved_at=None)
        return bool(rows.update(resolved_at=timezone.now(), resolution=Resolution.STAFF))

    def line(self, row: Discrepancy) -> str:
        return f"{row.charge_id}：{row.get_kind_display()}，商户订单号 {row.order_no}"


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
