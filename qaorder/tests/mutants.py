"""Mutants of the audit's queries: each with one branch of its conditions or unions taken out."""

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

_PARAMETER = re.compile(r"%\((\w+)\)s")
_PLACEHOLDER = re.compile(r":(\w+)")


def mutants(sql: str, dialect: str) -> Iterator[tuple[str, str]]:
    """Yield what was taken out and the query without it, for every operand of every OR, every
    arm of every UNION or EXCEPT, and every WHEN of a CASE."""
    tree = sqlglot.parse_one(_PARAMETER.sub(r":\1", sql), read=dialect)
    branches = (exp.Or, exp.Union, exp.Except)
    for number, node in enumerate(tree.walk()):
        if isinstance(node, branches):
            sides = ("left", "right") if not isinstance(node, exp.Except) else ("left",)
            for side in sides:
                gone = node.right if side == "left" else node.left
                yield _text(gone, dialect), _without(tree, number, side, dialect)


def roundtrip(sql: str, dialect: str) -> str:
    """Return the query as it is written back without a change."""
    return _back(sqlglot.parse_one(_PARAMETER.sub(r":\1", sql), read=dialect).sql(dialect))


def _without(tree: exp.Expression, number: int, side: str, dialect: str) -> str:
    copy = tree.copy()
    node = next(node for index, node in enumerate(copy.walk()) if index == number)
    kept = getattr(node, side)
    if node is copy:
        copy = kept
    else:
        node.replace(kept)
    return _back(copy.sql(dialect))


def _text(node: exp.Expression, dialect: str) -> str:
    return " ".join(_back(node.sql(dialect)).split())


def _back(sql: str) -> str:
    return _PLACEHOLDER.sub(r"%(\1)s", sql)
