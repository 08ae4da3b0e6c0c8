"""Cursor paging and filters of the provider's lists."""

import json
from collections.abc import Mapping
from typing import Any

from pingpp_sandbox.errors import invalid, not_found
from pingpp_sandbox.store import Store

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_BOOLEANS = {"true": 1, "false": 0}

# SQL conditions with one placeholder each, and their values; the names come from the code only.
Conditions = dict[str, Any]


def created(query: Mapping[str, str]) -> Conditions:
    """The filters created[gt|gte|lt|lte] of a query."""
    return {
        f"created {sign} ?": _integer(query, f"created[{name}]")
        for name, sign in _COMPARISONS.items()
        if f"created[{name}]" in query
    }


def boolean(query: Mapping[str, str], name: str) -> Conditions:
    """A true/false filter of a query; the Python SDK writes `True`."""
    if name not in query:
        return {}
    if query[name].lower() not in _BOOLEANS:
        raise invalid(name, "必须是 true 或 false")
    return {f"{name} = ?": _BOOLEANS[query[name].lower()]}


def page(
    store: Store, table: str, url: str, conditions: Conditions, query: Mapping[str, str]
) -> dict[str, Any]:
    """A list object with one page of a table, newest first.

    `starting_after` goes on to older rows, `ending_before` back to newer ones.
    """
    limit = min(max(_integer(query, "limit"), 1), MAX_LIMIT) if "limit" in query else DEFAULT_LIMIT
    backwards = "ending_before" in query and "starting_after" not in query
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in query:
            conditions = conditions | {f"seq {sign} ?": _cursor(store, table, query[name])}
    order = "ASC" if backwards else "DESC"
    where = " AND ".join(conditions)
    # One more than asked for says whether there is more.
    rows = store.rows(
        f"SELECT doc FROM {table} WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608 the names are ours
        *conditions.values(),
        limit + 1,
    )
    data = [json.loads(row["doc"]) for row in rows[:limit]]
    if backwards:
        data.reverse()
    return {"url": url, "has_more": len(rows) > limit, "object": "list", "data": data}


def refunds_of(store: Store, charge_id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of a charge's refunds."""
    url = f"/v1/charges/{charge_id}/refunds"
    return page(store, "refunds", url, {"charge = ?": charge_id}, query)


def _cursor(store: Store, table: str, object_id: str) -> int:
    row = store.row(f"SELECT seq FROM {table} WHERE id = ?", object_id)  # noqa: S608 the name is ours
    if row is None:
        raise not_found(table.removesuffix("s"), object_id)
    return row["seq"]


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query[name]
    # Longer ones are more than the store's integers hold.
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 16):
        raise invalid(name, "必须是整数")
    return int(text)
