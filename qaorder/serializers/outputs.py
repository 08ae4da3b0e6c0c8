"""Orders, questions, answers and evaluations as the published document shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import User
from accounts.serializers import PersonSerializer
from api.fields import InputModelSerializer, JSONTextField, YuanField
from qaorder.models import Answer, DiagnosisTag, Drug, Evaluation, Order, Question


class DiagnosisTagSerializer(InputModelSerializer):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = DiagnosisTag
        fields = ["pk", "owner", "name", "description"]


class DrugSerializer(InputModelSerializer):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = Drug
        fields = ["pk", "owner", "name", "standard", "total_dosage", "each_dosage", "day_times"]


class QuestionSerializer(serializers.ModelSerializer[Question]):
    owner = PersonSerializer(source="order.patient")
    order = serializers.CharField(source="order.order_number")
    file_list = serializers.ListField(child=serializers.CharField())
    create_time = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Question
        fields = [
            "pk",
            "owner",
            "order",
            "allergy_history",
            "smoke_history",
            "condition_description",
            "file_list",
            "desc_files",
            "create_time",
        ]
        read_only_fields = fields


@extend_schema_field(DiagnosisTagSerializer(many=True))
class TagCopiesField(JSONTextField):
    pass


@extend_schema_field(DrugSerializer(many=True))
class DrugCopiesField(JSONTextField):
    pass


class AnswerSerializer(serializers.ModelSerializer[Answer]):
    owner = PersonSerializer(source="question.order.doctor")
    question = serializers.IntegerField(source="question_id")
    diagnosis_tag = TagCopiesField(source="diagnosis_tags", read_only=True)
    drug = DrugCopiesField(source="drugs", read_only=True)
    create_time = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Answer
        fields = [
            "pk",
            "owner",
            "question",
            "diagnosis_tag",
            "drug",
            "diagnosis_result",
            "extra_suggestion",
            "create_time",
        ]
        read_only_fields = fields


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order with everything below it; needs `OrderQuerySet.with_details()`."""

    patient = PersonSerializer()
    doctor = PersonSerializer()
    question = QuestionSerializer(allow_null=True, read_only=True)
    answer = AnswerSerializer(source="question.answer", allow_null=True, read_only=True)
    amount = YuanField(source="amount_fen")
    status_display = serializers.CharField(source="get_status_display")
    channel_display = serializers.CharField(source="get_channel_display")
    order_type_display = serializers.CharField(source="get_order_type_display")
    create_time = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Order
        fields = [
            "pk",
            "patient",
            "doctor",
            "question",
            "answer",
            "order_number",
            "amount",
            "status",
            "status_display",
            "channel",
            "channel_display",
            "order_type",
            "order_type_display",
            "create_time",
        ]
        read_only_fields = fields


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """Whom the doctor treats is nobody else's business: needs the `request`, for who reads."""

    patient = PersonSerializer(source="order.patient")
    doctor = PersonSerializer()
    scores_display = serializers.CharField(source="get_scores_display")
    create_time = serializers.DateTimeField(source="created_at")
    evaluate_type_display = serializers.CharField(source="get_evaluate_type_display")

    class Meta:
        model = Evaluation
        fields = [
            "pk",
            "patient",
            "doctor",
            "scores",
            "scores_display",
            "content",
            "create_time",
            "evaluate_type",
            "evaluate_type_display",
        ]
        read_only_fields = fields

    def to_representation(self, evaluation: Evaluation) -> dict[str, Any]:
        body = super().to_representation(evaluation)
        writer = evaluation.order.patient.user
        if self.context["request"].user.pk not in (writer.pk, evaluation.doctor.user_id):
            body["patient"] = _masked(writer)
        return body


def _masked(user: User) -> dict[str, str]:
    """A person as strangers see them, with PersonSerializer's keys."""
    name = f"{user.name[0]}**" if user.name else ""
    return {"owner": f"{user.username[0]}***", "invitation_code": "", "name": name, "avatar": ""}


class InquiryRecordSerializer(serializers.ModelSerializer[Order]):
    create_time = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Order
        fields = ["pk", "order_number", "create_time"]
        read_only_fields = fields
