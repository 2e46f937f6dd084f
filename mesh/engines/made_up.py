"""One made-up row for a contract's columns: types and enumerations are right, nothing else need be.

Owns values that let a function which looks at rows be called once with some. They are never written
anywhere, and say nothing about a product.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from mesh.contracts.model import Contract

_DAY = date(2020, 1, 31)
_MOMENT = datetime(2020, 1, 31, 12, tzinfo=UTC)


def row_of(contract: Contract, schema: pl.Schema) -> pl.DataFrame:
    """A frame of one row with these columns of a contract, none of them null."""
    allowed = {
        rule.columns[0]: next(iter(rule.arguments["allowed_values"]))
        for rule in contract.rules
        if rule.check == "isin" and rule.arguments["allowed_values"]
    }
    values = {name: [allowed.get(name, _value(kind))] for name, kind in schema.items()}
    return pl.DataFrame(values, schema=schema, strict=False)


def _value(told: object) -> Any:
    kind = told() if isinstance(told, type) else told
    if not isinstance(kind, pl.DataType):
        return None
    if isinstance(kind, pl.List):
        return [_value(kind.inner)]
    if isinstance(kind, pl.Struct):
        return {item.name: _value(item.dtype) for item in kind.fields}
    if isinstance(kind, pl.Datetime):
        return _MOMENT if kind.time_zone else _MOMENT.replace(tzinfo=None)
    if isinstance(kind, pl.Decimal):
        return Decimal(1)
    if kind.is_integer():
        return 1
    if kind.is_float():
        return 1.0
    plain = {pl.String: "a", pl.Boolean: True, pl.Date: _DAY, pl.Binary: b"a"}
    return timedelta(hours=1) if isinstance(kind, pl.Duration) else plain.get(type(kind))
