"""Examples in the OpenAPI document, by component: the answers in the published API document."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "examples"


def sample(name: str) -> dict[str, Any]:
    """Return a published answer, from the file that the service's answers are tested against."""
    answer: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return answer


_ORDER = sample("detail")
EXAMPLES: dict[str, dict[str, Any]] = {
    "Order": _ORDER,
    "Question": _ORDER["question"],
    "Answer": _ORDER["answer"],
    "DiagnosisTag": _ORDER["answer"]["diagnosis_tag"][0],
    "Drug": _ORDER["answer"]["drug"][0],
    "Evaluation": sample("evaluate"),
    "InquiryRecord": sample("inquiry_record")["results"][0],
    "Charge": sample("pay"),
    "PaginatedOrderList": sample("list"),
    "PaginatedEvaluationList": sample("doctor_evaluations"),
    "PaginatedInquiryRecordList": sample("inquiry_record"),
}


def example_of(component: str, properties: Iterable[str]) -> dict[str, Any] | None:
    """Return the component's example, if there is one; a request's is read off its answer."""
    answer = EXAMPLES.get(component.removesuffix("Request").removesuffix("Input"))
    if answer is None or not component.endswith("Request"):
        return answer
    return {name: _as_sent(answer[name]) for name in properties}


def _as_sent(value: Any) -> Any:
    """In a request a row is its key, and a person the username."""
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    return value.get("pk", value.get("owner")) if isinstance(value, dict) else value
