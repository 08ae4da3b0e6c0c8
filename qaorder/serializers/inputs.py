"""What clients send for orders, questions, answers and evaluations; shape only, no rules."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from rest_framework import serializers

from accounts.models import User
from api.fields import HTTP_URL, ChoiceField, IntegerField, ListField, TextField
from api.text import check_text
from qaorder.models import DiagnosisTag, Drug, Order, OrderType, Question
from qaorder.models.consultation import TEXT_LENGTH

MAX_FILES = 9
MAX_URL = 500
MAX_PK = 2**63 - 1
MAX_PICKED = 50
EVALUATION_LENGTH = 500
NO_SUCH_ORDER = "订单不存在。"
NO_SUCH_QUESTION = "问题不存在。"
NOT_USABLE = "无效的选项：{pk}。"


class OrderInputSerializer(serializers.Serializer[Any]):
    doctor = TextField(max_length=150)
    order_type = ChoiceField(choices=OrderType.choices)


class EvaluationInputSerializer(serializers.Serializer[Any]):
    scores = IntegerField(min_value=1, max_value=5)
    content = TextField(max_length=EVALUATION_LENGTH, validators=[check_text])


class PickListField(ListField):
    """Primary keys, as an array or the form key repeated; a blank one counts as absent."""

    child = IntegerField(min_value=1, max_value=MAX_PK)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=MAX_PICKED, **kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        return list(dict.fromkeys(super().to_internal_value(data)))

    def run_child_validation(self, data: list[Any]) -> list[Any]:
        return super().run_child_validation([item for item in data if item != ""])


class QuestionInputSerializer(serializers.Serializer[Any]):
    """`file_list` wins over `desc_files` if both come."""

    order = TextField(max_length=32)
    allergy_history = TextField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    smoke_history = TextField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    condition_description = TextField(max_length=TEXT_LENGTH)
    desc_files = TextField(max_length=MAX_FILES * (MAX_URL + 1), required=False, allow_blank=True)
    file_list = ListField(
        child=TextField(max_length=MAX_URL, allow_blank=True), max_length=MAX_FILES, required=False
    )

    def validate_order(self, number: str) -> Order:
        user: User = self.context["request"].user
        order = Order.objects.visible_to(user).filter(order_number=number).first()
        if order is None or order.role_of(user) != "patient":
            raise serializers.ValidationError(NO_SUCH_ORDER)
        return order

    def validate_desc_files(self, text: str) -> list[str]:
        return self.validate_file_list(text.split(","))

    def validate_file_list(self, urls: list[str]) -> list[str]:
        urls = [url.strip() for url in urls if url.strip()]
        if len(urls) > MAX_FILES:
            raise serializers.ValidationError(f"最多 {MAX_FILES} 个文件。")
        for url in urls:
            check_url(url)
        return urls

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        by_text = attrs.pop("desc_files", [])
        attrs["files"] = attrs.pop("file_list", None) or by_text
        return attrs


def check_url(url: str) -> None:
    """Refuse what is no http(s) URL of a host.  Raises: serializers.ValidationError."""
    has_host = False
    if len(url) <= MAX_URL:
        with suppress(ValueError):
            HTTP_URL(url)
            has_host = bool(urlsplit(url).hostname)
    if not has_host:
        raise serializers.ValidationError(str(HTTP_URL.message))


class AnswerInputSerializer(serializers.Serializer[Any]):
    question = IntegerField(min_value=1, max_value=MAX_PK)
    diagnosis_tag = PickListField()
    drug = PickListField()
    diagnosis_result = TextField(max_length=TEXT_LENGTH)
    extra_suggestion = TextField(max_length=TEXT_LENGTH, required=False, allow_blank=True)

    def validate_question(self, pk: int) -> Question:
        user: User = self.context["request"].user
        visible = Order.objects.visible_to(user).filter(doctor_id=user.doctor.pk)
        question = Question.objects.select_related("order").filter(pk=pk, order__in=visible).first()
        if question is None:
            raise serializers.ValidationError(NO_SUCH_QUESTION)
        return question

    def validate_diagnosis_tag(self, pks: list[int]) -> list[Any]:
        return self._pick(DiagnosisTag, pks)

    def validate_drug(self, pks: list[int]) -> list[Any]:
        return self._pick(Drug, pks)

    def _pick(self, model: Any, pks: list[int]) -> list[Any]:
        user = self.context["request"].user
        found = model.objects.usable_by(user).select_related("owner").in_bulk(pks)
        for pk in pks:
            if pk not in found:
                raise serializers.ValidationError(NOT_USABLE.format(pk=pk))
        return [found[pk] for pk in pks]
