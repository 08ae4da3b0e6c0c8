"""Charges and refunds in JSON."""

from typing import Any

from rest_framework import serializers

from api import money
from api.fields import ChoiceField, TextField, YuanField
from payments.models import Refund
from qaorder.models import Channel

RECHARGE_CHANNELS = [(channel.value, channel.label) for channel in (Channel.WX, Channel.ALIPAY)]


class PayInputSerializer(serializers.Serializer[Any]):
    channel = ChoiceField(choices=Channel.choices)


class RechargeInputSerializer(serializers.Serializer[Any]):
    amount = YuanField(min_fen=1, help_text=f"0.01–{money.to_yuan(money.MAX_FEN)}")
    channel = ChoiceField(choices=RECHARGE_CHANNELS)


class ChargeSerializer(serializers.Serializer[Any]):
    """`charge` is the provider's object as received; null for the balance and when free."""

    status = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    charge = serializers.JSONField(allow_null=True)


class RefundInputSerializer(serializers.Serializer[Any]):
    reason = TextField(max_length=200, required=False, allow_blank=True)


class RefuseInputSerializer(serializers.Serializer[Any]):
    reason = TextField(max_length=200)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    order_number = serializers.CharField(source="payment.order.order_number")
    amount = YuanField(source="amount_fen")
    channel = serializers.CharField(source="payment.channel")
    channel_display = serializers.CharField(source="payment.get_channel_display")
    status_display = serializers.CharField(source="get_status_display")
    create_time = serializers.DateTimeField(source="created_at")
    finish_time = serializers.DateTimeField(source="finished_at", allow_null=True)

    class Meta:
        model = Refund
        fields = [
            "order_number",
            "amount",
            "channel",
            "channel_display",
            "status",
            "status_display",
            "reason",
            "create_time",
            "finish_time",
        ]
        read_only_fields = fields
