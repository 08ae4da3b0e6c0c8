"""Query-string filters of the order lists. A blank value counts as absent."""

import django_filters
from django.db.models import Q, QuerySet

from qaorder.models import Evaluation, Order, Status


class OrderFilter(django_filters.FilterSet):
    status = django_filters.TypedChoiceFilter(choices=Status.choices, coerce=int, label="订单状态")

    class Meta:
        model = Order
        fields: list[str] = []


class RequiredStatusFilter(OrderFilter):
    status = django_filters.TypedChoiceFilter(
        choices=Status.choices, coerce=int, required=True, label="订单状态"
    )


class CounterpartFilter(django_filters.FilterSet):
    """The orders with one user; the view's side is already fixed."""

    username = django_filters.CharFilter(method="filter_username", required=True, label="用户名")

    class Meta:
        model = Order
        fields: list[str] = []

    def filter_username(self, queryset: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        position = self.request.resolver_match.kwargs["position"]
        other = "doctor" if position == "patient" else "patient"
        return queryset.filter(Q(**{f"{other}__user__username": value}))


class EvaluationFilter(django_filters.FilterSet):
    ordering = django_filters.OrderingFilter(
        fields=[("created_at", "create_time")], label="排序：create_time 或 -create_time"
    )

    class Meta:
        model = Evaluation
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
        value = self.form.cleaned_data.get("ordering")
        if value == ["-create_time"]:
            return queryset.order_by("-created_at", "-pk")
        return queryset
