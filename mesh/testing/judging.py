"""What the real gate says of a frame, in memory.

Owns the way from a frame to the verdict that `publish` would reach on it, without a table: columns
and types first, then every rule. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference, differences
from mesh.contracts.model import Contract, Rule
from mesh.contracts.verdict import Outcome, Verdict
from mesh.publishing.conformance import Conformance, LossyCastError
from mesh.publishing.gate import Gate
from mesh.publishing.set_parts import StagedRows
from mesh.publishing.source import batches_of, source_of

_BATCH_ROWS = 65_536
_KEY_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Judge:
    """The gate of one contract. `known` are the rows that it refers to, by a rule's `to`.

    `own` is the product itself, `extra_rules` those of its write mode. A reference to what is not
    known is skipped, and is no failure here.
    """

    contract: Contract
    known: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    own: str = ""
    extra_rules: Sequence[Rule] = ()

    def verdict(self, data: Any) -> Verdict:
        """The gate's verdict on any Arrow producer. Raises GateError, TransformError."""
        source = source_of(data, batch_rows=_BATCH_ROWS)
        with source.cleanup:
            found = differences(self.contract, source.schema)
            if found:
                return _refused(found)
            try:
                return self._gated(batches_of(source, batch_rows=_BATCH_ROWS))
            except LossyCastError as error:
                return _refused((error.difference,))

    def _gated(self, batches: Any) -> Verdict:
        conformance = Conformance(self.contract)
        gate = Gate(
            self.contract,
            references=self.known,
            key_memory_bytes=_KEY_MEMORY,
            extra_rules=self.extra_rules,
            own=self.own,
        )
        schema, stored, offset = conformance.stored_schema, [], 0
        try:
            for rows in batches:
                batch = conformance.logical(rows, offset)
                offset += rows.num_rows
                checked = gate.check(batch)
                stored.append(conformance.stored(batch, checked.keeps).cast(schema))
            table = pl.DataFrame(pa.Table.from_batches(stored, schema))
            accepted = conformance.restored(table.lazy())
            return gate.finish(
                StagedRows(accepted, self.contract.column_names),
                tolerance=0.0,
                can_quarantine=False,
            )
        finally:
            gate.close()

    def broken(self, data: Any) -> tuple[Rule, ...]:
        """The rules that data breaks, of whatever severity."""
        found = self.verdict(data).findings
        return tuple(item.rule for item in found if item.outcome is Outcome.FAILED)


def _refused(found: tuple[Difference, ...]) -> Verdict:
    reason = "its columns are not those of the contract"
    return Verdict(0, 0, 0, (), differences=found, reasons=(reason,))
