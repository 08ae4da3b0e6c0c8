"""The OpenAPI document: complete, valid, without warnings, true to what is answered, and served."""

import gzip
import json
import re
import time
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from django.contrib.staticfiles import finders
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from api import errors
from api.schema_examples import EXAMPLES
from qaorder.lifecycle import Role
from qaorder.models import OrderType, Status
from tests.support import people

API = re.compile(r"^/(qaorder|accounts)/")
TAKES_A_KEY = {
    ("/qaorder/order/create/", "post"),
    ("/qaorder/order/pay/{order_number}/", "patch"),
    ("/qaorder/question/create/", "post"),
    ("/qaorder/answer/create/", "post"),
    ("/qaorder/order/evaluate/{order_number}/", "put"),
    ("/qaorder/order/refund/{order_number}/", "put"),
    ("/accounts/balance/recharge/", "post"),
}
# Also here, beyond the contract's list.
REFUSE = {("/qaorder/order/refuse/{order_number}/", "put")}
OPEN = {
    ("/accounts/login/", "post"),
    ("/accounts/password/reset/", "post"),
    ("/accounts/register/", "post"),
    ("/qaorder/pingpp/webhook/", "post"),
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    result: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return result


@pytest.fixture(scope="module")
def operations(schema) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def served() -> set[tuple[str, str]]:
    """Every path and method that the URLs below /qaorder/ and /accounts/ serve."""
    found: set[tuple[str, str]] = set()

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern) and API.match(path):
                methods = set(vars(pattern.callback)["actions"]) - {"head"}
                template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)
                found.update((template, name) for name in methods)

    walk(get_resolver().url_patterns, "/")
    return found


def component(schema: dict[str, Any], ref: str) -> dict[str, Any]:
    """A component in the words of JSON Schema, which knows no `nullable`."""

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: plain(value) for key, value in node.items()}
        return {"anyOf": [node, {"type": "null"}]} if node.pop("nullable", False) else node

    return {"$ref": ref, "components": plain(schema["components"])}


def test_the_schema_is_valid_and_nothing_is_guessed(schema):
    assert not GENERATOR_STATS
    validate_schema(schema)


def test_every_url_is_in_the_schema_with_its_methods(operations):
    assert {key for key in operations if API.match(key[0])} == served()
    assert len(operations) == len(served())


def test_the_areas_and_summaries_are_in_chinese(operations):
    for key, operation in operations.items():
        assert re.search(r"[\u4e00-\u9fff]", operation["summary"]), key
        assert len(operation["tags"]) == 1, key
        assert operation["tags"][0] not in ("qaorder", "accounts"), key


def test_the_idempotency_key_is_shown_where_it_is_honoured(operations):
    shown = {
        key
        for key, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key" and parameter["in"] == "header"
    }

    assert shown == TAKES_A_KEY | REFUSE
    for key, operation in operations.items():
        assert ({"409", "422"} <= set(operation["responses"])) == (key in shown)


def test_what_is_deprecated_is_marked(operations):
    marked = {key for key, operation in operations.items() if operation.get("deprecated")}

    assert marked == {
        ("/qaorder/order/cancel/{order_number}/", "get"),
        ("/qaorder/order/finish/{order_number}/", "get"),
        ("/qaorder/order/filter/", "get"),
    }


def test_the_token_is_asked_for_everywhere_but_at_the_open_doors(schema, operations):
    closed = {
        key for key, operation in operations.items() if operation.get("security") == [{"token": []}]
    }
    scheme = schema["components"]["securitySchemes"]["token"]

    assert set(operations) - closed == OPEN
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    for key, operation in operations.items():
        has_401 = "401" in operation["responses"]
        assert has_401 == (key in closed or key == ("/accounts/login/", "post")), key


