"""A slice of a product's inputs: one of them is cut, the others stay whole.

Owns which input is cut, and to which rows. It is the one with the most rows, of which those are
taken for which a condition holds, and of these every n-th, from the first on. Others stay whole,
so that a join of it still finds its partners. The same slice comes of the same versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.errors import UnknownInputError
from mesh.reading import PinnedInput
from mesh.reading.filtering import filtered

_INDEX = "_mesh_index"


@dataclass(frozen=True, slots=True)
class Cut:
    """What to take: rows for which `where` holds, a SQL condition, and `at_most` so many of them.

    `port` names the input to cut instead of that with the most rows.
    """

    at_most: int | None = None
    where: str = ""
    port: str = ""

    @property
    def is_nothing(self) -> bool:
        """Whether all rows are taken."""
        return self.at_most is None and not self.where


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of the one input that was cut: `rows` of its `of`.

    They are every `every`-th of those for which `where` holds.
    """

    port: str
    product: str
    rows: int
    of: int
    every: int = 1
    where: str = ""

    def __str__(self) -> str:
        """The slice in words."""
        condition = f" where {self.where}" if self.where else ""
        which = f", every {_nth(self.every)}" if self.every > 1 else ""
        return f"{self.rows:,} of {self.of:,} rows of {self.product}{condition}{which}"

    def as_json(self) -> dict[str, Any]:
        """The slice as plain values."""
        return {
            "port": self.port,
            "product": self.product,
            "rows": self.rows,
            "of": self.of,
            "every": self.every,
            "where": self.where,
        }


def sliced(
    inputs: Mapping[str, PinnedInput], cut: Cut
) -> tuple[dict[str, pl.LazyFrame], Slice | None]:
    """The rows of every input, of which one is cut, and how it was; None when nothing was.

    Raises UnknownInputError, UnknownColumnError, and MeshError for what is no condition.
    """
    frames = {name: pinned.scan() for name, pinned in inputs.items()}
    if cut.port and cut.port not in inputs:
        raise UnknownInputError(cut.port, tuple(inputs))
    if cut.is_nothing or not inputs:
        return frames, None
    counts = {name: _rows(frames[name]) for name in ([cut.port] if cut.port else inputs)}
    chosen = max(counts, key=lambda name: counts[name])
    product, of = inputs[chosen].input.product, counts[chosen]
    frame, left = frames[chosen], of
    if cut.where:
        frame = filtered(frame, cut.where, f"input {chosen!r}: {product}")
        left = _rows(frame)
    every = max(1, -(-left // cut.at_most)) if cut.at_most else 1
    if every > 1:
        numbered = frame.with_row_index(_INDEX)
        frame = numbered.filter(pl.col(_INDEX) % every == 0).drop(_INDEX)
    frames[chosen] = frame
    rows = -(-left // every)
    if rows == of:
        return frames, None
    return frames, Slice(chosen, product, rows, of, every, cut.where)


def _rows(frame: pl.LazyFrame) -> int:
    """How many rows an input hands over."""
    count: int = frame.select(pl.len()).collect(engine="streaming").item()
    return count


def _nth(number: int) -> str:
    """An ordinal: `2nd`, `13th`."""
    teens = number % 100 in {11, 12, 13}
    return f"{number:,}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
