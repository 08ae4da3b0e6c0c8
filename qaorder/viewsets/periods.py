"""Bought monthly service."""

from django.utils import timezone
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsPatient
from api.viewsets import ViewSet
from qaorder.models import Period
from qaorder.serializers.periods import SubscriptionSerializer


class SubscriptionViewSet(ViewSet):
    permission_classes = [IsAuthenticated, IsPatient]
    serializer_class = SubscriptionSerializer

    def list(self, request: Request) -> Response:
        """患者的包月服务"""
        rows = Period.objects.filter(patient_id=request.user.patient.pk)
        rows = rows.with_is_active(timezone.now()).select_related("doctor__user", "order")
        return self.page(rows.order_by("-start_at", "-pk"))
