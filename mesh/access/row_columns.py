"""Columns as a policy over rows meets them: as attributes that a row may lack.

Owns which types Cedar can hold, and in what form. A null is an absent attribute. Moments are cut to
Cedar's milliseconds. A float has no place in Cedar, nor has a moment without a time zone.
"""

from __future__ import annotations

import json
import re

import polars as pl

from mesh.access.cedar_values import DAY, Kind
from mesh.access.row_nodes import Node, NotCompilableError
from mesh.contracts.arrow import arrow_type
from mesh.contracts.model import Column, Contract

_PLACES, _DIGITS = 4, 14
"""Of a decimal in Cedar: places, and digits before them of which it holds all."""
_AS_THEY_ARE = {"string": Kind.STRING, "boolean": Kind.BOOL}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORDS = frozenset({"and", "or", "not", "in", "is", "if", "true", "false", "failure", "moment"})


def attribute(contract: Contract, name: str) -> Node:
    """`resource.name`. Raises NotCompilableError."""
    column = _column(contract, name)
    values = pl.col(name)
    error = values.is_null()
    if column.type in _AS_THEY_ARE:
        return Node(_AS_THEY_ARE[column.type], values, _said(name), error)
    kind, converted = _as_number(column)
    return Node(kind, converted, _said(name), error)


def presence(contract: Contract, name: str) -> Node:
    """`resource has name`. Raises NotCompilableError."""
    values = pl.col(_column(contract, name).name)
    said = _said(name)
    return Node(
        Kind.BOOL,
        values.is_not_null(),
        f"{said} is there",
        opposite=values.is_null(),
        denial=f"{said} is missing",
        joint="is",
    )


def column_kind(column: Column) -> Kind | None:
    """What a column's values are to a policy over rows; None where it cannot ask for them."""
    if column.type in _AS_THEY_ARE:
        return _AS_THEY_ARE[column.type]
    try:
        return _as_number(column)[0]
    except NotCompilableError:
        return None


def _column(contract: Contract, name: str) -> Column:
    if name not in contract.column_names:
        message = f"{name}, which is no column of {contract.name}"
        raise NotCompilableError(message)
    column = contract.column(name)
    if column.type not in _AS_THEY_ARE:
        _as_number(column)
    return column


def _as_number(column: Column) -> tuple[Kind, pl.Expr]:
    values, kind = pl.col(column.name), column.type
    if kind in {"int8", "int16", "int32"}:
        return Kind.LONG, values.cast(pl.Int64)
    if kind == "int64":
        return Kind.LONG, values
    if kind == "date":
        return Kind.DATETIME, values.to_physical().cast(pl.Int64) * DAY
    if kind == "timestamp":
        return Kind.DATETIME, values.to_physical() // 1_000
    if kind.startswith("decimal"):
        found = arrow_type(kind)
        if found.scale <= _PLACES and found.precision - found.scale <= _DIGITS:
            units = values.to_physical().cast(pl.Int128) * 10 ** (_PLACES - found.scale)
            return Kind.DECIMAL, units.cast(pl.Int64, strict=False)
    message = f"{column.name}, which is {kind}: policies over rows cannot hold that"
    raise NotCompilableError(message)


def _said(name: str) -> str:
    is_plain = _PLAIN.fullmatch(name) and name not in _WORDS
    return name if is_plain else f"[{json.dumps(name, ensure_ascii=False)}]"
