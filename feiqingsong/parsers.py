"""Request bodies: strict JSON in UTF-8, whatever the header claims."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JSONParser(parsers.BaseParser):
    """Parses UTF-8 JSON; refuses NaN, nesting too deep to walk and text that is not Unicode."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.  Raises: ParseError."""
        raw = stream.read()
        try:
            data = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
            # An escaped lone surrogate is valid JSON but no text: no database can store it.
            if b"\\u" in raw:
                json.dumps(data, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError) as error:
            raise ParseError from error
        return data


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
