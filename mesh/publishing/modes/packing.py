"""Keys of whole numbers and dates as one number each.

Owns a comparison of keys that is exact and needs no hashes: where the ranges of the new keys'
columns, multiplied, fit into 63 bits, each key is a number of its own, and a table of bits over the
range of some stored keys says which of these are among the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

_LARGEST = 2**62
_TABLE_SHARE = 256
"""A table may have this many places for each stored key; beyond, new keys are searched."""
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
Positions = np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class PackedKeys:
    """New keys as sorted numbers, and how a key becomes one."""

    key: tuple[str, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    values: Numbers

    @classmethod
    def of(cls, keys: pl.DataFrame) -> Self | None:
        """The keys as numbers; None where they are not all whole, or their ranges are too wide."""
        dtypes = keys.schema.values()
        if keys.is_empty() or not all(_is_whole(dtype) for dtype in dtypes):
            return None
        if any(keys.get_column(name).has_nulls() for name in keys.columns):
            return None
        ends = keys.select(
            *(_physical(name).min().alias(f"low {name}") for name in keys.columns),
            *(_physical(name).max().alias(f"high {name}") for name in keys.columns),
        ).row(0)
        lows, highs = ends[: keys.width], ends[keys.width :]
        size = 1
        for low, high in zip(lows, highs, strict=True):
            size *= high - low + 1
        if size > _LARGEST:
            return None
        empty: Numbers = np.empty(0, np.int64)
        packing = cls(tuple(keys.columns), lows, highs, empty)
        numbers = keys.select(packing._number()).to_series().to_numpy()
        return cls(packing.key, lows, highs, np.sort(numbers))

    def found_in(self, stored: pl.DataFrame) -> Positions:
        """Positions of stored rows that have one of the keys."""
        is_inside = pl.all_horizontal(
            _physical(name).is_between(low, high)
            for name, low, high in zip(self.key, self.lows, self.highs, strict=True)
        )
        frame = stored.select(self._number().alias("number"), is_inside.alias("is_inside"))
        places = frame.get_column("is_inside").arg_true().to_numpy().astype(np.intp)
        if not places.size:
            return places
        numbers: Numbers = frame.get_column("number").to_numpy()[places]
        return places[self._are_known(numbers)]

    def _are_known(self, numbers: Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        low, high = int(numbers.min()), int(numbers.max())
        first, last = np.searchsorted(self.values, [low, high + 1])
        known = self.values[first:last]
        if not known.size:
            return np.zeros(numbers.size, np.bool_)
        if high - low < _TABLE_SHARE * numbers.size:
            table = np.zeros(high - low + 1, np.bool_)
            table[known - low] = True
            return table[numbers - low]
        at = np.minimum(np.searchsorted(known, numbers), known.size - 1)
        result: np.ndarray[tuple[int], np.dtype[np.bool_]] = known[at] == numbers
        return result

    def _number(self) -> pl.Expr:
        number = pl.lit(0, pl.Int64)
        for name, low, high in zip(self.key, self.lows, self.highs, strict=True):
            number = number * (high - low + 1) + (_physical(name) - low)
        return number.fill_null(0)


def _is_whole(dtype: pl.DataType) -> bool:
    return dtype.is_signed_integer() or dtype.is_temporal()


def _physical(name: str) -> pl.Expr:
    return pl.col(name).to_physical().cast(pl.Int64)
