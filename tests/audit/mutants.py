"""Mutants of the audit's queries: each with one branch of its conditions or unions taken out."""

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

_PARAMETER = re.compile(r"%\((\w+)\)s")
# In the parser's eyes a parameter is a column.
_COLUMN = re.compile(r"\bparameter_(\w+)")


def mutants(sql: str, dialect: str) -> Iterator[tuple[str, str]]:
    """Yield what was taken out and the query without it.

    That is every operand of an OR, every member of an IN, every arm of a UNION, what an EXCEPT
    takes away, every branch of a CASE, and every NOT EXISTS.
    """
    tree = _parse(sql, dialect)
    for number, node in enumerate(tree.walk()):
        for gone, rest in _cuts(node):
            yield (
                " ".join(_write(gone, dialect).split()),
                _write(_replaced(tree, number, rest), dialect),
            )


def roundtrip(sql: str, dialect: str) -> str:
    """Return the query as it is written back without a change."""
    return _write(_parse(sql, dialect), dialect)


def _cuts(node: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """What can be taken out of this node, and what then stands in the node's place."""
    match node:
        case exp.Or() | exp.Union():
            yield node.right, node.left
            # Of a chain, its own first operand is the only one on the left that is no chain.
            if not isinstance(node.left, type(node)):
                yield node.left, _named_as(node.left, node.right)
        case exp.Except():
            yield node.right, node.left
        case exp.Case():
            yield from _fewer(node, "ifs")
            if node.args.get("default"):
                without = node.copy()
                without.set("default", None)
                yield node.args["default"], without
        case exp.In() if len(node.expressions) > 1:
            for gone, rest in _fewer(node, "expressions"):
                yield exp.EQ(this=node.this.copy(), expression=gone.copy()), rest
        case exp.Not(this=exp.Exists()):
            yield node, exp.true()


def _fewer(node: exp.Expr, part: str) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """The node without each member of its list; a CASE without any WHEN is its ELSE."""
    members = node.args[part]
    for gone in members:
        rest = node.copy()
        rest.set(part, [member.copy() for member in members if member is not gone])
        yield gone, rest if len(members) > 1 else node.args["default"]


def _named_as(first: exp.Expr, arm: exp.Expr) -> exp.Expr:
    """The arm of a union with the columns' names that its first arm gave them."""
    if not (isinstance(first, exp.Query) and isinstance(arm, exp.Select)):
        return arm
    names = first.named_selects
    columns = [
        exp.alias_(column.unalias(), name) for column, name in zip(arm.selects, names, strict=True)
    ]
    return arm.select(*columns, append=False)


def _replaced(tree: exp.Expr, number: int, rest: exp.Expr) -> exp.Expr:
    copy = tree.copy()
    node = next(node for index, node in enumerate(copy.walk()) if index == number)
    if node is copy:
        return rest
    node.replace(rest.copy())
    return copy


def _parse(sql: str, dialect: str) -> exp.Expr:
    return sqlglot.parse_one(_PARAMETER.sub(r"parameter_\1", sql), read=dialect)


def _write(node: exp.Expr, dialect: str) -> str:
    return _COLUMN.sub(r"%(\1)s", node.sql(dialect))
