"""Data through the gate, and no further: a verdict, and nothing is written.

Owns what a publication and a mere look have in common: the gate and its threads.
Rules on the whole set are decided by reading the rows again, where a publication reads its stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mesh.contracts.arrow import Difference, arrow_schema, differences
from mesh.contracts.locked import Limits
from mesh.contracts.model import Contract
from mesh.contracts.verdict import Finding, Verdict
from mesh.products.declaration import DataProduct
from mesh.publishing.conformance import Conformance, LossyCastError
from mesh.publishing.gate import Gate
from mesh.publishing.pipeline import Pipeline
from mesh.publishing.refusing import refused_columns
from mesh.publishing.set_parts import References, StagedRows
from mesh.publishing.source import batches_of, source_of
from mesh.settings import PublishingSettings


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate found. `rows` are all in the contract's types, `accepted` those that passed.

    They are read again when they are needed. None where columns are not the contract's: then no row
    was looked at.
    """

    verdict: Verdict
    rows: pl.LazyFrame | None = None
    accepted: pl.LazyFrame | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """How data is judged: against which contract, and with what.

    `tolerance` is the share of rows that may break rules, where they `can_quarantine`; `earlier`
    was found before the gate. `references` are as `publish` has them.
    """

    product: DataProduct
    contract: Contract
    settings: PublishingSettings
    references: References = field(default_factory=dict)
    earlier: Sequence[Finding] = ()
    tolerance: float = 0.0
    can_quarantine: bool = False

    def judge(self, data: Any, again: pl.LazyFrame) -> Judged:
        """The verdict on an Arrow producer. `again` gives the same rows another time.

        Raises TransformError when the producer fails midway, and GateError.
        """
        source = source_of(data, batch_rows=self.settings.batch_rows)
        with source.cleanup:
            if different := differences(self.contract, source.schema):
                return Judged(refused_columns(different))
            with closing(self._gate()) as gate:
                pipeline = Pipeline(gate, Conformance(self.contract), self.settings.workers)
                lost = _lost(pipeline, batches_of(source, batch_rows=self.settings.batch_rows))
                if lost is not None:
                    return Judged(refused_columns([lost]))
                rows = self._typed(again)
                accepted = rows.filter(gate.keeps) if gate.rejected else rows
                verdict = gate.finish(
                    StagedRows(accepted, self.contract.column_names),
                    tolerance=self.tolerance,
                    can_quarantine=self.can_quarantine,
                    earlier=self.earlier,
                )
        return Judged(verdict, rows, accepted)

    def _gate(self) -> Gate:
        settings = self.settings
        return Gate(
            self.contract,
            references=self.references,
            key_memory_bytes=settings.key_memory_bytes,
            extra_rules=self.product.write_rules,
            limits=Limits(settings.sql_memory_bytes, settings.sql_seconds, settings.workers),
            own=str(self.product.id),
        )

    def _typed(self, again: pl.LazyFrame) -> pl.LazyFrame:
        types = pl.DataFrame(arrow_schema(self.contract).empty_table()).schema
        return again.select(pl.col(name).cast(kind) for name, kind in types.items())


def _lost(pipeline: Pipeline, batches: Any) -> Difference | None:
    """What a cast would have lost, if anything."""
    try:
        return pipeline.run(batches)
    except LossyCastError as error:  # the first batches are asked for outside of the run
        return error.difference
