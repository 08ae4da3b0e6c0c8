"""Request bodies: UTF-8 JSON, forms and multipart, counted before any field looks at them.

How many bytes a body may have is the business of `middleware.BodyLimitMiddleware`.
"""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

from api.fields import MAX_ITEMS

MAX_DEPTH = 8
MAX_NAME = 100
TOO_MANY = f"最多 {MAX_ITEMS} 项。"
NO_FILES = "这里不接收文件。"


class JSONParser(parsers.BaseParser):
    """Parses strict JSON: no NaN, no number beyond a float, no text that is not Unicode.

    No array has more than MAX_ITEMS items, no object more keys than a form may have, and nothing
    lies deeper than MAX_DEPTH.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.  Raises: ParseError; ValidationError for too long an array."""
        raw = stream.read()
        try:
            data = json.loads(
                raw.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite
            )
            # An escaped lone surrogate is valid JSON but no text: no database can store it.
            if b"\\u" in raw:
                json.dumps(data, ensure_ascii=False).encode("utf-8")
            _check_sizes(data)
        except (ValueError, RecursionError) as error:
            raise ParseError from error
        return data


class FormParser(parsers.FormParser):
    """Parses a form; no key is repeated more than MAX_ITEMS times."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return _counted(super().parse(stream, media_type, parser_context))


class MultiPartParser(parsers.MultiPartParser):
    """Parses multipart of plain fields; the first file part ends the reading.

    An upload's view uses the framework's own parser, and sets its own `max_body`.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]._request
        request.upload_handlers = [_RefuseFiles(request)]
        parsed = super().parse(stream, media_type, parser_context)
        _counted(parsed.data)
        return parsed


class _RefuseFiles(FileUploadHandler):
    """Nothing of a file is kept, not even in a temporary one."""

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValidationError({field_name[:MAX_NAME]: [NO_FILES]})

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never reached."""

    def file_complete(self, file_size: int) -> None:
        """Never reached."""


def _counted(form: QueryDict) -> QueryDict:
    for name, values in form.lists():
        if len(values) > MAX_ITEMS:
            raise ValidationError({name[:MAX_NAME]: [TOO_MANY]})
    return form


def _check_sizes(data: Any) -> None:
    """Raises: ValueError, or ValidationError that names the field whose array is too long."""
    # Each container is counted before its items join the queue, which is thereby short.
    queue = [("non_field_errors", data, 0)]
    while queue:
        name, node, depth = queue.pop()
        if isinstance(node, list):
            if len(node) > MAX_ITEMS:
                raise ValidationError({name: [TOO_MANY]})
            children = [(name, item) for item in node]
        elif isinstance(node, dict):
            if len(node) > settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
                raise ValueError("too many keys")
            children = [(name if depth else key[:MAX_NAME], item) for key, item in node.items()]
        else:
            continue
        if depth == MAX_DEPTH:
            raise ValueError("too deep")
        queue += [(inner, item, depth + 1) for inner, item in children]


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(number)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
