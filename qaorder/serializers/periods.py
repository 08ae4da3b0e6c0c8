"""Bought monthly service in JSON; the document calls a period a subscription."""

from rest_framework import serializers

from accounts.serializers import PersonSerializer
from qaorder.models import Period


class SubscriptionSerializer(serializers.ModelSerializer[Period]):
    """A period; needs `PeriodQuerySet.with_is_active()`."""

    doctor = PersonSerializer()
    order_number = serializers.CharField(source="order.order_number")
    start_time = serializers.DateTimeField(source="start_at")
    end_time = serializers.DateTimeField(source="end_at")
    is_active = serializers.BooleanField(read_only=True)

    class Meta:
        model = Period
        fields = ["doctor", "order_number", "start_time", "end_time", "is_active"]
        read_only_fields = fields