@pytest.mark.parametrize(
    ("path", "method", "codes"),
    [
        ("/qaorder/order/cancel/{order_number}/", "put", {-1}),
        ("/qaorder/order/cancel/{order_number}/", "get", {-1}),
        ("/qaorder/order/pay/{order_number}/", "patch", {-2, -5, -6}),
        ("/qaorder/order/evaluate/{order_number}/", "put", {-3}),
        ("/qaorder/order/finish/{order_number}/", "put", {-4}),
        ("/accounts/balance/recharge/", "post", {-6}),
        ("/qaorder/question/create/", "post", {-7}),
        ("/qaorder/answer/create/", "post", {-8}),
        ("/qaorder/order/refund/{order_number}/", "put", {-9}),
        ("/qaorder/order/refund/{order_number}/", "get", set()),
        ("/qaorder/order/refuse/{order_number}/", "put", {-9}),
    ],
)
def test_the_refusals_are_listed(operations, path, method, codes):
    answers = operations[path, method]["responses"]
    examples = [
        example["value"]
        for code in ("400", "503")
        if code in answers
        for example in answers[code]["content"]["application/json"].get("examples", {}).values()
    ]

    assert {value["status"] for value in examples if "status" in value} == codes


def test_the_refusal_component_has_all_codes(schema):
    refusal = schema["components"]["schemas"]["Refusal"]

    assert refusal["properties"]["status"]["enum"] == [-n for n in range(1, 10)]
    assert all(kind.message in refusal["description"] for kind in errors.REFUSALS)


def test_lists_are_pages_and_creations_are_201(operations):
    for (path, method), operation in operations.items():
        if "/list/" in path:
            body = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert body["$ref"].split("/")[-1].startswith("Paginated"), path
        if method == "post" and path.endswith(("/create/", "/register/", "/apply/")):
            assert "201" in operation["responses"], path


def test_paying_requires_its_channel_and_money_is_text(schema):
    components = schema["components"]["schemas"]

    assert components["PayInputRequest"]["required"] == ["channel"]
    assert components["Order"]["properties"]["amount"]["type"] == "string"
    assert re.match(components["Order"]["properties"]["amount"]["pattern"], "15.00")
    assert "format" not in components["Order"]["properties"]["create_time"]


def test_what_the_published_document_shows_has_an_example(schema):
    components = schema["components"]["schemas"]
    shown = {name for name in components if "example" in components[name]}

    asked = {"Order", "Question", "Answer", "Evaluation"}
    assert shown >= set(EXAMPLES) | {f"{name}InputRequest" for name in asked}


def test_an_example_fits_its_component_key_by_key(schema):
    for name, described in schema["components"]["schemas"].items():
        if "properties" in described and "example" in described:
            validated = component(schema, f"#/components/schemas/{name}")
            jsonschema.validate(described["example"], validated)
            assert list(described["example"]) == list(described["properties"]), name


def test_a_request_names_rows_by_their_keys(schema):
    components = schema["components"]["schemas"]

    assert components["OrderInputRequest"]["example"]["doctor"] == "doctor1"
    assert components["AnswerInputRequest"]["example"]["drug"] == [3, 1]


def assert_as_described(schema, response, path: str, method: str = "get") -> None:
    answers = schema["paths"][path][method]["responses"]
    assert str(response.status_code) in answers
    body = answers[str(response.status_code)]["content"]["application/json"]["schema"]
    described = component(schema, "") | {"allOf": [body]}
    described.pop("$ref")
    jsonschema.validate(response.json(), described)


@pytest.mark.django_db
def test_answers_are_as_described(schema):
    order = people.order_in(Status.EVALUATED)
    monthly = people.order_in(Status.PAID, order.patient, order.doctor, OrderType.MONTHLY)
    refunded = people.order_in(Status.PAID, order.patient, order.doctor)
    people.refund(refunded, Role.PATIENT)
    number, name = order.order_number, order.doctor.user.username
    record = "/qaorder/patient/inquiry/record/"
    urls = {
        f"/qaorder/order/detail/{number}/": "/qaorder/order/detail/{order_number}/",
        "/qaorder/order/patient/list/": "/qaorder/order/{position}/list/",
        "/qaorder/order/doctor/list/": "/qaorder/order/{position}/list/",
        "/qaorder/order/patient/list/?status=9": "/qaorder/order/{position}/list/",
        "/qaorder/order/patient/list/?page=9": "/qaorder/order/{position}/list/",
        "/qaorder/order/detail/1/": "/qaorder/order/detail/{order_number}/",
        f"/qaorder/order/refund/{refunded.order_number}/": "/qaorder/order/refund/{order_number}/",
        f"/qaorder/user/{name}/": "/qaorder/user/{username}/",
        f"{record}{order.patient_id}/": f"{record}{{pk}}/",
        "/qaorder/subscription/list/": "/qaorder/subscription/list/",
        "/qaorder/drug/list/": "/qaorder/drug/list/",
        "/accounts/me/": "/accounts/me/",
        "/accounts/doctors/": "/accounts/doctors/",
        f"/accounts/doctors/{name}/": "/accounts/doctors/{username}/",
        "/accounts/balance/": "/accounts/balance/",
        "/accounts/balance/entries/": "/accounts/balance/entries/",
    }

    for url, path in urls.items():
        for client in (
            people.client_for(monthly.patient.user),
            people.client_for(order.doctor.user),
            APIClient(),
        ):
            assert_as_described(schema, client.get(url), path)


