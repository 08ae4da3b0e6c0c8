"""Every operation, field and parameter that the OpenAPI document names, under hostile input.

Whatever is sent: no 5xx, JSON, an error of at most 16 KiB, under a second of processor time. What
is new in the document is attacked from the day it is written.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from api.middleware import MAX_BODY
from tests.endpoints.access_matrix import ROWS, Row
from tests.hostile import attacks
from tests.hostile.attacks import FORM, HEADERS, JSON, MULTIPART
from tests.hostile.server import Answer, Server
from tests.support.world import Cast

SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
BELOW = MAX_BODY - 6 * 1024
ABOVE = 2 * 1024 * 1024
# Gunicorn takes request lines of up to 4094 bytes.
QUERY = 3800
SAMPLES = {"username": "doctor1", "order_number": "1", "pk": "1", "position": "patient"}

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Operation(NamedTuple):
    path: str
    method: str
    description: dict[str, Any]

    @property
    def row(self) -> Row:
        """The access matrix says who may call it, and in which status of the order."""
        sample = self.path.format(**SAMPLES)
        route = resolve(sample).route
        numbers = dict.fromkeys(("order", "patient_pk", "tag", "drug", "session"), "1")
        rows = [
            row
            for row in ROWS
            if row.method == self.method
            and resolve(
                row.url.split("?")[0].format(doctor="d", owner="o", question="1", **numbers)
            ).route
            == route
        ]
        assert rows, f"{self.method} {self.path} is missing in the access matrix"
        return rows[0]

    @property
    def max_body(self) -> int:
        view: Any = resolve(self.path.format(**SAMPLES)).func
        return getattr(view, "max_body", MAX_BODY)

    @property
    def bodies(self) -> dict[str, dict[str, Any]]:
        """Content type -> the properties of the declared body."""
        content = self.description.get("requestBody", {}).get("content", {})
        return {name: _properties(body["schema"]) for name, body in content.items()}

    @property
    def parameters(self) -> list[str]:
        declared = self.description.get("parameters", ())
        return [one["name"] for one in declared if one["in"] == "query"]


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = SCHEMA["components"]["schemas"][schema["$ref"].split("/")[-1]]
    return schema.get("properties", {})


OPERATIONS = [
    Operation(path, method.upper(), description)
    for path, methods in SCHEMA["paths"].items()
    for method, description in methods.items()
]


def _each(operations: list[Operation]) -> Any:
    return pytest.mark.parametrize(
        "operation", operations, ids=lambda one: f"{one.method} {one.path}"
    )


each_operation = _each(OPERATIONS)
with_fields = _each([one for one in OPERATIONS if any(one.bodies.values())])
with_parameters = _each([one for one in OPERATIONS if one.parameters])
with_parts = _each([one for one in OPERATIONS if "{" in one.path])


class Target:
    """An operation with the caller and the objects that it is for."""

    def __init__(self, server: Server, operation: Operation) -> None:
        row, world = operation.row, Cast(operation.row.status)
        self.server, self.operation = server, operation
        self.url = world.fill(row.url)
        self.body = world.fill(row.body or {})
        self.token = vars(world.client(row.actor))["_credentials"].get("HTTP_AUTHORIZATION", "")
        self.problems: list[tuple[str, str, str, Any]] = []

    def send(self, body: bytes | None = None, content_type: str = JSON, url: str = "") -> Answer:
        headers = {"Authorization": self.token, "Content-Type": HEADERS[content_type]}
        return self.server.send(self.operation.method, url or self.url, body, headers)

    def attack(
        self, kind: str, name: str, field: str, expected: tuple[int, ...], **sent: Any
    ) -> None:
        """Send, and note what is wrong with the answer; an error 400 must name the field."""
        answer = self.send(**sent)
        found = answer.problems()
        if expected and answer.status not in expected:
            found.append(f"{answer.status} {answer.body[:100]!r}")
        if field and answer.status == 400 and not {field, "detail"} & set(answer.json()):
            found.append(f"{field} is not named in {answer.body[:100]!r}")
        self.problems += [(kind, field, name, problem) for problem in found]


@each_operation
def test_a_body_is_413_over_the_limit_and_cheap_just_below_it(server, operation):
    target = Target(server, operation)
    size = max(ABOVE, operation.max_body + 1)

    for content_type in HEADERS:
        for name, raw in attacks.wholes(content_type, size):
            if len(raw) > operation.max_body:
                target.attack(content_type, name, "", (413,), body=raw, content_type=content_type)
                break
        for name, raw in attacks.wholes(content_type, BELOW):
            assert len(raw) <= MAX_BODY, name
            target.attack(content_type, name, "", (), body=raw, content_type=content_type)
            if not operation.bodies:
                break
    if operation.max_body == MAX_BODY and operation.bodies:
        for name, raw in attacks.files(BELOW):
            target.attack(MULTIPART, name, "portrait", (400,), body=raw, content_type=MULTIPART)

    assert target.problems == []


def _field_attacks(target: Target) -> Iterator[tuple[str, str, str, bytes]]:
    for content_type, fields in target.operation.bodies.items():
        for field in fields:
            found = [*attacks.texts(content_type, target.body, field, BELOW)]
            if content_type == JSON:
                found += attacks.json_values(target.body, field, BELOW)
            else:
                found += attacks.repeated(content_type, target.body, field)
            yield from ((content_type, field, name, raw) for name, raw in found)


@with_fields
def test_a_field_full_of_anything_is_refused_by_name_and_cheaply(server, operation):
    target = Target(server, operation)

    for content_type, field, name, raw in _field_attacks(target):
        assert len(raw) <= MAX_BODY
        target.attack(content_type, name, field, (400,), body=raw, content_type=content_type)
    for content_type, fields in operation.bodies.items():
        for field in fields:
            name, raw = next(attacks.texts(content_type, target.body, field, ABOVE))
            target.attack(content_type, name, field, (413,), body=raw, content_type=content_type)

    assert target.problems == []


@with_parameters
def test_a_parameter_full_of_anything_is_cheap(server, operation):
    target = Target(server, operation)
    separator = "&" if "?" in target.url else "?"

    for parameter in operation.parameters:
        for name, value in attacks.queries(QUERY):
            url = f"{target.url}{separator}{parameter}={value}"
            allowed = (200,) if parameter == "page_size" else (200, 400, 404)
            target.attack("query", name, "", allowed, url=url)

    assert target.problems == []


@with_parts
def test_a_long_part_of_the_url_is_an_unknown_url(server, operation):
    target = Target(server, operation)

    for name in SAMPLES:
        if f"{{{name}}}" in operation.path:
            for unit in ("a", "9", "%CC%95%CC%80", "%00", "."):
                url = operation.path.format(**SAMPLES | {name: unit * (QUERY // len(unit))})
                target.attack("path", unit, "", (404,), url=url)

    assert target.problems == []


def test_the_document_has_operations_fields_and_parameters_to_attack():
    fields = [name for one in OPERATIONS for body in one.bodies.values() for name in body]
    encodings = {content_type for one in OPERATIONS for content_type in one.bodies}

    assert len(OPERATIONS) > 40
    assert len(fields) > 100
    assert encodings == {JSON, FORM, MULTIPART}
    assert sum(len(one.parameters) for one in OPERATIONS) > 20
