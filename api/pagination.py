"""Pages of a list: `{count, next, previous, results}` (contract, section 1)."""

import re
from typing import Any

from rest_framework import pagination
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class PageNumberPagination(pagination.PageNumberPagination):
    """`?page=` (a bad one is 404) and `?page_size=` (10 by default, at most 100)."""

    page_size = 10
    page_size_query_param = "page_size"
    max_page_size = 100
    last_page_strings = ()  # a page is a number

    def get_page_number(self, request: Request, paginator: Any) -> Any:
        page = super().get_page_number(request, paginator)
        if not _NUMBER.fullmatch(str(page)):
            raise NotFound
        return page

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe what is taken: any `page_size` is, a bad one counts as the default."""
        page: dict[str, Any] = {"type": "integer", "minimum": 1, "default": 1}
        size = {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
        return [
            {"name": "page", "in": "query", "description": "页码；没有这一页 404", "schema": page},
            {
                "name": "page_size",
                "in": "query",
                "description": "每页条数，1–100；其他值取默认的 10",
                "schema": {"anyOf": [size, {"type": "string"}]},
            },
        ]