@pytest.mark.django_db
def test_refusals_and_field_errors_are_as_described(schema):
    order = people.order_in(Status.FINISHED)
    client = people.client_for(order.patient.user)
    stranger = people.client_for(order.doctor.user)
    number = order.order_number

    for verb, method, body in (
        ("cancel", "put", {}),
        ("cancel", "get", {}),
        ("destroy", "delete", {}),
        ("evaluate", "put", {"scores": 9}),
        ("pay", "patch", {"channel": "balance"}),
        ("refund", "put", {}),
    ):
        for caller in (client, stranger):
            response = getattr(caller, method)(f"/qaorder/order/{verb}/{number}/", body)
            if response.status_code != 204:
                path = f"/qaorder/order/{verb}/{{order_number}}/"
                assert_as_described(schema, response, path, method)


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("", "", "application/json"),
        ("*/*", "", "application/json"),
        ("text/html", "", "application/json"),
        ("text/html,*/*;q=0.8", "", "application/json"),
        ("application/json", "", "application/json"),
        ("application/vnd.oai.openapi+json", "", "application/vnd.oai.openapi+json"),
        ("application/vnd.oai.openapi", "", "application/vnd.oai.openapi"),
        ("application/yaml", "", "application/yaml"),
        ("application/json;q=0.1,application/yaml", "", "application/yaml"),
        ("*/*", "?format=yaml", "application/yaml"),
        ("application/yaml", "?format=json", "application/json"),
        ("*/*", "?format=nonsense", "application/json"),
    ],
)
def test_the_schema_is_served_to_everybody(client, schema, accept, query, content_type):
    response = client.get(f"/schema/{query}", headers={"accept": accept} if accept else {})

    is_json = content_type.endswith("json")
    renderer = OpenApiJsonRenderer() if is_json else OpenApiYamlRenderer()
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert response.content == renderer.render(schema, renderer_context={})
    assert (json.loads if is_json else yaml.safe_load)(response.content) == json.loads(
        json.dumps(schema)
    )


def test_an_unchanged_schema_is_304_and_it_comes_compressed_to_who_asks(client):
    plain = client.get("/schema/")
    zipped = client.get("/schema/", headers={"accept-encoding": "br, gzip"})
    again = client.get("/schema/", headers={"if-none-match": plain["ETag"]})

    assert gzip.decompress(zipped.content) == plain.content
    assert zipped["Content-Encoding"] == "gzip"
    assert zipped["ETag"] != plain["ETag"]
    assert (again.status_code, again.content) == (304, b"")
    assert plain["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("query", ["", "?format=yaml"])
def test_a_second_call_for_the_schema_costs_next_to_nothing(client, query):
    client.get(f"/schema/{query}")
    start = time.process_time()

    for _ in range(20):
        client.get(f"/schema/{query}")

    # Making it anew takes more than 0.1 s each time.
    assert time.process_time() - start < 0.5


def test_the_docs_refer_to_no_other_host(client):
    response = client.get("/docs/")
    page = response.content.decode()

    assert response.status_code == 200
    assert "肺轻松 API" in page
    assert not re.findall(r"""https?://|["'(]//""", page)
    script = client.get("/docs/?script=").content.decode()
    assert '"validatorUrl": null' in script
    assert not re.findall(r"""https?://|["'(]//""", script)
    assert set(re.findall(r'(?:src|href)="(/[a-z]+/)', page)) == {"/static/", "/docs/"}


def test_what_the_docs_refer_to_is_there(client):
    page = client.get("/docs/").content.decode()

    for path in re.findall(r'(?:src|href)="/static/([^"]+)"', page):
        assert finders.find(path), path
