"""The wallet as its owner sees it."""

from rest_framework import serializers

from api.fields import BlankAsNullField, YuanField
from ledger.models import Entry


class BalanceSerializer(serializers.Serializer[int]):
    balance = YuanField(source="*")


class EntrySerializer(serializers.ModelSerializer[Entry]):
    kind = serializers.CharField(source="transaction.kind")
    kind_display = serializers.CharField(source="transaction.get_kind_display")
    amount = YuanField(source="amount_fen")
    balance_after = YuanField(source="balance_after_fen")
    order_number = BlankAsNullField(source="transaction.order_number")
    create_time = serializers.DateTimeField(source="transaction.created_at")

    class Meta:
        model = Entry
        fields = [
            "pk",
            "kind",
            "kind_display",
            "amount",
            "balance_after",
            "order_number",
            "create_time",
        ]
        read_only_fields = fields
