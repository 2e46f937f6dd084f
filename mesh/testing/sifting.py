"""Rows that keep a rule on the whole set by themselves, told from those that do not.

Owns the search by halves. It helps with rules that count or look for bad rows, as most queries do,
and is judged by the gate like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from mesh.contracts.model import Rule
from mesh.testing.judging import Judge

_MOST_ASKED = 150


def sifted(rows: pl.DataFrame, broken: Sequence[Rule], judge: Judge) -> pl.DataFrame | None:
    """The rows in whose halves, and halves of halves, broken rules hold; None when that fails."""
    asked = [rule for rule in broken if rule.check in {"custom", "sql", "metric"}]
    if not asked:
        return None
    contract = replace(judge.contract, rules=tuple(asked))
    sieve = _Sieve(replace(judge, contract=contract, extra_rules=()))
    kept = sieve.kept(rows)
    return kept if kept.height else None


@dataclass
class _Sieve:
    judge: Judge
    asked: int = 0

    def kept(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.asked >= _MOST_ASKED or not rows.height:
            return rows.clear()
        self.asked += 1
        if not self.judge.broken(rows):
            return rows
        if rows.height == 1:
            return rows.clear()
        middle = rows.height // 2
        return pl.concat([self.kept(rows[:middle]), self.kept(rows[middle:])])
