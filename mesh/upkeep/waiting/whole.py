"""A product's rules on the whole, asked of its table together with rows that are to come in."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import arrow_type
from mesh.contracts.model import Contract
from mesh.contracts.verdict import Verdict
from mesh.lake import Snapshot
from mesh.lake.streaming import batches_of_frame
from mesh.lake.unreadable import naming_damage
from mesh.products.declaration import DataProduct
from mesh.publishing.conformance import Conformance
from mesh.publishing.gate import Gate
from mesh.publishing.replaying import rules_of_the_whole
from mesh.publishing.set_parts import StagedRows
from mesh.settings import PublishingSettings


def broken_as_a_whole(
    product: DataProduct, published: Snapshot, rows: pl.DataFrame, settings: PublishingSettings
) -> Verdict | None:
    """What the table with these rows would break, of the rules on the whole; None for nothing.

    Reads the table only where there is such a rule.
    """
    contract = rules_of_the_whole(product.contract)
    extra = [rule for rule in product.write_rules if rule.check != "unique"]
    if not contract.rules:
        return None
    there = published.promised()
    known = there.collect_schema().names()
    whole = pl.concat(
        [
            there.select(
                pl.col(name) if name in known else _nulls(contract, name)
                for name in contract.column_names
            ),
            rows.lazy(),
        ],
        how="vertical_relaxed",
    )
    gate = Gate(contract, key_memory_bytes=settings.key_memory_bytes, extra_rules=extra)
    try:
        with naming_damage(published.table):
            for batch, offset in _batches(whole, settings.batch_rows):
                gate.check(Conformance(contract).logical(batch, offset))
            told = StagedRows(whole, contract.column_names)
            verdict = gate.finish(told, tolerance=0.0, can_quarantine=False)
    finally:
        gate.close()
    return None if verdict.is_accepted else verdict


def _batches(frame: pl.LazyFrame, rows: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    offset = 0
    for piece in batches_of_frame(frame):
        for batch in piece.to_arrow().to_batches(max_chunksize=rows):
            yield batch, offset
            offset += batch.num_rows


def _nulls(contract: Contract, name: str) -> pl.Expr:
    empty = pl.Series(pa.array([], arrow_type(contract.column(name).type)))
    return pl.lit(None, dtype=empty.dtype).alias(name)
