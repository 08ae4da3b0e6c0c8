"""Search, filter and ordering of the doctor catalogue."""

from typing import Any

import django_filters
from django.db.models import F, QuerySet

from accounts.models import Doctor
from api.filters import ChoiceFilter, SearchFilter, TextFilter

ORDERINGS = {
    "online_price": "online_price_fen",
    "monthly_price": "monthly_price_fen",
    "scores_average": "scores_average",
    "evaluation_count": "evaluation_count",
}


class DoctorFilter(django_filters.FilterSet):
    search = SearchFilter(
        "user__name",
        "user__username",
        "hospital",
        "department",
        "title",
        "introduction",
        label="姓名、医院、科室、职称或简介",
    )
    department = TextFilter(max_length=50, label="科室")
    ordering = ChoiceFilter(
        method="filter_ordering",
        choices=[(sign + name, sign + name) for name in ORDERINGS for sign in ("", "-")],
        label="排序",
    )

    class Meta:
        model = Doctor
        fields: list[str] = []

    def filter_ordering(self, queryset: QuerySet[Doctor], name: str, value: str) -> Any:
        field = F(ORDERINGS[value.lstrip("-")])
        # Doctors without evaluations come last either way, not first on PostgreSQL.
        ordering = field.desc(nulls_last=True) if value[0] == "-" else field.asc(nulls_last=True)
        return queryset.order_by(ordering, "-pk")
