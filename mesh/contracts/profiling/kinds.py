"""What of a column can be measured, and in which form its values are measured fastest.

Owns the two ways between a column's values and plain numbers: dates and times are whole numbers of
their unit, a short decimal is one of its last digit's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

LONGEST = 128
"""Characters of a text that a profile tells; a longer one ends in `…`."""
_INT64_DIGITS = 18
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


class Scratch:
    """Memory that is used again by every batch: new memory costs more than what is done in it."""

    def __init__(self) -> None:
        self._numbers = np.empty(0, np.int64)

    def numbers(self, count: int) -> Numbers:
        """So many whole numbers, with anything in them."""
        if self._numbers.size < count:
            self._numbers = np.empty(count, np.int64)
        return self._numbers[:count]


class Kind(Enum):
    """What can be asked of values."""

    NUMBER = auto()
    TIME = auto()
    TEXT = auto()
    BOOLEAN = auto()
    BINARY = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Form:
    """How a column's values are measured. `scale` is None but of short decimals."""

    kind: Kind
    type: pl.DataType
    scale: int | None = None

    @classmethod
    def of(cls, data_type: pl.DataType) -> Form:
        """The form for a type of Polars."""
        if isinstance(data_type, pl.Decimal) and (data_type.precision or 99) <= _INT64_DIGITS:
            return cls(Kind.NUMBER, data_type, data_type.scale)
        return cls(_kind(data_type), data_type)

    def values(self, column: pa.Array, scratch: Scratch | None = None) -> pl.Series:
        """A column as it is measured, nulls included; NaN is one.

        Valid until the `scratch` is used for another batch.
        """
        if self.scale is not None:
            return pl.Series(_unscaled(column, scratch or Scratch()))
        found = pl.Series(column)
        if self.type.is_float():
            found = found.cast(pl.Float64) if self.type == pl.Float32 else found
            return found.fill_nan(None) if found.is_nan().any() else found
        if isinstance(found.dtype, pl.Categorical | pl.Enum):
            return found.cast(pl.String)
        if isinstance(found.dtype, pl.Decimal):
            return found.cast(pl.Decimal(38, found.dtype.scale))
        if self.kind is Kind.BOOLEAN:
            return found.cast(pl.UInt8)
        return found.to_physical() if self.kind is Kind.TIME else found

    @property
    def measured(self) -> pl.DataType:
        """The type of the values that are measured."""
        return self.values(pl.Series([], dtype=self.type).to_arrow()).dtype

    def restored(self, value: Any) -> Any:
        """A measured value as it is in the column; None for a time outside of Python's calendar."""
        if value is None:
            return None
        if self.scale is not None:
            return Decimal(int(value)).scaleb(-self.scale)
        if self.type == pl.Float32:
            return float(np.float32(value))
        if self.kind is Kind.BOOLEAN:
            return bool(value)
        if self.kind is not Kind.TIME:
            return _short(value) if isinstance(value, str) else value
        try:
            whole = pl.Series([value], dtype=self.measured)
            return whole.cast(self.type).item()
        except (OverflowError, ValueError, pl.exceptions.PolarsError):
            return None

    def number(self, value: float | None) -> float | None:
        """A mean or spread of measured values in the column's own unit."""
        return value if value is None or self.scale is None else value / 10**self.scale


def _kind(data_type: pl.DataType) -> Kind:
    if data_type.is_numeric():
        return Kind.NUMBER
    if data_type.is_temporal():
        return Kind.TIME
    return _KINDS.get(data_type.base_type(), Kind.OTHER)


_KINDS: Mapping[Any, Kind] = {
    pl.String: Kind.TEXT,
    pl.Categorical: Kind.TEXT,
    pl.Enum: Kind.TEXT,
    pl.Boolean: Kind.BOOLEAN,
    pl.Binary: Kind.BINARY,
}


def _unscaled(decimals: pa.Array, scratch: Scratch) -> pa.Array:
    """The whole numbers of short decimals: the lower word of each."""
    words = np.frombuffer(decimals.buffers()[1] or b"", np.int64)
    first, low = 2 * decimals.offset, scratch.numbers(len(decimals))
    low[:] = words[first : first + 2 * len(decimals) : 2]
    if not decimals.null_count:
        return pa.array(low)
    return pa.array(low, mask=decimals.is_null().to_numpy(zero_copy_only=False))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
