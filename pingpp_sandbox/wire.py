"""Requests and answers, as the API, the controls and the pages see them."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from pingpp_sandbox.errors import ApiError

JSON_TYPE = "application/json;charset=utf-8"


@dataclass
class Request:
    """An HTTP request; `target` is path and query exactly as they were sent."""

    method: str
    target: str
    headers: Any
    body: bytes

    @property
    def path(self) -> str:
        """The path, still encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The decoded query; the last of repeated names counts."""
        return dict(self._pairs())

    @property
    def expand(self) -> set[str]:
        """The fields that `expand[]=…` names, for objects in place of their ids."""
        return {value for name, value in self._pairs() if name == "expand[]"}

    def match(self, method: str, pattern: str) -> re.Match[str] | None:
        """The match of its path, if it is of the method and the pattern."""
        return re.fullmatch(pattern, self.path) if self.method == method else None

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises: ApiError 400.
        """
        try:
            value = json.loads(self.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ApiError("请求内容不是有效的 JSON。") from error
        if not isinstance(value, dict):
            raise ApiError("请求内容必须是一个 JSON 对象。")
        return value

    def _pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)


@dataclass
class Response:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def json_response(status: int, value: Any) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(value, ensure_ascii=False).encode())


def refusal(error: ApiError) -> Response:
    """The answer to a request that is refused."""
    return json_response(error.status, error.envelope())
