"""The compiled gate gives Pandera's own verdict, whatever the contract and the data.

Where the two differ on purpose:

- Pandera looks at all rows at once. The gate decides rules on the whole set (uniqueness, totals) on
  the rows that are left after row rules; so does the comparison.
- Pandera takes text that is not in an enumeration for a wrong type. The gate takes it for rows that
  break a rule (`test_gate`), and so only text that is in it is drawn here.
- A lower and an upper bound are one rule in a contract, and two checks in Pandera.
- A table has no order, and neither have the rows that a rule on the whole set is given: what needs
  one (`shift`, `is_sorted`) is not drawn.
"""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import pandera.polars as pandera
import polars as pl
import pyarrow as pa
from hypothesis import given, note, settings
from pandera.backends.polars.base import PolarsSchemaBackend
from pandera.errors import FailureCaseMetadata, SchemaErrorReason

from mesh.contracts.model import Contract, Rule, Scope
from mesh.contracts.pandera import load
from mesh.contracts.verdict import Outcome, Verdict
from mesh.publishing.batch import is_text
from mesh.publishing.conformance import Conformance
from mesh.publishing.gate import Gate, StagedRows
from mesh.publishing.source import batches_of, source_of
from tests.publishing.generated import Drawn, drawn

ROW_REASONS = {SchemaErrorReason.SERIES_CONTAINS_NULLS, SchemaErrorReason.DATAFRAME_CHECK}
UNIQUE_REASONS = {SchemaErrorReason.SERIES_CONTAINS_DUPLICATES, SchemaErrorReason.DUPLICATES}
LOWER = ("greater_than", "greater_than_or_equal_to")
UPPER = ("less_than", "less_than_or_equal_to")
Named = tuple[str | None, str]


@dataclass(frozen=True)
class Judged:
    """What Pandera says: rows by failing column and check, and whether anything is repeated."""

    failing: dict[Named, frozenset[int]]
    repeated: frozenset[str | None]

    @property
    def passes(self) -> bool:
        return not self.failing and not self.repeated


