"""What a transform made, kept in a folder of one's own for as long as it is looked at.

Owns reading a stream more than once where a publication has its stage, in bounded memory. Rows that
only delete are told from the others here, too, as the write path does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference, arrow_schema
from mesh.lake import Table
from mesh.products.declaration import DataProduct
from mesh.products.modes import SlowlyChanging, Upsert
from mesh.publishing.conformance import LossyCastError
from mesh.publishing.modes import Incoming
from mesh.publishing.modes.deletes import Deletes
from mesh.publishing.source import Source, batches_of
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings

_NOBODY = "0" * 32


@dataclass(frozen=True, slots=True)
class Spooled:
    """Rows in a file. With `different` columns they are as they came, else the contract's columns.

    `deleted` are the keys of rows that delete; None when there are none.
    """

    file: Path
    different: tuple[Difference, ...] = ()
    deleted: pl.LazyFrame | None = None

    def table(self) -> pa.Table:
        """The rows in the very types that they came in. They stay in the file."""
        return pa.ipc.open_file(pa.memory_map(str(self.file))).read_all()

    def rows(self) -> pl.LazyFrame:
        """The same rows, read when they are needed."""
        return pl.scan_ipc(self.file)


def spooled(
    source: Source, product: DataProduct, folder: Path, settings: PublishingSettings
) -> Spooled:
    """Take a stream in. Raises TransformError when the producer fails midway, and GateError."""
    file = folder / "rows.arrow"
    batches = batches_of(source, batch_rows=settings.batch_rows)
    incoming = Incoming(product.contract, product.write)
    if different := incoming.differences(source.schema):
        _write(file, batches, source.schema, None)
        return Spooled(file, different)
    deletes = _deletes(product, incoming, folder, settings)
    incoming = replace(incoming, deletes=deletes)
    promised = product.contract.column_names
    try:
        _write(file, incoming.rows(batches), arrow_schema(product.contract), promised)
    except LossyCastError as error:
        return Spooled(file, (error.difference,))
    if deletes is None or not deletes.stage.files:
        return Spooled(file)
    return Spooled(file, deleted=deletes.without_written(deletes.stage.rows()))


def _deletes(
    product: DataProduct, incoming: Incoming, folder: Path, settings: PublishingSettings
) -> Deletes | None:
    mode = product.write
    if not isinstance(mode, Upsert | SlowlyChanging):
        return None
    stage = Stage(
        table=Table(str(folder / "deleted")),
        schema=Deletes.schema_of(product.contract, tuple(mode.on)),
        partition_by=(),
        publication=_NOBODY,
        file_bytes=settings.file_bytes,
    )
    return Deletes.on(stage, product.contract, is_feed=incoming.is_feed)


def _write(
    file: Path,
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    names: tuple[str, ...] | None,
) -> None:
    """Write batches, of which the first decides on the types; `schema` is for none at all."""
    first = next(batches, None)
    begun = _plain(first if first is not None else pa.RecordBatch.from_pylist([], schema), names)
    with pa.OSFile(str(file), "wb") as sink, closing(pa.ipc.new_file(sink, begun.schema)) as writer:
        writer.write_batch(begun)
        for batch in batches:
            writer.write_batch(_plain(batch, names))


def _plain(batch: pa.RecordBatch, names: tuple[str, ...] | None) -> pa.RecordBatch:
    """The columns of these names, without dictionaries, which a file has one of for all batches."""
    chosen = batch if names is None else batch.select(list(names))
    columns = [_decoded(values) for values in chosen.columns]
    return pa.RecordBatch.from_arrays(columns, names=_distinct(chosen.schema.names))


def _decoded(values: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(values.type):
        return values
    try:
        return values.dictionary_decode()
    except pa.ArrowNotImplementedError:  # of string views, which is how Polars exports an Enum
        return pl.Series(values).cast(pl.String).to_arrow()


def _distinct(names: list[str]) -> list[str]:
    """Names of which none comes twice: a result may have them so, and is refused for it."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
