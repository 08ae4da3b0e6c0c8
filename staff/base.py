"""What the admin of every app is built from, its titles, and the log of what staff did."""

from collections.abc import Collection
from typing import Any, ClassVar

import knox.admin  # noqa: F401 (registers tokens, which are taken out again below)
from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from knox.models import AuthToken

from api import money
from api.filters import search_words

MAX_COUNTED = 10_000
MAX_REASON = 200
NO_ROWS = "所选记录已不存在，或已经处理。"
BAD_YUAN = "请输入金额，例如 15.00，最多两位小数，不超过 {most}。"
EMPTY = "-"

admin.site.site_header = "肺轻松管理后台"
admin.site.site_title = "肺轻松管理后台"
admin.site.index_title = "数据管理"
admin.site.site_url = None
admin.site.empty_value_display = EMPTY
# Rows of live credentials are nobody's to read or to make by hand.
admin.site.unregister(AuthToken)
admin.site.unregister(Group)


class BoundedPaginator(Paginator):
    """Counts no further than MAX_COUNTED rows: a full count reads a big table from end to end."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[:MAX_COUNTED].count()


class BigTableAdmin(admin.ModelAdmin):
    """Pages of a table that may hold millions of rows; nothing is deleted in bulk.

    Times are filters, no `date_hierarchy`: that reads the whole table for every page (4 s of the
    5 s a statement may take, at three million rows).
    """

    # Also callables, and lists that share their parts, which the stubs do not allow for.
    list_display: Any = ("__str__",)
    fields: ClassVar[Any] = None
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        try:
            search_words(search_term)
        except ValueError as error:
            messages.error(request, str(error))
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class _NoWriting:
    """Denies everybody, superusers included, to add, change or delete."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(_NoWriting, BigTableAdmin):
    """Money and history: staff read, nobody adds, changes or deletes."""

    class Media:
        css = {"all": ["staff/admin.css"]}


class ReadOnlyTabularInline(_NoWriting, admin.TabularInline):
    fields: ClassVar[Any] = None
    readonly_fields: ClassVar[Any] = ()
    extra = 0


class PlainInline(ReadOnlyTabularInline):
    """Rows without a page of their own, which their columns say all about."""

    classes = ["plain"]

    class Media:
        css = {"all": ["staff/admin.css"]}


def yuan(field: str, label: str = "金额（元）") -> Any:
    """Return a column that shows an amount in fen as yuan: 1500 -> 15.00."""

    @admin.display(description=label, ordering=field)
    def show(row: Any) -> str:
        fen = getattr(row, field)
        return EMPTY if fen is None else money.to_yuan(fen)

    return show


def named(field: str, choices: type[models.TextChoices], label: str) -> Any:
    """Return a column that shows the Chinese name of a value kept without its choices."""

    @admin.display(description=label, ordering=field)
    def show(row: Any) -> str:
        value = getattr(row, field)
        return str(dict(choices.choices).get(value, value))

    return show


class YuanField(forms.CharField):
    """Yuan to the eye, fen to the model; no more than `max_fen`, and no decimal is rounded."""

    def __init__(self, *, max_fen: int = money.MAX_FEN, **kwargs: Any) -> None:
        self.max_fen = max_fen
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return money.to_yuan(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, int) or value in self.empty_values:
            return value
        try:
            fen = money.to_fen(str(value).strip())
        except ValueError:
            fen = self.max_fen + 1
        if fen > self.max_fen:
            most = money.to_yuan(self.max_fen)
            raise forms.ValidationError(BAD_YUAN.format(most=most))
        return fen


class ReasonForm(forms.Form):
    """The reason that staff give for an action; kept in the log, and wherever the action says."""

    reason = forms.CharField(
        label="原因", max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )


def ask_reason(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    rows: Collection[Any],
    *,
    action: str,
    title: str,
    warning: str,
    lines: Collection[str],
    form_class: type[ReasonForm] = ReasonForm,
) -> TemplateResponse | dict[str, str] | None:
    """Return what was entered if the page was confirmed, else the page that asks for it.

    None, and a message, where there are no rows to act on: gone meanwhile, or done elsewhere.
    """
    if not rows:
        model_admin.message_user(request, NO_ROWS, messages.ERROR)
        return None
    form = form_class(request.POST if "confirm" in request.POST else None)
    if form.is_valid():
        return dict(form.cleaned_data)
    context = model_admin.admin_site.each_context(request)
    context |= {"opts": model_admin.opts, "checkbox": helpers.ACTION_CHECKBOX_NAME, "form": form}
    context |= {"title": title, "action": action, "rows": rows, "warning": warning, "lines": lines}
    return TemplateResponse(request, "admin/confirm_with_reason.html", context)


@admin.register(Group)
class GroupAdmin(BigTableAdmin, DjangoGroupAdmin):
    """Django's own, with a search that is bounded."""


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who of the staff changed what, and why."""

    list_display = ["action_time", "user", "content_type", "object_repr", "what"]
    list_filter = ["action_flag", "action_time"]
    list_select_related = ["user", "content_type"]
    search_fields = ["=user__username", "object_id__exact", "object_repr"]
    search_help_text = "操作人用户名、对象编号或名称"
    fields = ["action_time", "user", "content_type", "object_id", "object_repr", "what"]

    @admin.display(description="操作")
    def what(self, entry: LogEntry) -> str:
        return f"{entry.get_action_flag_display()} {entry.get_change_message()}"
