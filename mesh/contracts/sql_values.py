"""Literals of SQL as values of a contract's type.

Owns which literal may be compared with which column, and as what. Refuses (ValueError) what DuckDB
would have to guess at.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlglot import exp

_LARGEST = 2**63
_MOMENTS = frozenset({exp.DType.DATE, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ})


def value_of(node: exp.Expr) -> bool | int | Decimal | str:
    """What a literal says. Raises ValueError when the node is none."""
    match node:
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal():
            return node.to_py()
        case exp.Neg(this=exp.Literal(is_string=False) as number):
            # A Decimal's own minus would round it to 28 digits.
            return exp.Literal(this=f"-{number.name}", is_string=False).to_py()
        case exp.Cast(
            this=exp.Literal(is_string=True) as text, to=exp.DataType(this=kind, expressions=[])
        ) if kind in _MOMENTS:
            return text.name
    message = f"{node.sql('duckdb')} is no literal"
    raise ValueError(message)


def as_type(value: bool | int | Decimal | str, name: str) -> Any:  # noqa: FBT001 -- SQL has booleans
    """A literal's value as one of a contract's types. Raises ValueError."""
    if name == "boolean" and isinstance(value, bool):
        return value
    if name == "string" and isinstance(value, str):
        return value
    if is_number(name) and not isinstance(value, bool | str):
        return _as_number(value, name)
    if name in {"date", "timestamp", "local_timestamp"} and isinstance(value, str):
        return _as_time(value, name)
    message = f"{value!r} is not of type {name}"
    raise ValueError(message)


def is_number(name: str) -> bool:
    """Whether a contract's type counts or measures."""
    return name.startswith(("int", "float", "decimal"))


def are_comparable(left: str, right: str) -> bool:
    """Whether columns of these types can be compared without a cast."""
    return left == right or (is_number(left) and is_number(right))


def _as_number(value: int | Decimal, name: str) -> int | float | Decimal:
    if not -_LARGEST < value < _LARGEST:
        message = f"{value} is larger than any {name} that is compared"
        raise ValueError(message)
    if name.startswith("decimal"):
        return Decimal(value)
    if isinstance(value, int):
        return value
    is_whole = value == value.to_integral_value()
    return int(value) if is_whole and name.startswith("int") else float(value)


def _as_time(text: str, name: str) -> dt.date | dt.datetime:
    if name == "date":
        return dt.date.fromisoformat(text)
    moment = dt.datetime.fromisoformat(text)
    if name == "timestamp":
        # Mesh's sessions are in UTC, and so a time without a zone is one.
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
    if moment.tzinfo is not None:
        message = f"{text!r} has a time zone"
        raise ValueError(message)
    return moment
