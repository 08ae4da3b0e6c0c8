"""The diagnosis tags and drugs that doctors choose from when they answer."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.mixins import CreateModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.doctor_applications import require_verified
from accounts.permissions import IsDoctor, IsVerifiedDoctor
from api.viewsets import ViewSet, endpoint
from qaorder.filters import DiagnosisTagFilter, DrugFilter
from qaorder.models import DiagnosisTag, Drug
from qaorder.serializers.outputs import DiagnosisTagSerializer, DrugSerializer

SHARED = "共享的条目不能修改"


class _CatalogueViewSet(CreateModelMixin, ViewSet):
    """A doctor's own entries and the shared ones."""

    permission_classes = [IsAuthenticated, IsVerifiedDoctor]
    queryset: Any

    def get_queryset(self) -> QuerySet[Any]:
        rows = self.queryset.usable_by(self.request.user)
        return rows.select_related("owner").order_by("-pk")

    def perform_create(self, serializer: Any) -> None:
        with transaction.atomic():
            require_verified(self.request.user.doctor.pk)
            serializer.save(owner=self.request.user)

    def list(self, request: Request) -> Response:
        return self.page(self.get_queryset())

    def update(self, request: Request, pk: int) -> Response:
        """修改自己的条目；已有回答不变"""
        entry = self.get_object()
        if not self._own().exists():
            raise PermissionDenied(SHARED)
        serializer = self.get_serializer(entry, data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            require_verified(request.user.doctor.pk)
            # Saving an entry would make it again if it was deleted meanwhile, and unshare it.
            if not self._own().update(**serializer.validated_data):
                raise Http404
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """删除自己的条目；已有回答不变"""
        self.get_object()
        with transaction.atomic():
            require_verified(request.user.doctor.pk)
            if not self._own().delete()[0]:
                raise PermissionDenied(SHARED)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self) -> QuerySet[Any]:
        return self.queryset.changeable_by(self.request.user).filter(pk=self.kwargs["pk"])


class DiagnosisTagViewSet(_CatalogueViewSet):
    queryset, serializer_class = DiagnosisTag.objects.all(), DiagnosisTagSerializer

    def create(self, request: Request) -> Response:
        """新建诊断标签"""
        return super().create(request)

    @endpoint(permission_classes=[IsAuthenticated, IsDoctor], filterset_class=DiagnosisTagFilter)
    def list(self, request: Request) -> Response:
        """自己的和共享的诊断标签"""
        return super().list(request)


class DrugViewSet(_CatalogueViewSet):
    queryset, serializer_class = Drug.objects.all(), DrugSerializer

    def create(self, request: Request) -> Response:
        """新建药品"""
        return super().create(request)

    @endpoint(permission_classes=[IsAuthenticated, IsDoctor], filterset_class=DrugFilter)
    def list(self, request: Request) -> Response:
        """自己的和共享的药品"""
        return super().list(request)
