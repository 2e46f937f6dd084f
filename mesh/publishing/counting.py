"""Rows that something is true of, counted while they stream.

Owns the counts of one publication: all of a batch's in one selection, however many rules want them.
Told from many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

MAX_SAMPLES = 5
"""Broken rows that a finding shows."""


@dataclass(slots=True)
class Counted:
    """How many rows something is true of, and some of them: the columns that tell of it."""

    condition: pl.Expr
    shown: Sequence[str]
    rows: int = 0
    samples: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Counts:
    """Everything that is counted in one pass."""

    _wanted: list[Counted] = field(default_factory=list)
    _columns: dict[str, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def columns(self) -> Sequence[str]:
        """The columns that are looked at; none where nothing is counted."""
        return tuple(self._columns)

    def of(self, condition: pl.Expr, shown: Sequence[str]) -> Counted:
        """Count the rows that a condition is true of. `shown` are its columns and the key."""
        counted = Counted(condition, shown)
        self._wanted.append(counted)
        self._columns |= dict.fromkeys(shown)
        return counted

    def add(self, frame: pl.DataFrame) -> None:
        """Count one batch."""
        if not frame.height:
            return
        conditions = [item.condition.alias(str(n)) for n, item in enumerate(self._wanted)]
        answers = frame.select(conditions)
        for item, answer in zip(self._wanted, answers.get_columns(), strict=True):
            found = int(answer.sum())
            if not found:
                continue
            with self._lock:
                room = MAX_SAMPLES - len(item.samples)
                item.rows += found
                item.samples += frame.select(item.shown).filter(answer).head(room).to_dicts()

    def close(self) -> None:
        """Forget the samples."""
        for item in self._wanted:
            item.samples = []
