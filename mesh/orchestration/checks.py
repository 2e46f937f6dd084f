"""A contract's rules as Dagster's asset checks, and verdicts as their results.

Owns the names of checks and how a finding is shown: in words, with counts and sample rows. Values
of confidential and personal columns are not shown: Dagster's event log is open to all its users.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from mesh.catalog.receipts import Receipt, Refusal, RuleTally
from mesh.contracts import wording
from mesh.contracts.model import Rule, Scope, Severity
from mesh.contracts.verdict import HIDDEN, Finding, Outcome, Verdict
from mesh.lake import Lake
from mesh.orchestration.metadata import Metadata
from mesh.products.declaration import DataProduct
from mesh.reading import rejected_rows

SAMPLES = 5
"""How many broken rows a check shows."""

_SEVERITIES = {
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
    Severity.WARNING: dg.AssetCheckSeverity.WARN,
}


@dataclass(frozen=True, slots=True)
class Checks:
    """What is checked of a product, by the names of Dagster's checks.

    Names are letters, digits and underscores only, and no two are the same.
    """

    columns: str
    rules: Mapping[str, Rule]

    @classmethod
    def of(cls, product: DataProduct) -> Checks:
        """The checks of a product: its columns, its rules, and dbt's data tests of it."""
        taken: set[str] = set()
        columns = _distinct("columns", taken)
        rules = product.rules
        return cls(columns, {_distinct(rule.id, taken): rule for rule in rules})


def check_specs(product: DataProduct) -> list[dg.AssetCheckSpec]:
    """One check for the columns and one a rule; those of severity error block downstream."""
    key, checks = dg.AssetKey(product.id.asset_key), Checks.of(product)
    columns = ", ".join(f"{c.name} {c.type}" for c in product.contract.columns)
    return [
        dg.AssetCheckSpec(
            checks.columns,
            asset=key,
            description=f"columns are {columns}",
            blocking=True,
            metadata={"mesh/severity": "error", "mesh/columns": len(product.contract.columns)},
        ),
        *(_rule_spec(rule, name, key) for name, rule in checks.rules.items()),
    ]


def accepted(product: DataProduct, receipt: Receipt, lake: Lake) -> Iterator[dg.AssetCheckResult]:
    """The results of every check of a publication that landed.

    A broken rule is a warning here, whatever its severity: the rows that broke it are in
    quarantine, and what is downstream may go on.
    """
    key, checks = dg.AssetKey(product.id.asset_key), Checks.of(product)
    tallies = {tally.rule: tally for tally in receipt.tallies}
    samples = _rejected_samples(product, receipt, lake)
    yield dg.AssetCheckResult(asset_key=key, check_name=checks.columns, passed=True)
    for name, rule in checks.rules.items():
        tally = tallies.get(rule.id)
        is_passed = tally is not None and tally.outcome is Outcome.PASSED
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=is_passed,
            severity=_SEVERITIES[rule.severity] if is_passed else dg.AssetCheckSeverity.WARN,
            description=_tally_words(rule, tally),
            metadata={
                "mesh/failed": dg.MetadataValue.int(tally.failed if tally else 0),
                **_sample_metadata(samples.get(rule.id, ())),
            },
        )


def refused(product: DataProduct, refusal: Refusal) -> Iterator[dg.AssetCheckResult]:
    """The results of the checks that a refusal decided: failed with samples, or passed."""
    key, checks = dg.AssetKey(product.id.asset_key), Checks.of(product)
    verdict = refusal.for_everyone(product.contract).verdict
    yield _columns_result(product, checks.columns, verdict)
    findings = {finding.rule.id: finding for finding in verdict.findings}
    for name, rule in checks.rules.items():
        finding = findings.get(rule.id)
        if finding is not None and finding.outcome is not Outcome.SKIPPED:
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=finding.outcome is Outcome.PASSED,
                severity=_SEVERITIES[finding.rule.severity],
                description=_finding_words(finding, verdict.rows),
                metadata=_finding_metadata(finding),
            )


def _distinct(wanted: str, taken: set[str]) -> str:
    base = wording.identifier(wanted) or "rule"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


