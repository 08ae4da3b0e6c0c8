"""Search, filter and ordering of the doctor catalogue."""

from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet

from accounts.models import Doctor

ORDERINGS = {
    "online_price": "online_price_fen",
    "monthly_price": "monthly_price_fen",
    "scores_average": "scores_average",
    "evaluation_count": "evaluation_count",
}


class DoctorFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="filter_search", label="姓名、医院、科室、职称或简介")
    department = django_filters.CharFilter(label="科室")
    ordering = django_filters.ChoiceFilter(
        method="filter_ordering",
        choices=[(sign + name, sign + name) for name in ORDERINGS for sign in ("", "-")],
        label="排序",
    )

    class Meta:
        model = Doctor
        fields: list[str] = []

    def filter_search(self, queryset: QuerySet[Doctor], name: str, text: str) -> QuerySet[Doctor]:
        for word in text.split():
            matches = Q()
            for field in ("user__name", "user__username", "hospital", "department", "title"):
                matches |= Q(**{f"{field}__icontains": word})
            queryset = queryset.filter(matches | Q(introduction__icontains=word))
        return queryset

    def filter_ordering(self, queryset: QuerySet[Doctor], name: str, value: str) -> Any:
        field = F(ORDERINGS[value.lstrip("-")])
        # Doctors without evaluations come last either way, not first on PostgreSQL.
        ordering = field.desc(nulls_last=True) if value[0] == "-" else field.asc(nulls_last=True)
        return queryset.order_by(ordering, "-pk")
