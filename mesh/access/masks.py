"""What stands in a value's place: masks as Polars expressions, and the type after them.

Owns which mask fits which column, and what it gives: its type follows from mask and column alone,
never from values. No mask raises at a value, since what is raised may tell of it. Null stays null,
but for a constant, which hides that, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa

from mesh.access.model import Mask, MaskKind
from mesh.contracts.arrow import arrow_type
from mesh.contracts.model import Column

_Number = TypeVar("_Number", int, float)
HASH_BITS = 128
STARS = "***"
"""What stands for the hidden part of a text, however long that is."""
_UNITS = {
    "second": "1s",
    "minute": "1m",
    "hour": "1h",
    "day": "1d",
    "week": "1w",
    "month": "1mo",
    "quarter": "1q",
    "year": "1y",
}
_DAYS_AND_MORE = ("week", "month", "quarter", "year")
_INTEGERS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
_FLOATS = ("float32", "float64")
_MOMENTS = ("timestamp", "local_timestamp")
_HASHED = ("string", "binary", "date", *_MOMENTS, *_INTEGERS)
_WIDEST = 37
"""Digits of a decimal that is cut: one more is needed on the way, and Polars has 38."""
_MOST_HASHES = 250_000
"""Hashes that one scan remembers, so that a value which repeats is hashed once."""


def problems_of(mask: Mask, column: Column) -> tuple[str, ...]:
    """Why a mask cannot be put on a column; nothing when it can."""
    return tuple(_PROBLEMS[mask.kind](mask.argument, column))


def column_after(mask: Mask, column: Column) -> Column:
    """The column as it is behind the mask: its type, and whether it may be null."""
    if mask.kind is MaskKind.HASH:
        return replace(column, type="string")
    if mask.kind is MaskKind.CONSTANT:
        return replace(column, is_nullable=False)
    is_nulled = mask.kind is MaskKind.NULL or column.type in _FLOATS
    return replace(column, is_nullable=column.is_nullable or is_nulled)


def masked(mask: Mask, column: Column, key: bytes = b"") -> pl.Expr:
    """The column's values behind a mask that fits it, under its own name.

    `key` is what hashes are keyed with. Values come in the type that the contract promises.
    Raises ValueError for a mask that does not fit, and for `drop`, which leaves nothing.
    """
    problems = problems_of(mask, column)
    if problems or mask.kind is MaskKind.DROP:
        message = "; ".join(problems) or f"{column.name} is left out"
        raise ValueError(message)
    values = pl.col(column.name)
    if mask.kind is MaskKind.HASH:
        hidden = _hashed(values, column, key)
    elif mask.kind is MaskKind.PARTIAL:
        hidden = _partly(values, mask.argument)
    elif mask.kind is MaskKind.TRUNCATE:
        hidden = _truncated(values, mask.argument, column.type)
    else:
        value = _constant(mask.argument, column.type) if mask.kind is MaskKind.CONSTANT else None
        hidden = pl.lit(value, dtype=polars_type(column.type))
    return hidden.alias(column.name)


def polars_type(name: str) -> pl.DataType:
    """The Polars type of a contract's type name."""
    return pl.Schema(pa.schema([("", arrow_type(name))]))[""]


def _none(_: str, __: Column) -> Iterator[str]:
    return iter(())


def _problems_of_constant(argument: str, column: Column) -> Iterator[str]:
    try:
        _constant(argument, column.type)
    except (ValueError, OverflowError, InvalidOperation):
        yield f"{argument!r} is no value of {column.name}, which is {column.type}"


def _problems_of_hash(_: str, column: Column) -> Iterator[str]:
    if column.type not in _HASHED and not column.type.startswith("decimal"):
        yield (
            f"{column.name} is {column.type}: texts, bytes, whole numbers, decimals and moments "
            "can be hashed"
        )


def _problems_of_partial(argument: str, column: Column) -> Iterator[str]:
    if column.type != "string":
        yield f"{column.name} is {column.type}: only texts can be shown in part"
    end, _, count = argument.rpartition(":")
    if end not in {"", "first", "last"} or not _is_digits(count):
        told = "should say how many characters are shown, as in partial:4"
        yield f"{column.name}: partial:{argument} {told}"


def _problems_of_truncate(argument: str, column: Column) -> Iterator[str]:
    kind = column.type
    if kind == "date" or kind in _MOMENTS:
        units = _DAYS_AND_MORE if kind == "date" else tuple(_UNITS)
        if argument not in units:
            yield f"{column.name} is {kind}, which is cut to a unit: {', '.join(units)}"
    elif kind in _INTEGERS or kind in _FLOATS or kind.startswith("decimal"):
        if not _is_digits(argument) or int(argument) < 1:
            yield f"{column.name} is {kind}, which is cut to buckets of a width, as in truncate:10"
        elif kind in _INTEGERS and not 1 < int(argument) < 2 ** (_INTEGERS[kind] - 1):
            yield f"buckets of {argument} hide nothing of {column.name}, or are wider than {kind}"
        elif kind.startswith("decimal") and int(argument) > _highest(kind):
            yield f"buckets of {argument} are wider than {column.name}, which is {kind}"
        elif kind.startswith("decimal") and arrow_type(kind).precision > _WIDEST:
            yield f"{column.name} is {kind}: decimals of up to {_WIDEST} digits can be cut"
    else:
        yield f"{column.name} is {kind}: numbers and moments can be cut"


_PROBLEMS: Mapping[MaskKind, Callable[[str, Column], Iterator[str]]] = {
    MaskKind.NULL: _none,
    MaskKind.DROP: _none,
    MaskKind.CONSTANT: _problems_of_constant,
    MaskKind.HASH: _problems_of_hash,
    MaskKind.PARTIAL: _problems_of_partial,
    MaskKind.TRUNCATE: _problems_of_truncate,
}


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(2**63))


