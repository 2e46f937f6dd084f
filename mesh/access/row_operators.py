"""Cedar's comparisons, sets, arithmetic and patterns over parts of a policy.

Owns what each gives: see `mesh.access.row_nodes` for how parts fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from mesh.access.cedar_values import DAY, HIGHEST, LOWEST, Kind, is_long, literal
from mesh.access.row_nodes import (
    FAILING,
    SCALARS,
    TYPES,
    Flag,
    Node,
    conjunction,
    disjunction,
    either,
    expression,
    failing_with,
    fixed,
    flag,
    known,
    words,
)

ORDERINGS = frozenset({"<", "<=", ">", ">="})
_ORDERED = frozenset({Kind.LONG, Kind.DATETIME, Kind.DURATION})
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
COMPUTATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def compared(operator: str, left: Node, right: Node) -> Node:
    """`<` and the like, of numbers, moments and durations."""
    if left.kind is not right.kind or left.kind not in _ORDERED:
        return FAILING
    return _decided(operator, left, right)


def compared_decimals(operator: str, left: Node, right: Node) -> Node:
    """`lessThan` and the like."""
    if not left.kind is right.kind is Kind.DECIMAL:
        return FAILING
    return _decided(operator, left, right)


def equality(left: Node, right: Node) -> Node:
    """`==`: never fails by itself, and is false for values of two kinds."""
    error = either(left.error, right.error)
    if error is True:
        return FAILING
    said = f"{words(left, '==')} == {words(right, '==')}"
    if left.kind is not right.kind:
        return fixed(False, error, said)  # noqa: FBT003 -- the value itself
    if left.kind is Kind.SET:
        sides = contains_all(left, right), contains_all(right, left)
        return _over(sides, conjunction, True, error, said)  # noqa: FBT003 -- the value itself
    if left.kind is Kind.RECORD:
        return _equal_records(left, right, error, said)
    return _decided("==", left, right)


def _equal_records(left: Node, right: Node, error: Flag, said: str) -> Node:
    if left.value.keys() != right.value.keys():
        return fixed(False, error, said)  # noqa: FBT003 -- the value itself
    pairs = [
        equality(_unfailing(left.value[name]), _unfailing(right.value[name])) for name in left.value
    ]
    return _over(pairs, conjunction, True, error, said)  # noqa: FBT003 -- the value itself


def _decided(operator: str, left: Node, right: Node) -> Node:
    error = either(left.error, right.error)
    if error is True:
        return FAILING
    compare, other = _COMPARE[operator], _OPPOSITE[operator]
    said = words(left, operator), words(right, operator)
    if left.is_known and right.is_known:
        decided = compare(left.value, right.value)
        return fixed(decided, error, f"{said[0]} {operator} {said[1]}")
    sides = expression(left), expression(right)
    return Node(
        Kind.BOOL,
        compare(*sides),
        f"{said[0]} {operator} {said[1]}",
        error,
        opposite=_COMPARE[other](*sides),
        denial=f"{said[0]} {other} {said[1]}",
        joint=operator,
    )


def contains(items: Node, item: Node) -> Node:
    """`contains`."""
    if items.kind is not Kind.SET or item.kind is Kind.NOTHING:
        return FAILING
    error = either(items.error, item.error)
    if error is True:
        return FAILING
    if items.error is False and items.is_known and item.kind in SCALARS and not item.is_known:
        return _among(items, item)
    pairs = [equality(_unfailing(own), _unfailing(item)) for own in items.value]
    said = f"{words(items, 'contains')} contains {words(item, 'contains')}"
    return _over(pairs, disjunction, False, error, said)  # noqa: FBT003 -- the value itself


def _among(items: Node, item: Node) -> Node:
    """Whether a column's value is one of those that are known."""
    distinct = list(dict.fromkeys(own.value for own in items.value if own.kind is item.kind))
    said, told = words(item, "in"), ", ".join(literal(item.kind, value) for value in distinct)
    if not distinct:
        return fixed(False, item.error, f"{said} in []")  # noqa: FBT003 -- the value itself
    values = pl.Series(distinct, dtype=TYPES.get(item.kind, pl.Int64))
    return Node(
        Kind.BOOL,
        item.value.is_in(values.implode()),
        f"{said} in [{told}]",
        item.error,
        denial=f"{said} not in [{told}]",
        joint="in",
    )


