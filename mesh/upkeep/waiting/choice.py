"""Which of the rows in quarantine are meant: by rule, by run, by a condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.contracts.model import Rule
from mesh.errors import UnknownRuleError
from mesh.reading.filtering import filtered
from mesh.reading.waiting import PUBLICATION, ROW, Waiting

RULES, RUN, REJECTED_AT = "_mesh_rules", "_mesh_run", "_mesh_rejected_at"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for. Empty: all rows that wait.

    `rule` is a rule's id or its text. `run` also chooses rows that a later publication took the
    place of, and so does `is_all`, of every run.
    """

    rule: str = ""
    run: str = ""
    where: str = ""
    is_all: bool = False

    def as_json(self) -> dict[str, Any]:
        """What was asked for, without what was not."""
        told = {"rule": self.rule, "run": self.run, "where": self.where, "all": self.is_all}
        return {name: value for name, value in told.items() if value}

    def of(self, waiting: Waiting, rules: Iterable[Rule], where: str) -> pl.LazyFrame:
        """The rows that are meant.

        Raises UnknownRuleError for a rule that is not the contract's and that no row broke,
        UnknownColumnError and MeshError for what is no condition.
        """
        rows = waiting.rows if self.is_all or self.run else waiting.waiting()
        if self.run:
            rows = rows.filter(pl.col(RUN) == self.run)
        if self.rule:
            rule = self._rule_id(rows, rules, where)
            rows = rows.filter(pl.col(RULES).list.contains(rule))
        return filtered(rows, self.where, where) if self.where else rows

    def _rule_id(self, rows: pl.LazyFrame, rules: Iterable[Rule], where: str) -> str:
        known = {rule.text: rule.id for rule in rules}
        if self.rule in known:
            return known[self.rule]
        broken = rows.select(pl.col(RULES).explode().unique()).collect().to_series().to_list()
        ids = sorted({*known.values(), *filter(None, broken)})
        if self.rule not in ids:
            raise UnknownRuleError(self.rule, ids, where=where)
        return self.rule


def stretches(places: pl.DataFrame) -> dict[str, list[tuple[int, int]]]:
    """Rows by publication, as first and last of each stretch of positions."""
    found: dict[str, list[tuple[int, int]]] = {}
    for publication, row in places.select(PUBLICATION, ROW).sort(PUBLICATION, ROW).iter_rows():
        known = found.setdefault(publication, [])
        if known and row == known[-1][1] + 1:
            known[-1] = (known[-1][0], row)
        else:
            known.append((row, row))
    return found


def by_rule(rules: pl.Series) -> Mapping[str, int]:
    """How many rows broke each rule, the one that most broke first."""
    counted = Counter(rule for broken in rules.to_list() for rule in broken or ())
    return dict(counted.most_common())


def by_value(rows: pl.DataFrame, column: str) -> Mapping[str, int]:
    """How many rows there are of each value of a column."""
    counted: Sequence[tuple[str, int]] = rows.get_column(column).value_counts().sort(column).rows()
    return dict(counted)
