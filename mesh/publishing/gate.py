"""The gate: every rule of a contract against data, in one pass, while it streams.

Owns the verdict. The contract is compiled once to expressions that are evaluated together, once a
batch; batches that pass flow on untouched. Which rows break a rule is asked only of a batch that
breaks it, and then Pandera's own check is asked about them, too, for its message and as a second
opinion: should the two disagree, the gate itself is broken, and says so. Knows nothing of files and
commits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mesh.contracts import wording
from mesh.contracts.expressions import check_of, compiled
from mesh.contracts.locked import Limits
from mesh.contracts.model import Contract, Rule, Scope, distinct_rules
from mesh.contracts.value_checks import VALUE_CHECKS
from mesh.contracts.verdict import Finding, Outcome, Verdict
from mesh.errors import GateError
from mesh.publishing.batch import Batch
from mesh.publishing.counting import MAX_SAMPLES
from mesh.publishing.set_parts import Asked, References, StagedRows, rule_errors
from mesh.publishing.set_rules import SetRules

_FEW = 100
"""Values of a text that are remembered with the rules they break."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One batch after the gate: which rows are kept, and the others.

    `keeps` is None when all are; `rejected` has the contract's columns, `_mesh_rules` and
    `_mesh_row`.
    """

    keeps: pl.Series | None = None
    rejected: pl.DataFrame | None = None


@dataclass(slots=True)
class _Tally:
    """What is known so far about one rule."""

    failed: int = 0
    first_row: int | None = None
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    message: str = ""

    def add(self, failed: int, first_row: int | None, samples: Sequence[Mapping[str, Any]]) -> None:
        self.failed += failed
        if first_row is not None and (self.first_row is None or first_row < self.first_row):
            self.first_row = first_row
            self.samples = [*samples, *self.samples][:MAX_SAMPLES]
        else:
            self.samples = [*self.samples, *samples][:MAX_SAMPLES]


class Gate:
    """One contract, compiled, and the tallies of one publication. Checked from many threads.

    `references` are the values of the columns that the contract refers to, by
    `domain.product_v1.column`; one that is missing leaves its rule unchecked, and a rule of
    severity error that is unchecked refuses. `own` is the product itself, `limits` those of the
    queries of SQL rules.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        references: References | None = None,
        key_memory_bytes: int,
        extra_rules: Sequence[Rule] = (),
        limits: Limits | None = None,
        own: str = "",
    ) -> None:
        self.contract = contract
        self._rules = distinct_rules((*contract.rules, *extra_rules))
        self._row_rules = [rule for rule in self._rules if rule.scope is Scope.ROW]
        self._compiled = {rule.id: compiled(rule, contract) for rule in self._row_rules}
        self._by_value: dict[str, list[Rule]] = {}
        for rule in self._row_rules:
            if self._compiled[rule.id].is_by_value:
                self._by_value.setdefault(rule.columns[0], []).append(rule)
        asked = Asked(contract, references or {}, key_memory_bytes, limits or Limits(), own)
        self._set_rules = SetRules.of(self._rules, asked)
        self._tallies = {rule.id: _Tally() for rule in self._rules}
        self._known: dict[tuple[str, frozenset[str]], frozenset[str]] = {}
        self._lock = threading.Lock()
        self.rows = 0
        self.rejected = 0

    @property
    def keeps(self) -> pl.Expr:
        """What is true of the rows, in the contract's types, that are accepted."""
        blocking = [self._compiled[rule.id].keeps for rule in self._row_rules if rule.is_blocking]
        return pl.all_horizontal(blocking) if blocking else pl.lit(value=True)

    def check(self, batch: Batch) -> Checked:
        """Check one batch."""
        checked = self._check_rows(batch)
        with self._lock:
            self.rows += batch.rows.num_rows
            self.rejected += 0 if checked.rejected is None else checked.rejected.height
        for watch in self._set_rules.watches:
            watch.add(_kept(batch.frame(watch.columns), checked))
        return checked

    def _check_rows(self, batch: Batch) -> Checked:
        broken = self._broken_rules(batch)
        if not broken:
            return Checked()
        frame = batch.frame()
        masks = self._answers(frame, {rule.id: self._compiled[rule.id].keeps for rule in broken})
        for rule in broken:
            self._note(rule, frame, ~masks.get_column(rule.id), batch.offset)
        blocking = [rule for rule in broken if rule.is_blocking]
        if not blocking:
            return Checked()
        keeps = masks.select(pl.all_horizontal(rule.id for rule in blocking)).to_series()
        failing, broken_by = frame.filter(~keeps), masks.filter(~keeps)
        rejected = failing.with_columns(
            pl.concat_list(
                pl.when(~broken_by.get_column(rule.id)).then(pl.lit(rule.id)) for rule in blocking
            )
            .list.drop_nulls()
            .alias("_mesh_rules"),
            ((~keeps).arg_true().cast(pl.Int64) + batch.offset).alias("_mesh_row"),
        )
        return Checked(keeps, rejected)

    def _broken_rules(self, batch: Batch) -> list[Rule]:
        """The rules that some row breaks.

        Asked of each value once where they are known, then of all rows by what is quickest to tell
        that none breaks it, and only then row by row.
        """
        broken: set[str] = set()
        settled: set[str] = set()
        for column in batch.dictionaries:
            rules, values = self._by_value.get(column, []), batch.distinct(column)
            if rules and values is not None:
                broken |= self._broken_by(values, rules)
                settled |= {rule.id for rule in rules}
        asked = [rule for rule in self._row_rules if rule.id not in settled]
        if asked:
            columns = {name for rule in asked for name in self._compiled[rule.id].columns}
            frame = batch.frame([name for name in self.contract.column_names if name in columns])
            quickly = self._answers(
                frame, {rule.id: self._compiled[rule.id].holds for rule in asked}
            )
            passed = quickly.row(0, named=True)
            left = [rule for rule in asked if not passed[rule.id]]
            unsure = [rule for rule in left if self._compiled[rule.id].is_only_sufficient]
            held = self._held(frame, unsure) if unsure else {}
            broken |= {rule.id for rule in left if not held.get(rule.id)}
        return [rule for rule in self._row_rules if rule.id in broken]

    def _broken_by(self, values: pl.Series, rules: Sequence[Rule]) -> frozenset[str]:
        """Which rules on one column some of these values break: batches often have the same."""
        if values.len() > _FEW:
            held = self._held(values.to_frame(), rules)
            return frozenset(rule.id for rule in rules if not held[rule.id])
        known = (values.name, frozenset(values.to_list()))
        if known not in self._known:
            held = self._held(values.to_frame(), rules)
            self._known[known] = frozenset(rule.id for rule in rules if not held[rule.id])
        return self._known[known]

    def _held(self, frame: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, bool]:
        """Which rules all rows keep, asked row by row."""
        asked = {rule.id: self._compiled[rule.id].keeps.all() for rule in rules}
        return self._answers(frame, asked).row(0, named=True)

    def _answers(self, frame: pl.DataFrame, asked: Mapping[str, pl.Expr]) -> pl.DataFrame:
        """What expressions say of rows, all asked together, by rule id."""
        named = [expression.alias(rule_id) for rule_id, expression in asked.items()]
        try:
            return frame.select(named)
        except Exception:  # a check by value is a domain's own code; find out which it was
            for rule in self._row_rules:
                if rule.id in asked:
                    with rule_errors(rule):
                        frame.select(asked[rule.id])
            raise

    def _note(self, rule: Rule, frame: pl.DataFrame, failing: pl.Series, offset: int) -> None:
        failed = int(failing.sum())
        rows = failing.arg_true().head(MAX_SAMPLES)
        samples = frame.select(self._shown(rule))[rows].to_dicts()
        message = ""
        with self._lock:
            is_first = self._tallies[rule.id].failed == 0
        if is_first:
            message = ask_pandera(rule, frame[rows])
        with self._lock:
            tally = self._tallies[rule.id]
            tally.add(failed, offset + int(rows[0]), samples)
            tally.message = tally.message or message

    def _shown(self, rule: Rule) -> list[str]:
        """The columns that tell of a broken rule: its own, and the key."""
        columns = rule.columns or self.contract.column_names
        return [*columns, *(name for name in self.contract.key if name not in columns)]

    def finish(
        self,
        accepted: StagedRows,
        *,
        tolerance: float,
        can_quarantine: bool,
        earlier: Sequence[Finding] = (),
    ) -> Verdict:
        """The verdict, once every batch was checked.

        `accepted` gives the accepted rows again, for rules on the whole set; `earlier` is what
        others found before.
        """
        findings = (*(self._finding(rule, accepted) for rule in self._rules), *earlier)
        by_row = list(
            _row_reasons(self.rows, self.rejected, tolerance, can_quarantine=can_quarantine)
        )
        # Rows that were rejected are missing from the count: said once is enough.
        refusing = [f for f in findings if f.is_refusing and not (by_row and _counts_rows(f))]
        reasons = [*by_row, *map(_set_reason, refusing)]
        return Verdict(
            rows=self.rows,
            accepted=self.rows - self.rejected,
            rejected=self.rejected,
            findings=findings,
            reasons=tuple(reasons),
        )

    def close(self) -> None:
        """Forget what was kept of the data."""
        self._set_rules.close()

    def _finding(self, rule: Rule, accepted: StagedRows) -> Finding:
        if rule.scope is Scope.ROW:
            return self._tallied(rule)
        return self._set_rules.decisions[rule.id](accepted, self.rows - self.rejected)

    def _tallied(self, rule: Rule) -> Finding:
        tally = self._tallies[rule.id]
        outcome = Outcome.FAILED if tally.failed else Outcome.PASSED
        return Finding(
            rule, outcome, tally.failed, tally.first_row, tuple(tally.samples), tally.message
        )


