"""The gate's finding on data: a value, never an exception.

Owns what is known after data met a contract: how many rows, which rules were broken, by how many
rows, with samples, and whether the data may be published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mesh.contracts import wording
from mesh.contracts.arrow import Difference
from mesh.contracts.model import Rule, Scope, Severity

HIDDEN = "(hidden)"
"""Stands for a value that is not for everyone."""


class Outcome(StrEnum):
    """What became of one rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule, and what the data did to it.

    `failed` counts rows for a rule on rows, keys and references; for another rule on the whole set
    it is 1 when the rule is broken. `first_row` counts from 0 in the order of arrival, None when
    the rule has no single row. `samples` are broken rows: the rule's columns and the key.
    `message` is Pandera's own where Pandera was asked, else Mesh's. `measured` is the number, or
    the answer, that a rule which measures compared, whether it held or not.
    """

    rule: Rule
    outcome: Outcome
    failed: int = 0
    first_row: int | None = None
    samples: tuple[Mapping[str, Any], ...] = ()
    message: str = ""
    measured: float | str | None = None

    def without_values_of(self, columns: Collection[str]) -> Finding:
        """The finding without values of these columns: a sample says that one is hidden."""
        if not columns:
            return self
        samples = tuple(
            {name: HIDDEN if name in columns else value for name, value in row.items()}
            for row in self.samples
        )
        # A rule over the whole row names no columns, and its message may quote any value.
        # What is found of an input hides that input's own guarded values already.
        is_own = self.rule.check != "expectation"
        names = set(columns) & set(self.rule.columns)
        may_quote = is_own and (self.rule.is_on_any_column or names)
        if not may_quote or self.rule.check == "metric":  # which counts, and quotes nothing
            return replace(self, samples=samples)
        return replace(self, samples=samples, message="", measured=None)

    @property
    def is_refusing(self) -> bool:
        """Whether it alone keeps a publication out: a broken error on the whole set."""
        return (
            self.outcome is not Outcome.PASSED
            and self.rule.is_blocking
            and self.rule.scope is Scope.SET
        )

    def as_json(self) -> dict[str, Any]:
        """The finding as plain values; samples are texts."""
        return {
            "rule": self.rule.id,
            "text": self.rule.text,
            "severity": str(self.rule.severity),
            "scope": str(self.rule.scope),
            "columns": list(self.rule.columns),
            "outcome": str(self.outcome),
            "failed": self.failed,
            "first_row": self.first_row,
            "samples": [{name: _text(v) for name, v in row.items()} for row in self.samples],
            "message": self.message,
            **({} if self.measured is None else {"measured": self.measured}),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that the gate found. `reasons` says why data was refused; empty: it may pass."""

    rows: int
    accepted: int
    rejected: int
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...] = ()
    reasons: tuple[str, ...] = ()

    def without_values_of(self, columns: Collection[str]) -> Verdict:
        """The verdict as those may see it who may not see these columns."""
        findings = tuple(item.without_values_of(columns) for item in self.findings)
        reasons = self.reasons
        for whole, shown in zip(self.findings, findings, strict=True):
            if whole.message and not shown.message:  # a reason that quotes it, quotes it whole
                reasons = tuple(r.replace(f": {whole.message}", "") for r in reasons)
        return replace(
            self,
            findings=findings,
            reasons=reasons,
            differences=tuple(
                replace(item, found=HIDDEN, hint="a value would be changed")
                if item.is_quoting and item.column in columns
                else item
                for item in self.differences
            ),
        )

    @property
    def is_accepted(self) -> bool:
        """Whether the accepted rows may be published."""
        return not self.reasons

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Findings on broken rules, errors first."""
        broken = [item for item in self.findings if item.outcome is Outcome.FAILED]
        return tuple(sorted(broken, key=lambda item: item.rule.severity is Severity.WARNING))

    def finding(self, rule_id: str) -> Finding:
        """The finding on one rule. Raises KeyError."""
        for item in self.findings:
            if item.rule.id == rule_id:
                return item
        raise KeyError(rule_id)

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "findings": [item.as_json() for item in self.findings],
            "differences": [
                {"column": d.column, "expected": d.expected, "found": d.found, "hint": d.hint}
                for d in self.differences
            ],
            "reasons": list(self.reasons),
        }

    def describe(self, product: str, *, next_step: str = "") -> str:
        """The verdict in words: what, where, and what to do next, which may be told."""
        lines = [f"{product}: {reason}" for reason in self.reasons]
        lines.extend(f"  {difference}" for difference in self.differences)
        for item in self.failures:
            lines.extend(_describe(item, self.rows))
        lines.append(f"  try: {next_step or self._next_step(product)}")
        return "\n".join(lines)

    def _next_step(self, product: str) -> str:
        if self.differences:
            return "make the transform's columns those of the contract, or change the contract"
        unmet = [f.rule for f in self.failures if f.rule.check == "expectation"]
        if unmet:
            source = unmet[0].arguments["product"]
            return f"ask who answers for {source} (`mesh show {source}`), or expect less of it"
        return f"mend the transform or its source; `mesh show {product}` keeps this verdict"


def _describe(item: Finding, rows: int) -> list[str]:
    mark = "" if item.rule.is_blocking else " (warning)"
    if item.rule.counts_rows:
        lines = [f"  {item.failed:,} of {wording.rows(rows)} break `{item.rule.text}`{mark}"]
    else:
        lines = [f"  broken: {item.rule.text}{mark}"]
    if item.samples:
        values = ", ".join(f"{name} = {_text(value)}" for name, value in item.samples[0].items())
        row = (
            f"first at row {item.first_row:,}: " if item.first_row is not None else "for example: "
        )
        lines.append(f"    {row}{values}")
    if item.message:
        lines.append(f"    {item.message}")
    return lines


def _text(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


_LONGEST = 200
