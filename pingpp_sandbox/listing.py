"""Cursor paging and filters of the provider's lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import Any

from pingpp_sandbox.errors import invalid, not_found
from pingpp_sandbox.store import Store

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_BOOLEANS = {"true": 1, "1": 1, "false": 0, "0": 0}


@dataclass
class Conditions:
    """A WHERE clause in the making; column names come from the code only."""

    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, clause: str, value: Any) -> None:
        """One more condition, with one placeholder."""
        self.clauses.append(clause)
        self.values.append(value)

    def add_created(self, query: Mapping[str, str]) -> bool:
        """created[gt|gte|lt|lte]; whether the query has any."""
        names = [name for name in _COMPARISONS if f"created[{name}]" in query]
        for name in names:
            self.add(f"created {_COMPARISONS[name]} ?", _integer(query, f"created[{name}]"))
        return bool(names)

    def add_boolean(self, query: Mapping[str, str], name: str) -> None:
        """A true/false filter; the Python SDK writes `True`."""
        if name not in query:
            return
        if query[name].lower() not in _BOOLEANS:
            raise invalid(name, "必须是 true 或 false")
        self.add(f"{name} = ?", _BOOLEANS[query[name].lower()])

    def sql(self) -> str:
        """The clause, true for every row when empty."""
        return " AND ".join(self.clauses) or "1"


def page(
    store: Store, table: str, noun: str, conditions: Conditions, query: Mapping[str, str]
) -> tuple[list[Row], bool]:
    """One page of a table, newest first, and whether there is more.

    `starting_after` goes on to older rows, `ending_before` back to newer ones.
    """
    limit = DEFAULT_LIMIT
    if "limit" in query:
        limit = min(max(_integer(query, "limit"), 1), MAX_LIMIT)
    backwards = "ending_before" in query and "starting_after" not in query
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in query:
            conditions.add(f"seq {sign} ?", _cursor(store, table, noun, query[name]))
    order = "ASC" if backwards else "DESC"
    rows = store.rows(
        f"SELECT * FROM {table} WHERE {conditions.sql()} ORDER BY seq {order} LIMIT ?",  # noqa: S608 the names are ours
        *conditions.values,
        limit + 1,
    )
    found = rows[:limit]
    return (found[::-1] if backwards else found), len(rows) > limit


def envelope(url: str, data: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """A list object."""
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def _cursor(store: Store, table: str, noun: str, object_id: str) -> int:
    row = store.row(f"SELECT seq FROM {table} WHERE id = ?", object_id)  # noqa: S608 the name is ours
    if row is None:
        raise not_found(noun, object_id)
    return row["seq"]


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query[name]
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 16):
        raise invalid(name, "必须是整数")
    return int(text)
