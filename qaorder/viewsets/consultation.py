"""Asking and answering."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsPatient, IsVerifiedDoctor
from api import errors
from api.idempotency import idempotent
from api.viewsets import ViewSet
from qaorder import answering as services
from qaorder.serializers.inputs import AnswerInputSerializer, QuestionInputSerializer
from qaorder.serializers.outputs import AnswerSerializer, QuestionSerializer


class QuestionViewSet(ViewSet):
    permission_classes = [IsAuthenticated, IsPatient]
    serializer_class = QuestionInputSerializer
    refusals = (errors.CannotAsk,)

    @extend_schema(responses={201: QuestionSerializer})
    @idempotent()
    def create(self, request: Request) -> Response:
        """患者提交问题"""
        question = services.ask_question(actor=request.user, **self.validated())
        return Response(QuestionSerializer(question).data, status=status.HTTP_201_CREATED)


class AnswerViewSet(ViewSet):
    permission_classes = [IsAuthenticated, IsVerifiedDoctor]
    serializer_class = AnswerInputSerializer
    refusals = (errors.CannotAnswer,)

    @extend_schema(responses={201: AnswerSerializer})
    @idempotent()
    def create(self, request: Request) -> Response:
        """医生回答问题"""
        fields = self.validated()
        answer = services.answer_question(
            actor=request.user,
            question=fields["question"],
            diagnosis_tags=fields.get("diagnosis_tag", []),
            drugs=fields.get("drug", []),
            diagnosis_result=fields["diagnosis_result"],
            extra_suggestion=fields.get("extra_suggestion", ""),
        )
        return Response(AnswerSerializer(answer).data, status=status.HTTP_201_CREATED)
