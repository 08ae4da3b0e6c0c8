"""OpenAPI: how drf-spectacular describes what every endpoint of this API has in common.

An action says the rest itself: its docstring is the summary, `refusals` the business rules that
may refuse it, `@extend_schema` its bodies.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.plumbing import get_doc
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import AllowAny, IsAuthenticated

from api import errors
from api.limit_table import Limit
from api.schema_examples import EXAMPLES, example_of

TAGS = (
    ("/qaorder/order/evaluate/", "评价"),
    ("/qaorder/order/pay/", "支付与退款"),
    ("/qaorder/order/refund/", "支付与退款"),
    ("/qaorder/order/refuse/", "支付与退款"),
    ("/qaorder/pingpp/", "支付与退款"),
    ("/qaorder/subscription/", "包月"),
    ("/qaorder/user/", "评价"),
    ("/qaorder/order/", "订单"),
    ("/qaorder/patient/", "订单"),
    ("/qaorder/diagnosis_tag/", "诊断标签与药品"),
    ("/qaorder/drug/", "诊断标签与药品"),
    ("/qaorder/file/", "文件"),
    ("/qaorder/", "问答"),
    ("/accounts/balance/", "余额"),
    ("/accounts/doctors/", "医生"),
    ("/accounts/", "账号"),
)
"""The first prefix that fits names the area."""

AREAS = ("账号", "医生", "订单", "问答", "评价", "支付与退款", "包月", "余额")
"""The order in which the page shows them; the others follow."""

_TEXTS = {"type": "array", "items": {"type": "string"}}
ERRORS: dict[str, dict[str, Any]] = {
    "Detail": {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    },
    "FieldErrors": {
        "type": "object",
        "description": "字段名 → 错误；列表字段为 下标 → 错误。",
        "additionalProperties": {
            "oneOf": [_TEXTS, {"type": "object", "additionalProperties": _TEXTS}]
        },
        "example": {"channel": ["该字段是必填项。"]},
    },
    "Refusal": {
        "type": "object",
        "description": "业务规则拒绝，订单不变。整数 `status` 使它有别于字段错误。\n\n"
        + "\n".join(f"* `{refusal.code}` - {refusal.message}" for refusal in errors.REFUSALS),
        "properties": {
            "status": {"type": "integer", "enum": [refusal.code for refusal in errors.REFUSALS]},
            "message": {"type": "string"},
        },
        "required": ["status", "message"],
    },
}
RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "几秒后重试"}}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string", "example": "Token"}}}
DETAIL = {"$ref": "#/components/schemas/Detail"}
"""For `@extend_schema` where a view answers `{"detail": …}` by itself."""

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 255},
    OpenApiParameter.HEADER,
    description="可选。同一用户以同一键重发同一请求，得到同一答复，24 小时内有效。",
)


class AutoSchema(SpectacularAutoSchema):
    """Adds tags, summaries, the Idempotency-Key and the errors to every operation."""

    view: Any

    def get_tags(self) -> list[str]:
        return [next(tag for prefix, tag in TAGS if self.path.startswith(prefix))]

    def get_summary(self) -> str:
        return get_doc(self._action()).split("\n")[0]

    def get_description(self) -> str:  # type: ignore[override]
        """Who may call, in the words of the 403."""
        allowed = [
            getattr(permission, "message", "") for permission in self.view.permission_classes
        ]
        return "。".join(filter(None, allowed))

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *([IDEMPOTENCY_KEY] * self._is_idempotent())]

    def get_filter_backends(self) -> list[Any]:
        return super().get_filter_backends() if self.view.filterset_class else []

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_filter_parameters()
        # A blank filter counts as absent.
        return [
            one if one.get("required") else one | {"allowEmptyValue": True} for one in parameters
        ]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for code, answer in self._errors().items():
            bodies.setdefault(code, answer)
        for answer in bodies.values():
            if "content" not in answer:
                answer["description"] = "成功，没有响应体"
            answer["description"] = answer.get("description") or "成功"
        return dict(sorted(bodies.items()))

    def _errors(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        if bad := self._bad_request():
            found["400"] = bad
        if self.view.authentication_classes:
            found["401"] = _answer("未登录或登录已失效", "Detail", headers=CHALLENGE)
        if self._is_forbidden_to_some():
            found["403"] = _answer("身份不符", "Detail")
        if "{" in self.path or self._is_paged():
            example = {"detail": errors.NOT_FOUND}
            found["404"] = _answer("不存在或不可见", "Detail", examples={"": example})
        if self._is_idempotent():
            found["409"] = _answer("同一键的请求正在处理", "Detail", headers=RETRY_AFTER)
            found["422"] = _answer("该键已用于另一个请求", "Detail")
        if limits := self._limits():
            found["429"] = _too_many(limits)
        found["503"] = self._unavailable()
        return found

    def _bad_request(self) -> dict[str, Any] | None:
        names, examples = [], {}
        has_body = self.method in ("POST", "PUT", "PATCH") and self.get_request_serializer()
        if has_body or self.view.filterset_class:
            names.append("FieldErrors")
        for refusal in self._refusals():
            if not issubclass(refusal, errors.Refusal):
                names.append("Detail")
                examples[str(refusal.default_detail)] = {"detail": str(refusal.default_detail)}
            elif refusal.status_code == errors.Refusal.status_code:
                names.append("Refusal")
                examples[refusal.message] = _body(refusal)
        if has_body:
            names.append("Detail")
        return _answer("输入有误，或业务规则拒绝", *names, examples=examples) if names else None

    def _unavailable(self) -> dict[str, Any]:
        refusals = {r.message: _body(r) for r in self._refusals() if r.status_code == 503}
        examples = {errors.BUSY: {"detail": errors.BUSY}} | refusals
        names = ["Detail", *(["Refusal"] if refusals else [])]
        return _answer("系统繁忙，没有改动", *names, examples=examples, headers=RETRY_AFTER)

    def _refusals(self) -> tuple[Any, ...]:
        """A GET that only reads is refused by no rule; one that acts is served without HEAD."""
        acts = self.method != "GET" or "head" not in self.view.http_method_names
        return self.view.refusals if acts else ()

    def _limits(self) -> tuple[Limit, ...]:
        """What only reads is not counted."""
        return self.view.limits if self.method not in ("GET", "DELETE") else ()

    def _is_idempotent(self) -> bool:
        return hasattr(self._action(), "is_idempotent")

    def _is_paged(self) -> bool:
        return self._is_list_view() and self.view.pagination_class is not None

    def _action(self) -> Any:
        return getattr(self.view, self.view.action)

    def _is_forbidden_to_some(self) -> bool:
        """By permission, or by the side of the order: what takes a key is for one side only."""
        open_to_all = (AllowAny, IsAuthenticated)
        permissions = self.view.get_permissions()
        return self._is_idempotent() or any(type(p) not in open_to_all for p in permissions)


def _body(refusal: type[errors.Refusal]) -> dict[str, Any]:
    return {"status": refusal.code, "message": refusal.message}


def _too_many(limits: tuple[Limit, ...]) -> dict[str, Any]:
    examples = {limit.detail: {"detail": limit.detail} for limit in limits}
    return _answer("超过次数限制", "Detail", examples=examples, headers=RETRY_AFTER)


def _answer(
    description: str,
    *components: str,
    examples: dict[str, Any] | None = None,
    headers: dict[str, Any] | None = None,
) -> dict[str, Any]:
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in dict.fromkeys(components)]
    content: dict[str, Any] = {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}
    if examples:
        content["examples"] = {
            name or "example": {"value": value} for name, value in examples.items()
        }
    answer: dict[str, Any] = {"description": description, "content": {"application/json": content}}
    return answer | ({"headers": headers} if headers else {})


class YuanFieldExtension(OpenApiSerializerFieldExtension):
    target_class = "api.fields.YuanField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        if direction == "response":
            return {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$", "example": "15.00"}
        text = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,4})(\.[0-9]{1,2})?$"}
        whole = {"type": "integer", "minimum": -(-self.target.min_fen // 100), "maximum": 50000}
        return {"anyOf": [text, whole], "example": "15.00"}


class DateTimeFieldExtension(OpenApiSerializerFieldExtension):
    """No `date-time`: that format demands an offset, which the published times do not have."""

    target_class = "rest_framework.fields.DateTimeField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}$"
        return {"type": "string", "pattern": pattern, "example": EXAMPLES["Order"]["create_time"]}


def finish(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the error bodies and the examples; take out docstrings that are for developers.

    What the API answers always has all its keys, whether or not they must be sent.
    """
    components = result["components"]["schemas"]
    for name, component in components.items():
        if component["type"] == "object":
            component.pop("description", None)
        if component["type"] == "object" and not name.endswith(("Request", "Me")):
            component["required"] = sorted(component["properties"])
        if example := example_of(name, component.get("properties", ())):
            component["example"] = example
    result["tags"] = [{"name": area} for area in AREAS]
    result["components"]["schemas"] = dict(sorted((components | ERRORS).items()))
    return result
