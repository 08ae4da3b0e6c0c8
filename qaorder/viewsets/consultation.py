"""Asking, answering, and the doctor's tags and drugs."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import CreateAPIView, GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.doctor_applications import require_verified
from accounts.permissions import IsDoctor, IsPatient, IsVerifiedDoctor
from api import errors
from api.idempotency import idempotent
from qaorder import answering as services
from qaorder.filters import DiagnosisTagFilter, DrugFilter
from qaorder.models import Answer, DiagnosisTag, Drug, Question
from qaorder.serializers.inputs import AnswerInputSerializer, QuestionInputSerializer
from qaorder.serializers.orders import (
    AnswerSerializer,
    DiagnosisTagSerializer,
    DrugSerializer,
    QuestionSerializer,
)

SHARED = "共享的条目不能修改"


class QuestionCreateView(GenericAPIView[Question]):
    """患者提交问题"""

    permission_classes = [*GenericAPIView.permission_classes, IsPatient]
    serializer_class = QuestionInputSerializer
    refusals = (errors.CannotAsk,)

    @extend_schema(responses={201: QuestionSerializer})
    @idempotent()
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        question = services.ask_question(actor=request.user, **serializer.validated_data)
        return Response(QuestionSerializer(question).data, status=status.HTTP_201_CREATED)


class AnswerCreateView(GenericAPIView[Answer]):
    """医生回答问题"""

    permission_classes = [*GenericAPIView.permission_classes, IsVerifiedDoctor]
    serializer_class = AnswerInputSerializer
    refusals = (errors.CannotAnswer,)

    @extend_schema(responses={201: AnswerSerializer})
    @idempotent()
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        answer = services.answer_question(
            actor=request.user,
            question=data["question"],
            diagnosis_tags=data.get("diagnosis_tag", []),
            drugs=data.get("drug", []),
            diagnosis_result=data["diagnosis_result"],
            extra_suggestion=data.get("extra_suggestion", ""),
        )
        return Response(AnswerSerializer(answer).data, status=status.HTTP_201_CREATED)


class _CatalogueView(GenericAPIView[Any]):
    """A doctor's own entries and the shared ones; `model` says which."""

    permission_classes = [*GenericAPIView.permission_classes, IsVerifiedDoctor]
    model: Any

    def get_queryset(self) -> QuerySet[Any]:
        rows = self.model.objects.usable_by(self.request.user)
        return rows.select_related("owner").order_by("-pk")


class _CatalogueCreateView(_CatalogueView, CreateAPIView[Any]):
    def perform_create(self, serializer: Any) -> None:
        with transaction.atomic():
            require_verified(self.request.user.doctor.pk)
            serializer.save(owner=self.request.user)


class _CatalogueListView(_CatalogueView, ListAPIView[Any]):
    permission_classes = [*GenericAPIView.permission_classes, IsDoctor]
    filter_backends = [DjangoFilterBackend]


class _CatalogueChangeView(_CatalogueView):
    @extend_schema(summary="修改自己的条目；已有回答不变")
    def put(self, request: Request, pk: int) -> Response:
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

    @extend_schema(summary="删除自己的条目；已有回答不变", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        self.get_object()
        with transaction.atomic():
            require_verified(request.user.doctor.pk)
            if not self._own().delete()[0]:
                raise PermissionDenied(SHARED)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self) -> QuerySet[Any]:
        rows = self.model.objects.changeable_by(self.request.user)
        return rows.filter(pk=self.kwargs["pk"])


class DiagnosisTagCreateView(_CatalogueCreateView):
    """新建诊断标签"""

    model, serializer_class = DiagnosisTag, DiagnosisTagSerializer


class DiagnosisTagListView(_CatalogueListView):
    """自己的和共享的诊断标签"""

    model, serializer_class = DiagnosisTag, DiagnosisTagSerializer
    filterset_class = DiagnosisTagFilter
    queryset = DiagnosisTag.objects.none()


class DiagnosisTagChangeView(_CatalogueChangeView):
    """修改、删除自己的诊断标签；已有回答不变"""

    model, serializer_class = DiagnosisTag, DiagnosisTagSerializer


class DrugCreateView(_CatalogueCreateView):
    """新建药品"""

    model, serializer_class = Drug, DrugSerializer


class DrugListView(_CatalogueListView):
    """自己的和共享的药品"""

    model, serializer_class = Drug, DrugSerializer
    filterset_class = DrugFilter
    queryset = Drug.objects.none()


class DrugChangeView(_CatalogueChangeView):
    """修改、删除自己的药品；已有回答不变"""

    model, serializer_class = Drug, DrugSerializer
