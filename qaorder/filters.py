"""Query-string filters of the order, evaluation and catalogue lists."""

import django_filters
from django.db.models import Q, QuerySet

from api.filters import ChoiceFilter, SearchFilter, TextFilter
from qaorder.models import DiagnosisTag, Drug, Evaluation, Order, Status

SEARCH_LABEL = "空格分隔的词，都要匹配"


class OrderFilter(django_filters.FilterSet):
    status = ChoiceFilter(choices=Status.choices, coerce=int, label="订单状态")

    class Meta:
        model = Order
        fields: list[str] = []


class RequiredStatusFilter(OrderFilter):
    status = ChoiceFilter(choices=Status.choices, coerce=int, required=True, label="订单状态")


class CounterpartFilter(django_filters.FilterSet):
    """The orders with one user; the view's side is already fixed."""

    username = TextFilter(method="filter_username", max_length=150, required=True, label="用户名")

    class Meta:
        model = Order
        fields: list[str] = []

    def filter_username(self, queryset: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        role = self.request.resolver_match.kwargs["position"]
        other = "doctor" if role == "patient" else "patient"
        return queryset.filter(Q(**{f"{other}__user__username": value}))


class EvaluationFilter(django_filters.FilterSet):
    ordering = ChoiceFilter(
        method="filter_ordering",
        choices=[("create_time", "最早在前"), ("-create_time", "最新在前")],
        label="排序",
    )

    class Meta:
        model = Evaluation
        fields: list[str] = []

    def filter_ordering(
        self, queryset: QuerySet[Evaluation], name: str, value: str
    ) -> QuerySet[Evaluation]:
        # With the key, or two of one second could change places between two pages.
        sign = "-" if value.startswith("-") else ""
        return queryset.order_by(f"{sign}created_at", f"{sign}pk")


class DiagnosisTagFilter(django_filters.FilterSet):
    search = SearchFilter("name", "description", label=SEARCH_LABEL)

    class Meta:
        model = DiagnosisTag
        fields: list[str] = []


class DrugFilter(django_filters.FilterSet):
    search = SearchFilter("name", "standard", label=SEARCH_LABEL)

    class Meta:
        model = Drug
        fields: list[str] = []
