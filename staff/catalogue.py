"""Diagnosis tags and drugs: some staff keep the shared ones, doctors their own in the app."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from qaorder.models import DiagnosisTag, Drug
from staff.base import BigTableAdmin


class SharedFilter(admin.SimpleListFilter):
    title = "范围"
    parameter_name = "shared"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "共享"), ("no", "医生自有")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if self.value() in ("yes", "no"):
            return queryset.filter(is_shared=self.value() == "yes")
        return queryset


class CatalogueAdmin(BigTableAdmin):
    """Shared entries reach every doctor: to make, change or unmark one takes its own permission.

    What is not shared is its doctor's, and only read here.
    """

    list_filter = [SharedFilter]
    list_select_related = ["owner"]
    search_fields = ["name", "=owner__username"]
    search_help_text = "名称或所有者用户名"
    readonly_fields = ["owner", "is_shared"]
    actions = ["share", "unshare"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return fields if obj else [name for name in fields if name not in self.readonly_fields]

    def has_share_permission(self, request: HttpRequest) -> bool:
        name = self.opts.model_name
        return request.user.has_perm(f"{self.opts.app_label}.share_{name}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_share_permission(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and super().has_delete_permission(request, obj)

    def _may_touch(self, request: HttpRequest, entry: Any) -> bool:
        """Also without an entry, when the question is about entries as such."""
        return self.has_share_permission(request) and (entry is None or entry.is_shared)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.owner, obj.is_shared = request.user, True
        super().save_model(request, obj, form, change)

    @admin.action(description="共享给所有医生", permissions=["share"])
    def share(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._mark(request, queryset, "共享", is_shared=True)

    @admin.action(description="取消共享", permissions=["share"])
    def unshare(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._mark(request, queryset, "取消共享", is_shared=False)

    def _mark(
        self, request: HttpRequest, entries: QuerySet[Any], word: str, *, is_shared: bool
    ) -> None:
        done = 0
        for entry in entries.exclude(is_shared=is_shared):
            with transaction.atomic():
                self.model.objects.filter(pk=entry.pk).update(is_shared=is_shared)
                self.log_change(request, entry, word)
            done += 1
        self.message_user(request, f"{done} 个条目已{word}。", messages.SUCCESS)


@admin.register(DiagnosisTag)
class DiagnosisTagAdmin(CatalogueAdmin):
    fields = ["name", "description", "owner", "is_shared"]
    list_display = fields


@admin.register(Drug)
class DrugAdmin(CatalogueAdmin):
    fields = ["name", "standard", "total_dosage", "each_dosage", "day_times", "owner", "is_shared"]
    list_display = fields
