"""Every limit at every door, driven by the declarations: n pass, one more is 429, others go on."""

import logging
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from api import limit_table
from qaorder.lifecycle import Role
from qaorder.models import Order
from qaorder.orders import cancel_order
from tests.limits.callers import EVENTS, TABLE, Callers

MANY = 3
PERIOD = 600
NO_DOOR_YET = {limit_table.UPLOADS.name}
"""Declared for an endpoint that does not exist; take it out here when that is made."""
CHANGES = ("post", "put", "patch")

pytestmark = pytest.mark.django_db(transaction=True)


def declared() -> set[tuple[str, str, str]]:
    """Every (path, method, limit) that the views behind the URLs declare."""
    found: set[tuple[str, str, str]] = set()

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern):
                view: Any = pattern.callback
                if not hasattr(view, "actions"):
                    continue
                template = path.replace("<number:", "{").replace(">", "}")
                for limit in view.cls(**view.initkwargs).limits:
                    found.update(
                        (template, name, limit.name) for name in CHANGES if name in view.actions
                    )

    walk(get_resolver().url_patterns, "/")
    return found


def with_rate(settings, name: str, many: int) -> None:
    """Let this limit alone be reached."""
    rates = {limit.name: (1000, limit.seconds and PERIOD) for limit in limit_table.TABLE}
    settings.LIMIT_RATES = rates | {name: (many, TABLE[name].seconds and PERIOD)}


def test_every_declared_limit_has_its_event_here_and_every_event_is_declared():
    assert declared() == set(EVENTS)
    assert {name for _, _, name in declared()} == set(TABLE) - NO_DOOR_YET


def test_the_schema_shows_429_where_a_limit_is_declared_and_nowhere_else():
    schema: Any = SchemaGenerator().get_schema(request=None, public=True)
    shown = {
        (path, method, example["value"]["detail"])
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if "429" in operation["responses"]
        for example in operation["responses"]["429"]["content"]["application/json"][
            "examples"
        ].values()
    }
    answers = {
        str(operation["responses"]["429"])
        for methods in schema["paths"].values()
        for operation in methods.values()
        if "429" in operation["responses"]
    }

    assert shown == {(path, method, TABLE[name].detail) for path, method, name in declared()}
    assert all("Retry-After" in answer and "/Detail" in answer for answer in answers)


@pytest.mark.parametrize("case", EVENTS, ids=lambda case: " ".join(case))
def test_so_many_pass_and_one_more_is_refused(case, counting, settings, provider, caplog):
    path, method, name = case
    callers, event = Callers(), EVENTS[case]
    with_rate(settings, name, MANY)

    answers = [event(callers, 0) for _ in range(MANY)]
    with caplog.at_level(logging.INFO, "feiqingsong.security"):
        caplog.clear()
        refused = event(callers, 0)

    assert 429 not in {answer.status_code for answer in answers}
    assert refused.status_code == 429
    assert refused.json() == {"detail": TABLE[name].detail}
    assert 1 <= int(refused.headers["Retry-After"]) <= max(PERIOD, 73 * 3600)
    lines = [record.getMessage() for record in caplog.records if "security" in record.name]
    assert len(lines) == 1
    assert lines[0].startswith("limit_reached user=")
    assert f"{method.upper()} {path.split('{')[0]}" in lines[0]
    assert lines[0].endswith(f"limit='{name}'")

    assert event(callers, 1).status_code == answers[0].status_code

    if TABLE[name].seconds is None:
        order = Order.objects.filter(patient=callers.patient(0)).last()
        cancel_order(order=order, role=Role.PATIENT, actor=callers.patient(0).user)
    counting.pass_time(int(refused.headers["Retry-After"]))
    assert event(callers, 0).status_code == answers[0].status_code


@pytest.mark.parametrize("case", EVENTS, ids=lambda case: " ".join(case))
def test_without_limits_nobody_is_refused(case, settings, provider):
    callers, event = Callers(), EVENTS[case]
    with_rate(settings, case[2], 1)
    settings.LIMITS = False

    answers = {event(callers, 0).status_code for _ in range(2)}

    assert len(answers) == 1
    assert 429 not in answers