def _constant(text: str, kind: str) -> Any:
    """A constant as a value of the column's type. Raises ValueError, InvalidOperation."""
    if kind == "string":
        return text
    if kind == "boolean":
        return _boolean(text)
    if kind in _INTEGERS:
        return _within(int(text), 2 ** (_INTEGERS[kind] - 1))
    if kind in _FLOATS:
        return _within(float(text), float("inf"))
    if kind == "date":
        return date.fromisoformat(text)
    if kind in _MOMENTS:
        return _moment(text, is_local=kind == "local_timestamp")
    if kind.startswith("decimal"):
        return _decimal(text, kind)
    message = f"a {kind} cannot be written as a text"
    raise ValueError(message)


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        message = f"{text!r} is neither true nor false"
        raise ValueError(message)
    return text == "true"


def _within(value: _Number, bound: float) -> _Number:
    if not -bound <= value < bound:
        message = f"{value} is too large"
        raise ValueError(message)
    return value


def _moment(text: str, *, is_local: bool) -> datetime:
    found = datetime.fromisoformat(text)
    if is_local:
        return found.replace(tzinfo=None)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _decimal(text: str, kind: str) -> Decimal:
    value, scale = Decimal(text), arrow_type(kind).scale
    if not value.is_finite() or abs(value) > _highest(kind) or value != round(value, scale):
        message = f"{text} is no {kind}"
        raise ValueError(message)
    return value


def _highest(kind: str) -> Decimal:
    """The largest value of a decimal type."""
    found = arrow_type(kind)
    return Decimal((0, (9,) * found.precision, -found.scale))


def _partly(values: pl.Expr, argument: str) -> pl.Expr:
    """The first or last characters, where at least as many stay hidden; otherwise none."""
    end, _, count = argument.rpartition(":")
    shown = int(count)
    is_long = values.str.len_chars() >= 2 * shown
    if shown == 0:
        part = pl.lit(STARS)
    elif end == "first":
        part = values.str.head(shown) + STARS
    else:
        part = STARS + values.str.tail(shown)
    hidden = pl.when(is_long).then(part).otherwise(pl.lit(STARS))
    return pl.when(values.is_null()).then(None).otherwise(hidden)


def _truncated(values: pl.Expr, argument: str, kind: str) -> pl.Expr:
    if kind == "date" or kind in _MOMENTS:
        return values.dt.truncate(_UNITS[argument])
    if kind in _FLOATS:
        return _float_bucket(values, int(argument), kind)
    if kind in _INTEGERS:
        own = polars_type(kind)
        lowest, width = -(2 ** (_INTEGERS[kind] - 1)), int(argument)
        return _bucket(values, pl.lit(width, dtype=own), pl.lit(lowest, dtype=own))
    return _decimal_bucket(values, int(argument), kind)


def _bucket(values: pl.Expr, width: pl.Expr, lowest: pl.Expr) -> pl.Expr:
    """The lower end of each value's bucket; the last bucket ends where the type does."""
    over = values % width
    return pl.when(values < lowest + over).then(lowest).otherwise(values - over)


def _decimal_bucket(values: pl.Expr, width: int, kind: str) -> pl.Expr:
    own, wide = polars_type(kind), pl.Decimal(38, arrow_type(kind).scale)
    ends = (pl.lit(Decimal(width), dtype=wide), pl.lit(-_highest(kind), dtype=wide))
    return _bucket(values.cast(wide), *ends).cast(own)


def _float_bucket(values: pl.Expr, width: int, kind: str) -> pl.Expr:
    """What is no number, or infinite, is in no bucket, and null. Zero has no sign."""
    wide = values.cast(pl.Float64)
    cut = ((wide / width).floor() * width).cast(polars_type(kind))
    unsigned = pl.when(cut == 0).then(pl.lit(0.0, dtype=polars_type(kind))).otherwise(cut)
    return pl.when(cut.is_finite()).then(unsigned).otherwise(None)


@dataclass(slots=True)
class _Hashing:
    """The hashes of one scan. Threads may share it: the same value has the same hash."""

    key: bytes = field(repr=False)
    known: dict[Any, str] = field(default_factory=dict, repr=False)

    def of(self, values: pl.Series) -> pl.Series:
        """The hash of each value; of each distinct one once, where values repeat."""
        distinct = values.drop_nulls().unique()
        if len(distinct) * 2 > len(values):
            hashes = [None if v is None else self._one(v) for v in values.to_list()]
            return pl.Series(values.name, hashes, dtype=pl.String)
        if len(self.known) > _MOST_HASHES:
            self.known = {}
        hashes = [self._remembered(value) for value in distinct.to_list()]
        return values.replace_strict(
            distinct, pl.Series(hashes, dtype=pl.String), default=None, return_dtype=pl.String
        )

    def _remembered(self, value: bytes | str) -> str:
        found = self.known.get(value)
        if found is None:
            found = self.known[value] = self._one(value)
        return found

    def _one(self, value: bytes | str) -> str:
        data = value if isinstance(value, bytes) else value.encode()
        return hashlib.blake2b(data, key=self.key, digest_size=HASH_BITS // 8).hexdigest()


def _hashed(values: pl.Expr, column: Column, key: bytes) -> pl.Expr:
    """Whole numbers and moments are hashed as the texts that they are written as."""
    if not key:
        message = "a hash without a key hides nothing"
        raise ValueError(message)
    is_plain = column.type in {"string", "binary"}
    texts = values if is_plain else values.cast(pl.String)
    return texts.map_batches(_Hashing(key).of, return_dtype=pl.String, is_elementwise=True)
