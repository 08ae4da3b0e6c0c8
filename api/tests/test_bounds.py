"""Everything that the API takes from a client has a size, known before anything looks at it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers

from api.fields import MAX_ITEMS, InputField, ListField, TextField
from api.filters import ChoiceFilter, SearchFilter, TextFilter
from api.middleware import MAX_BODY

LONGEST_TEXT = 5000
PARSERS = {import_string(name) for name in settings.REST_FRAMEWORK["DEFAULT_PARSER_CLASSES"]}


def patterns(found: list[Any] | None = None, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    """Every URL of the API with its pattern."""
    for pattern in get_resolver().url_patterns if found is None else found:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith(("/qaorder/", "/accounts/")):
            yield path, pattern


def views() -> list[Any]:
    """What serves each URL, with what the URL's actions say beside the viewset."""
    callbacks = [pattern.callback for _, pattern in patterns()]
    found = [one.cls(**getattr(one, "initkwargs", {})) for one in callbacks]
    assert len(found) > 30
    return found


def written_fields() -> dict[str, serializers.Field]:
    """Every field of every declared body, items of arrays included."""
    generator = SchemaGenerator()
    generator.get_schema(request=None, public=True)
    bodies = {
        name: force_instance(component.object)
        for (name, _), component in generator.registry._components.items()
        if name.endswith("Request") and component.object is not None
    }
    found = {}
    for name, body in bodies.items():
        if not isinstance(body, serializers.Serializer):
            continue
        for key, field in body.fields.items():
            if not field.read_only:
                found[f"{name}.{key}"] = field
                if isinstance(field, serializers.ListField):
                    found[f"{name}.{key}[]"] = field.child
    return found


def test_every_field_that_clients_write_is_bounded():
    fields = written_fields()

    assert len(fields) > 35
    assert {name for name, field in fields.items() if not isinstance(field, InputField)} == set()
    for name, field in fields.items():
        if isinstance(field, TextField):
            assert 0 < (field.max_length or 0) <= LONGEST_TEXT, name
        if isinstance(field, ListField):
            assert 0 < field.max_length <= MAX_ITEMS, name


def test_every_filter_is_bounded():
    filters = {
        f"{view.filterset_class.__name__}.{name}": one
        for view in views()
        if getattr(view, "filterset_class", None)
        for name, one in view.filterset_class.base_filters.items()
    }

    assert len(filters) > 8
    for name, one in filters.items():
        assert isinstance(one, (SearchFilter, TextFilter, ChoiceFilter)), name


def test_every_part_of_a_url_is_bounded():
    converters = {
        f"{path} {name}": converter
        for path, pattern in patterns()
        for name, converter in getattr(pattern.pattern, "converters", {}).items()
    }

    assert len(converters) > 15
    for name, converter in converters.items():
        for letter in "a9-.":
            assert not re.fullmatch(converter.regex, letter * 200), name


def test_who_may_send_more_or_files_says_how_much():
    for view in views():
        if not set(view.parser_classes) <= PARSERS:
            assert view.max_body > MAX_BODY, view


def test_text_without_a_length_is_a_mistake():
    with pytest.raises(TypeError):
        TextField()
