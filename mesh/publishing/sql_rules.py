"""SQL rules: one query over the accepted rows, in the sandbox, and its answer compared.

Owns the way from staged rows to the sandbox, as a stream that is made anew for every scan. A query
that fails, takes too long, or answers not one value is no statement about the data: GateError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.contracts.measures import Bound
from mesh.contracts.model import Rule
from mesh.contracts.queries import Query
from mesh.contracts.sandbox import QueryError, answer
from mesh.contracts.verdict import Finding, Outcome
from mesh.errors import GateError
from mesh.publishing.set_parts import Asked, Parts, StagedRows


def sql_parts(rule: Rule, asked: Asked) -> Parts:
    """How a SQL rule is decided. Raises GateError for a query that may not be asked."""
    try:
        query = Query.of(rule, asked.contract)
    except ValueError as error:
        raise GateError(f"the query of `{rule.text}` is refused: {error}") from error

    def decide(accepted: StagedRows, _: int) -> Finding:
        try:
            return _compared(rule, answer(query, Scanned(accepted, query.columns), asked.limits))
        except (QueryError, TypeError) as error:
            # DuckDB quotes values that it cannot read.
            is_open = not asked.contract.guarded_columns
            text = str(error) if is_open else "an error that may quote values that are not for all"
            raise GateError(
                f"the query of `{rule.text}` cannot be decided: {text}",
                hint="publishing.sql_seconds and publishing.sql_memory_bytes are its limits",
            ) from error

    return None, decide


def _compared(rule: Rule, found: Any) -> Finding:
    bound = Bound.of(rule)
    value = str(found) if isinstance(found, date) and isinstance(bound.value, str) else found
    shown = value if isinstance(value, bool | int | float | str | None) else str(value)
    if bound.holds(value):
        return Finding(rule, Outcome.PASSED, measured=shown)
    message = f"measured {'nothing' if shown is None else shown}, wanted {bound}"
    return Finding(rule, Outcome.FAILED, 1, message=message, measured=shown)


@dataclass(frozen=True, slots=True)
class Scanned:
    """Accepted rows as Arrow streams: DuckDB asks for one to learn the types, and one a scan."""

    accepted: StagedRows
    columns: Sequence[str]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows from the first on. Nothing is read before the first batch is asked for."""
        names = list(self.columns)
        schema = self.accepted.frame.select(names).collect_schema()
        arrow = pl.DataFrame(schema=schema).to_arrow().schema
        reader = pa.RecordBatchReader.from_batches(arrow, self._batches(names, arrow))
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self, names: list[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for frame in self.accepted.frames(names):
            yield from frame.to_arrow().cast(schema).to_batches()