def _kept(frame: pl.DataFrame, checked: Checked) -> pl.DataFrame:
    return frame if checked.keeps is None else frame.filter(checked.keeps)


def ask_pandera(rule: Rule, failing: pl.DataFrame) -> str:
    """Pandera's message for rows that break a rule. Raises GateError when Pandera disagrees."""
    if rule.check in VALUE_CHECKS:
        return ""  # it is Mesh's own: Pandera would be told the same expression
    check = check_of(rule)
    with rule_errors(rule):
        result = check(failing.lazy(), rule.columns[0] if rule.columns else None)
        verdicts = result.check_output.collect().to_series()
    if verdicts.any():
        raise GateError(
            f"Pandera passes {int(verdicts.sum())} of {failing.height} rows that the compiled rule "
            f"`{rule.text}` fails",
            hint="report this as a bug in Mesh",
        )
    return check.error or ""


def _row_reasons(
    rows: int, rejected: int, tolerance: float, *, can_quarantine: bool
) -> Iterable[str]:
    if not rejected:
        return
    if not can_quarantine:
        yield f"{rejected:,} of {wording.rows(rows)} break the contract"
    elif rejected > tolerance * rows:
        yield (
            f"{rejected:,} of {rows:,} rows ({rejected / rows:.2%}) break the contract, "
            f"more than the tolerance of {tolerance:.2%}"
        )


def _counts_rows(item: Finding) -> bool:
    counts = item.rule.arguments.get("metric") == "rowCount"
    return counts or item.rule.check == "row_count"


def _set_reason(item: Finding) -> str:
    if item.outcome is Outcome.SKIPPED:
        return f"`{item.rule.text}` could not be checked: {item.message}"
    if item.rule.counts_rows:
        breaks = "breaks" if item.failed == 1 else "break"
        return f"{wording.rows(item.failed)} {breaks} `{item.rule.text}`"
    return f"`{item.rule.text}` is broken{f': {item.message}' if item.message else ''}"