@contextmanager
def without_reports() -> Iterator[None]:
    """Pandera's verdict without the report on it, which it cannot write on durations or bytes."""
    nothing = FailureCaseMetadata(failure_cases=None, message={}, error_counts={})
    with (
        patch.object(PolarsSchemaBackend, "failure_cases_metadata", lambda *_: nothing),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", pandera.errors.SchemaWarning)
        yield


def judged(model: type[pandera.DataFrameModel], frame: pl.DataFrame) -> Judged:
    failing: dict[Named, frozenset[int]] = {}
    repeated = set()
    with without_reports():
        try:
            model.to_schema().validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            for error in errors.schema_errors:
                column = error.schema.name if isinstance(error.schema, pandera.Column) else None
                if error.reason_code in UNIQUE_REASONS:
                    repeated.add(column)
                    continue
                assert error.reason_code in ROW_REASONS, error
                name = error.check if isinstance(error.check, str) else error.check.name
                failing[column, name] = frozenset(
                    (~error.check_output.get_column("check_output")).arg_true()
                )
    return Judged(failing, frozenset(repeated))


def names_of(rule: Rule, judge: type[pandera.DataFrameModel]) -> list[Named]:
    """Pandera's names of the checks that a rule stands for."""
    if rule.check == "not_null":
        return [(rule.columns[0], "not_nullable")]
    if rule.check == "custom":
        return [(rule.columns[0] if rule.columns else None, rule.arguments["function"])]
    (column,) = rule.columns
    declared = [check.name for check in judge.to_schema().columns[column].checks]
    if rule.check == "in_range" and "in_range" not in declared:
        return [(column, name) for name in declared if name in (*LOWER, *UPPER)]
    return [(column, rule.check)]


@dataclass
class Gated:
    """What the gate says: the verdict, and the rejected rows' places and broken rules."""

    verdict: Verdict
    accepted: pl.DataFrame
    rejected: dict[int, set[str]]


def gated(contract: Contract, frame: pl.DataFrame, case: Drawn) -> Gated:
    """The verdict on data that comes in batches, each checked by one of several threads."""
    source = source_of(frame, batch_rows=case.batch_rows)
    conformance = Conformance(contract)
    gate = Gate(contract, key_memory_bytes=case.key_memory_bytes)

    def numbered() -> Iterator[tuple[int, pa.RecordBatch]]:
        offset = 0
        for batch in batches_of(source, batch_rows=case.batch_rows):
            yield offset, batch
            offset += batch.num_rows

    def check(item: tuple[int, pa.RecordBatch]):
        offset, rows = item
        batch = conformance.logical(rows, offset)
        texts = [field.name for field in batch.rows.schema if is_text(field.type)]
        batch = batch.with_dictionaries(texts if case.tells_dictionaries else ())
        checked = gate.check(batch)
        return checked.rejected, conformance.stored(batch, checked.keeps)

    with ThreadPoolExecutor(case.workers) as threads:
        checked = list(threads.map(check, numbered()))
    schema = conformance.stored_schema
    stored = [rows.cast(schema) for _, rows in checked]
    table = pa.Table.from_batches(stored, schema)
    accepted = conformance.restored(pl.DataFrame(table).lazy())
    rejected = {
        row["_mesh_row"]: set(row["_mesh_rules"])
        for rows, _ in checked
        if rows is not None
        for row in rows.to_dicts()
    }
    try:
        verdict = gate.finish(
            StagedRows(accepted, contract.column_names), tolerance=0, can_quarantine=False
        )
    finally:
        gate.close()
    return Gated(verdict, accepted.collect(), rejected)


@settings(max_examples=3 * settings.default.max_examples)
@given(drawn())
def test_the_gate_gives_panderas_verdict(case: Drawn):
    contract = load(case.contract())
    frame = case.frame()
    note(f"rules: {[rule.text for rule in contract.rules]}")
    note(str(frame))
    found = gated(contract, frame, case)
    strict = case.strict_judge()
    everything = judged(strict, frame)

    broken: dict[int, set[str]] = {}
    for rule in contract.row_rules:
        rows = frozenset().union(
            *(everything.failing.get(name, ()) for name in names_of(rule, strict))
        )
        finding = found.verdict.finding(rule.id)
        assert finding.outcome is (Outcome.FAILED if rows else Outcome.PASSED), rule
        assert finding.failed == len(rows), rule
        assert finding.first_row == min(rows, default=None), rule
        if rule.is_blocking:
            for row in rows:
                broken.setdefault(row, set()).add(rule.id)
    assert found.rejected == broken
    assert found.verdict.rows == frame.height
    assert found.verdict.rejected == len(broken)

    kept = frame.filter(~pl.Series(range(frame.height)).is_in(list(broken)))
    assert found.accepted.cast(kept.schema).equals(kept, null_equal=True)
    left = judged(strict, kept)
    for rule in contract.set_rules:
        finding = found.verdict.finding(rule.id)
        if rule.check == "unique":
            repeated = int(kept.select(rule.columns).is_duplicated().sum())
            assert finding.failed == repeated, rule
            if len(rule.columns) == 1 and case_says_unique(case, rule.columns[0]):
                assert (rule.columns[0] in left.repeated) == bool(repeated), rule
        else:
            is_failing = any(name in left.failing for name in names_of(rule, strict))
            assert (finding.outcome is Outcome.FAILED) == is_failing, rule
    assert found.verdict.is_accepted == judged(case.judge(), frame).passes


def case_says_unique(case: Drawn, name: str) -> bool:
    return any(c.name == name and c.options["unique"] for c in case.columns)


@given(drawn())
def test_a_check_of_ones_own_is_decided_where_it_can_be(case: Drawn):
    scopes = {c.name: c.scope for c in case.customs}
    found = load(case.contract()).rules
    assert {r.arguments["function"]: r.scope for r in found if r.check == "custom"} == scopes
    assert all(r.scope is Scope.ROW for r in found if r.check == "not_null")
