"""Bought monthly service."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.generics import ListAPIView

from accounts.permissions import IsPatient
from qaorder.models import Period
from qaorder.serializers.periods import SubscriptionSerializer


class SubscriptionListView(ListAPIView[Period]):
    """患者的包月服务"""

    permission_classes = [*ListAPIView.permission_classes, IsPatient]
    serializer_class = SubscriptionSerializer
    queryset = Period.objects.none()

    def get_queryset(self) -> QuerySet[Period]:
        rows = Period.objects.filter(patient_id=self.request.user.patient.pk)
        return rows.select_related("doctor__user", "order").order_by("-start_at", "-pk")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}
