"""Mesh's own checks on rows: by name, what each means as a Polars expression.

Owns the one way from a name and plain arguments to an expression, and to the Pandera check that
asks the same. Pandera's built-in checks are Pandera's (`contracts.expressions`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Any

import polars as pl
from pandera.api.polars.types import PolarsData

from mesh.contracts.formats import format_of
from mesh.contracts.patterns import rust_pattern

Types = Mapping[str, pl.DataType]
Meaning = Callable[[tuple[str, ...], Mapping[str, Any], Types], pl.Expr]
_TOLERANCE = 1e-9
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "equal_to": operator.eq,
    "not_equal_to": operator.ne,
    "greater_than": operator.gt,
    "greater_than_or_equal_to": operator.ge,
    "less_than": operator.lt,
    "less_than_or_equal_to": operator.le,
}


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """One of Mesh's own checks with its arguments, as Pandera calls a check.

    `columns` are those that it reads; empty for the one that Pandera calls it on.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    def __call__(self, data: PolarsData) -> pl.LazyFrame:
        """Whether each row keeps it."""
        columns = self.columns or (data.key,)
        types = data.lazyframe.collect_schema()
        return data.lazyframe.select(self.expression(columns, types))

    def expression(self, columns: tuple[str, ...], types: Types) -> pl.Expr:
        """True for each row that keeps it, null where there is nothing to ask.

        Raises ValueError for arguments that make no sense, with these types of columns.
        """
        return VALUE_CHECKS[self.name](columns, self.arguments, types)


def _not_null(columns: tuple[str, ...], _: Mapping[str, Any], types: Types) -> pl.Expr:
    """Pandera's own idea of a value that is there: neither null nor NaN."""
    value = pl.col(columns[0])
    if not types[columns[0]].is_float():
        return value.is_not_null()
    return value.is_not_null() & value.is_not_nan().fill_null(value=True)


def _format(columns: tuple[str, ...], arguments: Mapping[str, Any], _: Types) -> pl.Expr:
    value, wanted = pl.col(columns[0]), format_of(arguments["name"])
    regex = f"^(?:{wanted.regex})$"
    kept = [value.str.contains(regex)]
    if wanted.most_bytes is not None:
        kept.append(value.str.len_bytes() <= wanted.most_bytes)
    if wanted.has_date:
        day = value.str.replace(regex, "${year}-${month}-${day}")
        is_day = day.str.to_date("%Y-%m-%d", strict=False).is_not_null()
        kept.append(is_day | value.is_null())
    return reduce(operator.and_, kept)


def _pattern(columns: tuple[str, ...], arguments: Mapping[str, Any], _: Types) -> pl.Expr:
    return is_found(arguments["regex"], pl.col(columns[0]))


def is_found(regex: str, text: pl.Expr) -> pl.Expr:
    """Whether a regular expression of ECMA-262 is found in a text. Raises ValueError."""
    return text.str.contains(rust_pattern(regex))


def _multiple_of(columns: tuple[str, ...], arguments: Mapping[str, Any], types: Types) -> pl.Expr:
    value, data_type = pl.col(columns[0]), types[columns[0]]
    divisor = Decimal(str(arguments["divisor"]))
    if not divisor.is_finite() or divisor <= 0:
        message = f"{arguments['divisor']} is not above 0"
        raise ValueError(message)
    if not data_type.is_numeric():
        message = f"{columns[0]} is no number"
        raise ValueError(message)
    if data_type.is_float():
        shares = value / float(divisor)
        away = (shares - shares.round()).abs()
        return away <= _TOLERANCE * pl.max_horizontal(shares.abs(), pl.lit(1.0))
    return value.cast(exact := _exact(divisor, data_type)) % pl.lit(divisor, dtype=exact) == 0


def _exact(divisor: Decimal, data_type: pl.DataType) -> pl.Decimal:
    """The decimal that holds whole numbers or decimals beside what divides them."""
    own = data_type.scale if isinstance(data_type, pl.Decimal) else 0
    places = -int(divisor.normalize().as_tuple().exponent)
    return pl.Decimal(38, max(own, places, 0))


def _item_count(columns: tuple[str, ...], arguments: Mapping[str, Any], _: Types) -> pl.Expr:
    return _between(pl.col(columns[0]).list.len(), arguments)


def _unique_items(columns: tuple[str, ...], _: Mapping[str, Any], __: Types) -> pl.Expr:
    value = pl.col(columns[0])
    return value.list.n_unique() == value.list.len()


def _required_fields(
    columns: tuple[str, ...], arguments: Mapping[str, Any], types: Types
) -> pl.Expr:
    value, data_type = pl.col(columns[0]), types[columns[0]]
    paths = [name.split(".") for name in arguments["fields"]]
    return _all(_has(value, data_type, path) for path in paths)


def _has(value: pl.Expr, data_type: Any, path: list[str]) -> pl.Expr:
    """Whether a value is there at the end of a path; true where the path leads to no struct."""
    if isinstance(data_type, pl.List):
        return (
            value.list.eval(_has(pl.element(), data_type.inner, path)).list.all() | value.is_null()
        )
    if not isinstance(data_type, pl.Struct) or path[0] not in data_type.to_schema():
        message = f"there is no field {path[0]!r} in {data_type}"
        raise ValueError(message)
    found = value.struct.field(path[0])
    if len(path) == 1:
        return found.is_not_null() | value.is_null()
    return _has(found, data_type.to_schema()[path[0]], path[1:]) | found.is_null()


def _field_count(columns: tuple[str, ...], arguments: Mapping[str, Any], types: Types) -> pl.Expr:
    value, data_type = pl.col(columns[0]), types[columns[0]]
    names = list(data_type.to_schema()) if isinstance(data_type, pl.Struct) else []
    there = [value.struct.field(name).is_not_null() for name in names]
    if not there:
        message = f"{columns[0]} has no fields"
        raise ValueError(message)
    counted = pl.when(value.is_not_null()).then(pl.sum_horizontal(there))
    return _between(counted, arguments)


def _compare(columns: tuple[str, ...], arguments: Mapping[str, Any], _: Types) -> pl.Expr:
    left, right = (pl.col(name) for name in columns)
    if arguments["operator"] not in _OPERATORS:
        message = f"{arguments['operator']!r} is none of {', '.join(_OPERATORS)}"
        raise ValueError(message)
    kept: pl.Expr = _OPERATORS[arguments["operator"]](left, right)
    return kept


def _between(number: pl.Expr, arguments: Mapping[str, Any]) -> pl.Expr:
    low, high = arguments.get("at_least"), arguments.get("at_most")
    bounds = [] if low is None else [number >= low]
    return _all([*bounds, *([] if high is None else [number <= high])])


def _all(kept: Iterable[pl.Expr]) -> pl.Expr:
    found = [*kept]
    if not found:
        message = "it says nothing"
        raise ValueError(message)
    return reduce(operator.and_, found)


VALUE_CHECKS: Mapping[str, Meaning] = {
    "not_null": _not_null,
    "format": _format,
    "pattern": _pattern,
    "multiple_of": _multiple_of,
    "item_count": _item_count,
    "unique_items": _unique_items,
    "required_fields": _required_fields,
    "field_count": _field_count,
    "compare": _compare,
}
"""What each check means: from columns, arguments and types to an expression."""