def contains_all(items: Node, others: Node) -> Node:
    """`containsAll`."""
    if not items.kind is others.kind is Kind.SET:
        return FAILING
    pairs = [contains(_unfailing(items), _unfailing(other)) for other in others.value]
    said = f"{words(items, 'contains')} contains all of {words(others, 'contains')}"
    error = either(items.error, others.error)
    return _over(pairs, conjunction, True, error, said)  # noqa: FBT003 -- the value itself


def contains_any(items: Node, others: Node) -> Node:
    """`containsAny`."""
    if not items.kind is others.kind is Kind.SET:
        return FAILING
    pairs = [contains(_unfailing(items), _unfailing(other)) for other in others.value]
    said = f"{words(items, 'contains')} contains any of {words(others, 'contains')}"
    error = either(items.error, others.error)
    return _over(pairs, disjunction, False, error, said)  # noqa: FBT003 -- the value itself


def _unfailing(node: Node) -> Node:
    """An element, where what it is part of tells whether it fails."""
    return replace(node, error=False)


def _over(
    parts: Sequence[Node],
    join: Callable[[Node, Node], Node],
    start: bool,  # noqa: FBT001 -- the value itself
    error: Flag,
    said: str,
) -> Node:
    """Parts joined, all of which are looked at: they fail where what they are parts of does."""
    if error is True:
        return FAILING
    found = flag(start)
    for part in parts:
        found = join(found, part)
    if found.is_known:
        return fixed(found.value, error, said)
    return replace(found, error=error, text=said, denial="", joint="contains")


def like(item: Node, pieces: Sequence[str | None]) -> Node:
    """`like` of a text; None stands for any characters."""
    told = "".join(
        "*" if piece is None else piece.replace("\\", "\\\\").replace("*", "\\*")
        for piece in pieces
    )
    pattern = "".join("(?s:.*)" if piece is None else re.escape(piece) for piece in pieces)
    said, told = words(item, "like"), literal(Kind.STRING, told)
    if item.is_known:
        is_alike = re.fullmatch(pattern, item.value) is not None
        return fixed(is_alike, item.error, f"{said} like {told}")
    return Node(
        Kind.BOOL,
        item.value.str.contains(_rust_pattern(pieces)),
        f"{said} like {told}",
        item.error,
        denial=f"{said} not like {told}",
        joint="like",
    )


def _rust_pattern(pieces: Sequence[str | None]) -> str:
    """Each character as its number, since the two languages escape differently."""
    parts = (
        "(?s:.*)" if piece is None else "".join(f"\\x{{{ord(c):X}}}" for c in piece)
        for piece in pieces
    )
    return rf"\A{''.join(parts)}\z"


def is_empty(items: Node) -> Node:
    """`isEmpty`."""
    if items.kind is not Kind.SET:
        return FAILING
    return fixed(not items.value, items.error, f"{words(items, 'is')} is empty")


def computed(operator: str, left: Node, right: Node) -> Node:
    """`+`, `-` and `*` of numbers; what 64 bits cannot hold is a failure."""
    if not left.kind is right.kind is Kind.LONG:
        return FAILING
    said = f"{words(left, operator)} {operator} {words(right, operator)}"
    return arithmetic(Kind.LONG, (left, right), COMPUTATIONS[operator], said)


def arithmetic(
    kind: Kind, operands: Sequence[Node], compute: Callable[..., Any], said: str
) -> Node:
    """What is computed of whole numbers, in 128 bits, so that an overflow of 64 is seen."""
    error = either(*(node.error for node in operands))
    if error is True:
        return FAILING
    if all(node.is_known for node in operands):
        value = compute(*(node.value for node in operands))
        return failing_with(known(kind, value), error, said) if is_long(value) else FAILING
    wide = compute(*(expression(node).cast(pl.Int128) for node in operands))
    is_over = (wide < pl.lit(LOWEST, pl.Int128)) | (wide > pl.lit(HIGHEST, pl.Int128))
    value = wide.cast(pl.Int64, strict=False)
    return Node(kind, value, said, either(error, is_over), joint="+")


def whole_days(value: Any) -> Any:
    """A moment's midnight."""
    return value // DAY * DAY


def time_of_day(value: Any) -> Any:
    """Milliseconds since midnight."""
    return value % DAY


def in_units(unit: int) -> Callable[[Any], Any]:
    """A duration in whole units, towards zero."""

    def convert(value: Any) -> Any:
        if isinstance(value, pl.Expr):
            return pl.when(value < 0).then(0 - (0 - value) // unit).otherwise(value // unit)
        return -(-value // unit) if value < 0 else value // unit

    return convert