def _rule_spec(rule: Rule, name: str, key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name,
        asset=key,
        description=rule.text if not rule.description else f"{rule.text}: {rule.description}",
        blocking=rule.is_blocking,
        metadata={
            "mesh/rule": rule.id,
            "mesh/check": rule.check,
            "mesh/columns": ", ".join(rule.columns),
            "mesh/severity": str(rule.severity),
            "mesh/scope": str(rule.scope),
        },
    )


def _tally_words(rule: Rule, tally: RuleTally | None) -> str:
    if tally is None or tally.outcome is Outcome.SKIPPED:
        return f"`{rule.text}` was not decided in this publication"
    if tally.outcome is Outcome.PASSED:
        return f"`{rule.text}` holds"
    kept = "rejected into quarantine" if _is_rejecting(rule) else "published with this warning"
    return f"{_count(rule, tally.failed)} `{rule.text}`: {kept}"


def _finding_words(finding: Finding, rows: int) -> str:
    if finding.outcome is Outcome.PASSED:
        return f"`{finding.rule.text}` holds"
    words = f"{_count(finding.rule, finding.failed, rows)} `{finding.rule.text}`"
    return f"{words}\n{finding.message}" if finding.message else words


def _count(rule: Rule, failed: int, rows: int | None = None) -> str:
    if not rule.counts_rows:
        return "broken:"
    total = "" if rows is None else f" of {rows:,}"
    return f"{failed:,}{total} rows break"


def _is_rejecting(rule: Rule) -> bool:
    return rule.is_blocking and rule.scope is Scope.ROW


def _finding_metadata(finding: Finding) -> Metadata:
    first = (
        {}
        if finding.first_row is None
        else {"mesh/first_row": dg.MetadataValue.int(finding.first_row)}
    )
    return {
        "mesh/failed": dg.MetadataValue.int(finding.failed),
        **first,
        **_sample_metadata(finding.samples),
    }


def _columns_result(product: DataProduct, name: str, verdict: Verdict) -> dg.AssetCheckResult:
    differences = [
        dg.TableRecord(
            {"column": d.column, "promised": d.expected, "found": d.found, "hint": d.hint}
        )
        for d in verdict.differences
    ]
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(product.id.asset_key),
        check_name=name,
        passed=not differences,
        severity=dg.AssetCheckSeverity.ERROR,
        description="\n".join(str(item) for item in verdict.differences) or None,
        metadata={"mesh/differences": dg.MetadataValue.table(differences)} if differences else {},
    )


def _sample_metadata(samples: Sequence[Mapping[str, object]]) -> dict[str, dg.MetadataValue]:
    records = [
        dg.TableRecord({name: _plain(value) for name, value in row.items()})
        for row in samples[:SAMPLES]
    ]
    return {"mesh/sample_rows": dg.MetadataValue.table(records)} if records else {}


def _plain(value: object) -> str | int | float | bool | None:
    """A value as Dagster's tables hold it: JSON knows neither NaN nor large integers."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)


def _rejected_samples(
    product: DataProduct, receipt: Receipt, lake: Lake
) -> dict[str, list[dict[str, object]]]:
    """The first rejected rows of a publication by rule: the rule's columns and the key."""
    found: dict[str, list[dict[str, object]]] = {}
    rejected = rejected_rows(product.id, lake) if receipt.rows_rejected else None
    if rejected is None:
        return found
    for tally in receipt.tallies:
        rule = next((r for r in product.contract.rules if r.id == tally.rule), None)
        if tally.failed and rule is not None and _is_rejecting(rule):
            found[rule.id] = _sample(product, receipt, rule, rejected)
    return found


def _sample(
    product: DataProduct, receipt: Receipt, rule: Rule, rejected: pl.LazyFrame
) -> list[dict[str, object]]:
    contract = product.contract
    columns = list(dict.fromkeys([*contract.key, *(rule.columns or contract.column_names)]))
    hidden = [name for name in columns if name in contract.guarded_columns]
    rows = (
        rejected.filter(
            pl.col("_mesh_publication") == receipt.publication_id,
            pl.col("_mesh_rules").list.contains(rule.id),
        )
        .select(columns)
        .head(SAMPLES)
        .with_columns(pl.lit(HIDDEN).alias(name) for name in hidden)
    )
    return rows.collect().to_dicts()
