"""What the viewsets of all apps have in common: one for each noun, one action for each endpoint."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils.decorators import classonlymethod
from django_filters import FilterSet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from api.limit_table import Limit
from api.middleware import MAX_BODY

NO_HEAD = ["get", "post", "put", "patch", "delete"]
"""The `http_method_names` where a GET acts: a HEAD must not."""

Action = TypeVar("Action", bound=Callable[..., Any])


def endpoint(**differs: Any) -> Callable[[Action], Action]:
    """Say beside an action in what its URL differs from the viewset: any attribute of it.

    Actions that share a URL share this too, as checks come before the method is looked at.
    """

    def decorate(action: Action) -> Action:
        action.differs = differs  # type: ignore[attr-defined]
        return action

    return decorate


class ViewSet(GenericViewSet[Any]):
    """One noun; the docstring of an action is its summary in the OpenAPI document."""

    filter_backends = [DjangoFilterBackend]
    filterset_class: type[FilterSet] | None = None
    limits: tuple[Limit, ...] = ()
    max_body = MAX_BODY
    refusals: tuple[type[APIException], ...] = ()

    @classonlymethod
    def as_view(cls, actions: Any = None, **initkwargs: Any) -> Any:
        differs: dict[str, Any] = {}
        for name in actions.values():
            differs |= getattr(getattr(cls, name), "differs", {})
        view: Any = super().as_view(actions, **differs | initkwargs)
        view.max_body = differs.get("max_body", cls.max_body)  # for the middleware
        return view

    def validated(self) -> dict[str, Any]:
        """Return the fields of the body.  Raises: ValidationError."""
        serializer = self.get_serializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = serializer.validated_data
        return fields

    def page(self, rows: QuerySet[Any]) -> Response:
        """Answer the page that was asked for, of the rows that pass the filter."""
        found = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(self.get_serializer(found, many=True).data)
