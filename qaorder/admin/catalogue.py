"""Diagnosis tags and drugs: staff keep the shared ones, doctors their own in the app."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from feiqingsong.admin import BigTableAdmin
from qaorder.models import DiagnosisTag, Drug


class SharedFilter(admin.SimpleListFilter):
    title = "范围"
    parameter_name = "shared"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "共享"), ("no", "医生自有")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if self.value() in ("yes", "no"):
            return queryset.filter(owner__is_staff=self.value() == "yes")
        return queryset


class CatalogueAdmin(BigTableAdmin):
    """An entry belongs to the staff user who made it, which is what shares it."""

    list_filter = [SharedFilter]
    list_select_related = ["owner"]
    search_fields = ["name", "=owner__username"]
    search_help_text = "名称或所有者用户名"
    readonly_fields = ["owner"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return fields if obj else [name for name in fields if name != "owner"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_shared(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_shared(obj) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.owner = request.user
        super().save_model(request, obj, form, change)

    @admin.display(description="共享", boolean=True)
    def is_shared(self, entry: Any) -> bool:
        return _is_shared(entry)


def _is_shared(entry: Any) -> bool:
    """Also without an entry, when the question is about entries as such."""
    return entry is None or entry.owner.is_staff


@admin.register(DiagnosisTag)
class DiagnosisTagAdmin(CatalogueAdmin):
    fields = ["name", "description", "owner"]
    list_display = [*fields, "is_shared"]


@admin.register(Drug)
class DrugAdmin(CatalogueAdmin):
    fields = ["name", "standard", "total_dosage", "each_dosage", "day_times", "owner"]
    list_display = [*fields, "is_shared"]
