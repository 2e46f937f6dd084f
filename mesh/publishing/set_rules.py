"""Rules on the whole set, each decided once all batches were seen.

Owns which check has which parts: what it is told of each accepted batch, and how it is decided at
the end. Memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.contracts import wording
from mesh.contracts.expressions import check_of
from mesh.contracts.model import Rule, Scope
from mesh.contracts.verdict import Finding, Outcome
from mesh.publishing.counting import MAX_SAMPLES
from mesh.publishing.measuring import metric_parts
from mesh.publishing.referring import reference_parts
from mesh.publishing.set_parts import Asked, Decision, Parts, StagedRows, Watch, rule_errors
from mesh.publishing.sql_rules import sql_parts
from mesh.publishing.uniqueness import Uniqueness


@dataclass(frozen=True, slots=True)
class SetRules:
    """The rules on the whole set of one publication: what watches batches, and what decides."""

    watches: tuple[Watch, ...]
    decisions: Mapping[str, Decision]

    @classmethod
    def of(cls, rules: Sequence[Rule], asked: Asked) -> SetRules:
        """The parts of every rule on the whole set. Raises GateError."""
        made = {
            rule.id: _CHECKS.get(rule.check, _whole)(rule, asked)
            for rule in rules
            if rule.scope is Scope.SET
        }
        watches = [watch for watch, _ in made.values() if watch is not None]
        if asked.counts.columns:
            watches.append(asked.counts)
        return cls(tuple(watches), {rule_id: decision for rule_id, (_, decision) in made.items()})

    def close(self) -> None:
        """Forget what was kept of the data."""
        for watch in self.watches:
            watch.close()


def _unique(rule: Rule, asked: Asked) -> Parts:
    keys = Uniqueness(rule.columns, asked.key_memory_bytes)

    def decide(accepted: StagedRows, _: int) -> Finding:
        found = keys.repeated(lambda: accepted.frames(rule.columns))
        if found.is_empty():
            return Finding(rule, Outcome.PASSED)
        samples = found.head(MAX_SAMPLES).drop("_mesh_count").to_dicts()
        failed = int(found.get_column("_mesh_count").sum())
        return Finding(rule, Outcome.FAILED, failed, samples=tuple(samples))

    return keys, decide


def _row_count(rule: Rule, _: Asked) -> Parts:
    low, high = rule.arguments["at_least"], rule.arguments["at_most"]

    def decide(_: StagedRows, rows: int) -> Finding:
        if (low is None or rows >= low) and (high is None or rows <= high):
            return Finding(rule, Outcome.PASSED)
        return Finding(rule, Outcome.FAILED, 1, message=f"the data has {wording.rows(rows)}")

    return None, decide


def _whole(rule: Rule, _: Asked) -> Parts:
    """A check that Pandera is asked about all rows."""

    def decide(accepted: StagedRows, _: int) -> Finding:
        check = check_of(rule)
        with rule_errors(rule):
            result = check(accepted.frame, rule.columns[0] if rule.columns else None)
            if result.check_passed.collect().item():
                return Finding(rule, Outcome.PASSED)
            samples = [] if result.failure_cases is None else _some(result.failure_cases)
        return Finding(rule, Outcome.FAILED, 1, samples=tuple(samples), message=check.error or "")

    return None, decide


def _some(failure_cases: pl.LazyFrame | pl.DataFrame) -> Sequence[Mapping[str, Any]]:
    frame = failure_cases.lazy().head(MAX_SAMPLES).collect()
    return frame.drop("check_output", strict=False).to_dicts()


_CHECKS: Mapping[str, Callable[[Rule, Asked], Parts]] = {
    "unique": _unique,
    "references": reference_parts,
    "row_count": _row_count,
    "metric": metric_parts,
    "sql": sql_parts,
}
