"""Every value of a column with its rows, exactly, as long as that costs little.

Owns when it stops to: there are too many values, they are too long, or too far apart. Then whoever
counts goes on with sketches, from what was counted so far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from mesh.contracts.profiling.kinds import LONGEST, Scratch
from mesh.contracts.profiling.sketches import Weights

FEW = 1_000
"""Columns with at most so many values have each of them counted."""
WIDEST = 1 << 16
"""So have whole numbers, dates and short decimals that are at most so many units apart."""
_FIRST = 8_192
_LONG_BYTES = 4 * LONGEST
_A_HANDFUL = 64


@dataclass(slots=True)
class Counts:
    """Values of any type that has an order. `is_too_much` says that it was to stop."""

    is_too_much: bool = False
    _frames: list[pl.DataFrame] = field(default_factory=list)
    _texts: Counter[str] = field(default_factory=Counter)

    def add_texts(self, texts: Sequence[str], rows: Sequence[int]) -> None:
        """Take in a handful of texts, each so many times."""
        for text, count in zip(texts, rows, strict=True):
            self._texts[text] += count
        if len(self._texts) > _A_HANDFUL:
            self._gather()

    def add(self, values: pl.Series, weights: Weights | None = None) -> bool:
        """Take in values without nulls, each once or so many times. False when it will not."""
        is_first = not self._frames and weights is None
        if is_first and values.head(_FIRST).n_unique() > FEW:
            self.is_too_much = True
            return False
        if weights is None:
            found = values.alias("value").value_counts(name="rows")
            found = found.with_columns(pl.col("rows").cast(pl.Int64))
        else:
            found = pl.DataFrame([values.alias("value"), pl.Series("rows", weights)])
        self._frames.append(found)
        self._check(found)
        return True

    def merge(self, other: Counts) -> bool:
        """Take in what another one counted."""
        self._gather()
        other._gather()
        self._frames += other._frames
        self.is_too_much |= other.is_too_much
        if self._frames:
            self._check(self._frames[-1])
        return True

    @property
    def whole(self) -> pl.DataFrame:
        """`value` and `rows`, in the order of values."""
        if self._texts:
            self._gather()
        if len(self._frames) > 1:
            every = pl.concat(self._frames).group_by("value").agg(pl.col("rows").sum())
            self._frames = [every]
        return self._frames[0].sort("value") if self._frames else pl.DataFrame()

    def _gather(self) -> None:
        if self._texts:
            texts, rows = list(self._texts), list(self._texts.values())
            found = pl.DataFrame(
                {"value": texts, "rows": rows}, schema={"value": pl.String, "rows": pl.Int64}
            )
            self._texts.clear()
            self._frames.append(found)
            self._check(found)

    def _check(self, latest: pl.DataFrame) -> None:
        if sum(frame.height for frame in self._frames) > FEW:
            self.is_too_much |= self.whole.height > FEW
        if latest.height and latest.schema["value"] == pl.String:
            longest = latest.get_column("value").str.len_bytes().max()
            self.is_too_much |= isinstance(longest, int) and longest > _LONG_BYTES


class Ranged:
    """Whole numbers that are near each other: a place for each that there may be."""

    def __init__(self, data_type: pl.DataType, scratch: Scratch) -> None:
        self.is_too_much = False
        self._scratch = scratch
        self._type = data_type
        self._first = 0
        self._rows = np.empty(0, np.int64)

    def add(self, values: pl.Series, weights: Weights | None = None) -> bool:
        """Take in numbers without nulls, each once or so many times. False when it will not."""
        low, high = _whole(values.min()), _whole(values.max())
        if not self._widen(low, high):
            return False
        places = self._scratch.numbers(values.len())
        np.subtract(values.to_numpy(), self._first, out=places, dtype=np.int64, casting="unsafe")
        if weights is None:
            self._rows += np.bincount(places, minlength=self._rows.size)
        else:
            np.add.at(self._rows, places, weights)
        return True

    def merge(self, other: Ranged) -> bool:
        """Take in what another one counted. False when both are too much together."""
        if not other._rows.size:
            return True
        if not self._widen(other._first, other._first + other._rows.size - 1):
            return False
        start = other._first - self._first
        self._rows[start : start + other._rows.size] += other._rows
        return True

    @property
    def whole(self) -> pl.DataFrame:
        """`value` and `rows`, in the order of values."""
        places = np.flatnonzero(self._rows)
        if not places.size:
            return pl.DataFrame()
        values = pl.Series("value", places + self._first, dtype=self._type)
        return pl.DataFrame({"value": values, "rows": self._rows[places]})

    def _widen(self, low: int, high: int) -> bool:
        """Make room for numbers from and to. False when that is too much."""
        last = self._first + self._rows.size - 1
        first = min(low, self._first) if self._rows.size else low
        last = max(high, last) if self._rows.size else high
        if last - first >= WIDEST:
            self.is_too_much = True
            return False
        if first != self._first or last - first >= self._rows.size:
            wider = np.zeros(last - first + 1, np.int64)
            start = self._first - first
            wider[start : start + self._rows.size] = self._rows
            self._first, self._rows = first, wider
        return True


Counting = Counts | Ranged


def _whole(number: Any) -> int:
    return int(number)
