"""Questions, answers and evaluations: medical records, to be read only."""

import json
from typing import Any

from django.contrib import admin

from accounts.models import Doctor, Patient
from qaorder.models import Answer, Evaluation, Question
from staff.base import ReadOnlyAdmin

ORDER_HELP = "订单号开头，或患者、医生的用户名"


@admin.register(Question)
class QuestionAdmin(ReadOnlyAdmin):
    list_display = ["order", "patient", "doctor", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["order__patient__user", "order__doctor__user"]
    search_fields = [
        "order__order_number__startswith",
        "=order__patient__user__username",
        "=order__doctor__user__username",
    ]
    search_help_text = ORDER_HELP
    fields = [
        "order",
        "patient",
        "doctor",
        "allergy_history",
        "smoke_history",
        "condition_description",
        "files",
        "created_at",
    ]

    @admin.display(description="患者")
    def patient(self, question: Question) -> Patient:
        return question.order.patient

    @admin.display(description="医生")
    def doctor(self, question: Question) -> Doctor:
        return question.order.doctor

    @admin.display(description="描述文件")
    def files(self, question: Question) -> str:
        # As text: a link would lead staff wherever a patient likes.
        return "\n".join(question.file_list)


@admin.register(Answer)
class AnswerAdmin(ReadOnlyAdmin):
    list_display = ["order", "doctor", "patient", "created_at"]
    list_filter = ["created_at"]
    list_select_related = [
        "question__order__patient__user",
        "question__order__doctor__user",
    ]
    search_fields = [
        "question__order__order_number__startswith",
        "=question__order__patient__user__username",
        "=question__order__doctor__user__username",
    ]
    search_help_text = ORDER_HELP
    fields = [
        "question",
        "order",
        "doctor",
        "patient",
        "tag_names",
        "drug_lines",
        "diagnosis_result",
        "extra_suggestion",
        "created_at",
    ]

    @admin.display(description="订单")
    def order(self, answer: Answer) -> str:
        return answer.question.order.order_number

    @admin.display(description="患者")
    def patient(self, answer: Answer) -> Patient:
        return answer.question.order.patient

    @admin.display(description="医生")
    def doctor(self, answer: Answer) -> Doctor:
        return answer.question.order.doctor

    @admin.display(description="诊断标签")
    def tag_names(self, answer: Answer) -> str:
        return "、".join(str(tag.get("name")) for tag in json.loads(answer.diagnosis_tags))

    @admin.display(description="药品")
    def drug_lines(self, answer: Answer) -> str:
        return "\n".join(_drug_line(drug) for drug in json.loads(answer.drugs))


def _drug_line(drug: dict[str, Any]) -> str:
    parts = ("name", "standard", "total_dosage", "each_dosage", "day_times")
    return " ".join(str(drug[part]) for part in parts if drug.get(part))


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    list_display = ["order", "doctor", "evaluate_type", "scores", "content", "created_at"]
    list_filter = ["scores", "evaluate_type", "created_at"]
    list_select_related = ["order", "doctor__user"]
    search_fields = ["order__order_number__startswith", "=doctor__user__username"]
    search_help_text = "订单号开头，或医生的用户名"
    fields = ["order", "doctor", "evaluate_type", "scores", "content", "created_at"]
