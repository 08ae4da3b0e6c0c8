"""Query-string filters: bounded before anything looks at them; errors repeat no value.

A blank value counts as absent.
"""

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_field

MAX_WORDS = 5
MAX_WORD = 50
TOO_MUCH = f"最多 {MAX_WORDS} 个词，每个最多 {MAX_WORD} 个字符。"
_PATTERN = rf"^\s*(\S{{1,{MAX_WORD}}}(\s+\S{{1,{MAX_WORD}}}){{0,{MAX_WORDS - 1}}})?\s*$"


def search_words(text: str) -> list[str]:
    """Return the words of a search.  Raises: ValueError for too many or too long ones."""
    words = text.split(maxsplit=MAX_WORDS)
    if len(words) > MAX_WORDS or any(len(word) > MAX_WORD for word in words):
        raise ValueError(TOO_MUCH)
    return words


class _SearchField(forms.CharField):
    def to_python(self, value: Any) -> str:
        # No text holds a NUL, so none is found by one.
        return str(super().to_python(value)).replace("\x00", "")

    def clean(self, value: Any) -> Any:
        try:
            return search_words(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(TOO_MUCH) from error


class SearchFilter(django_filters.CharFilter):
    """Rows in which every word is found in one of the columns, whatever its case."""

    field_class = _SearchField

    def __init__(self, *columns: str, label: str) -> None:
        self.columns = columns
        super().__init__(label=label)
        _describe(self, {"type": "string", "pattern": _PATTERN, "description": label})

    def filter(self, rows: QuerySet[Any], words: list[str]) -> QuerySet[Any]:
        for word in words:
            matches = Q()
            for column in self.columns:
                matches |= Q(**{f"{column}__icontains": word})
            rows = rows.filter(matches)
        return rows


class TextFilter(django_filters.CharFilter):
    """Rows whose column is this text of at most `max_length` characters."""

    def __init__(self, *, max_length: int, label: str, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, label=label, **kwargs)
        _describe(self, {"type": "string", "maxLength": max_length, "description": label})


class ChoiceFilter(django_filters.TypedChoiceFilter):
    """One of the choices; `coerce` makes it the column's type."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(error_messages={"invalid_choice": "不是有效的选项。"}, **kwargs)


def _describe(one: django_filters.Filter, words: dict[str, Any]) -> None:
    extend_schema_field(words)(one)
