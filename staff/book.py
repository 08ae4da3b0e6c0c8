"""The book in the admin: to be read, never to be written."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from api import money
from ledger import snapshots
from ledger.models import Account, BalanceSnapshot, Entry, Transaction
from staff.base import PlainInline, ReadOnlyAdmin, yuan


class EntryInline(PlainInline):
    model = Entry
    fields = ["account", yuan("amount_fen"), yuan("balance_after_fen", "余额（元）")]
    readonly_fields = fields[1:]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return super().get_queryset(request).select_related("account")


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Shared accounts cache no balance; what they hold is on their own page."""

    list_display = ["code", "kind", "owner", yuan("balance_fen", "余额（元）")]
    list_filter = ["kind"]
    list_select_related = ["owner"]
    search_fields = ["code__exact", "=owner__username"]
    search_help_text = "账户编号，或所有者的用户名"
    fields = [*list_display, "entries_sum"]

    @admin.display(description="分录合计（元）")
    def entries_sum(self, account: Account) -> str:
        return money.to_yuan(snapshots.balance_fen(account))


@admin.register(BalanceSnapshot)
class BalanceSnapshotAdmin(ReadOnlyAdmin):
    list_display = ["account", "last_entry", yuan("balance_fen", "余额（元）")]
    list_select_related = ["account"]
    fields = list_display


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = ["reference", "kind", "order_number", "created_at"]
    list_filter = ["kind", "created_at"]
    search_fields = ["reference__exact", "order_number__startswith"]
    search_help_text = "凭证，或订单号开头"
    fields = list_display
    inlines = [EntryInline]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = [
        "transaction",
        "kind",
        "account",
        yuan("amount_fen"),
        yuan("balance_after_fen", "余额（元）"),
        "time",
    ]
    list_filter = ["account__kind"]
    list_select_related = ["transaction", "account"]
    search_fields = [
        "account__code__exact",
        "=account__owner__username",
        "transaction__order_number__exact",
    ]
    search_help_text = "账户编号、所有者的用户名，或完整的订单号"
    fields = list_display

    @admin.display(description="类型")
    def kind(self, entry: Entry) -> str:
        return entry.transaction.get_kind_display()

    @admin.display(description="时间", ordering="transaction__created_at")
    def time(self, entry: Entry) -> object:
        return entry.transaction.created_at
