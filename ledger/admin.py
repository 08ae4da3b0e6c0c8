"""The book in the admin: to be read, never to be written."""

from django.contrib import admin

from feiqingsong.admin import ReadOnlyAdmin
from ledger.models import Account, Entry, Transaction


class EntryInline(admin.TabularInline):
    model = Entry
    extra = 0
    can_delete = False

    def has_add_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["code", "kind", "owner", "balance_fen"]
    list_filter = ["kind"]
    search_fields = ["code", "owner__username"]


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = ["reference", "kind", "order_number", "created_at"]
    list_filter = ["kind"]
    search_fields = ["reference", "order_number"]
    inlines = [EntryInline]
