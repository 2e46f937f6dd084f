"""Rows on their way out: CSV, JSON and Arrow, batch by batch.

Owns the formats, and how values are written that they have none for: bytes in base64, spans of time
as ISO 8601. Nothing is held but one batch, so that a product larger than memory passes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa

from mesh.errors import MeshError
from mesh.lake.streaming import batches_of_frame

BATCH_ROWS = 65_536
Rows = pl.LazyFrame | pl.DataFrame
"""Rows to be written: as they come, or held already."""
_FEW = 16
_AS_PYTHON = frozenset(
    {pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64}
) | {pl.String, pl.Boolean, pl.Date}
"""Types that Python writes in JSON as Polars does."""
_TIGHT: dict[str, Any] = {"separators": (",", ":")}
_UTC = "%Y-%m-%dT%H:%M:%S%.6fZ"


def write(frame: pl.LazyFrame, form: str, output: Path | None) -> None:
    """Write rows as `csv`, `json` (an array, one row a line) or `arrow` (an IPC stream).

    A file appears whole or not at all; without one, rows go to standard output.
    """
    with _opened(output) as stream:
        FORMATS[form](frame, stream)


def _csv(frame: Rows, stream: BinaryIO) -> None:
    plain = _plain(frame)
    kinds = plain.collect_schema()
    flat = plain.with_columns(
        *(_as_text(name) for name, kind in kinds.items() if kind.is_nested()),
        *(pl.col(n).dt.to_string("iso") for n, kind in kinds.items() if kind == pl.Duration),
    )
    header = True
    for batch in _batches(flat):
        # As text first: a write by Polars itself loses the error number of a closed pipe.
        stream.write(batch.write_csv(include_header=header, datetime_format=_UTC).encode())
        header = False


def _json(frame: Rows, stream: BinaryIO) -> None:
    stream.write(b"[")
    separator = b"\n"
    for line in _json_lines(frame):
        stream.write(separator + line)
        separator = b",\n"
    stream.write(b"\n]\n")


def _json_lines(frame: Rows) -> Iterator[bytes]:
    """Each row as JSON. Polars starts its engine for it, which takes longer than a few rows do."""
    if isinstance(frame, pl.DataFrame) and frame.height <= _FEW:
        kinds = frame.schema.values()
        if all(kind in _AS_PYTHON or isinstance(kind, pl.Decimal) for kind in kinds):
            for row in frame.iter_rows():
                values = dict(zip(frame.columns, row, strict=True))
                yield json.dumps(values, default=_told, ensure_ascii=False, **_TIGHT).encode()
            return
    for batch in _batches(_plain(frame)):
        yield from batch.write_ndjson().encode().splitlines()


def _told(value: Any) -> str:
    """A date or a decimal as Polars writes it in JSON."""
    return value.isoformat() if isinstance(value, date) else format(value, "f")


def _arrow(frame: Rows, stream: BinaryIO) -> None:
    if stream.isatty():
        raise MeshError("Arrow is not for a terminal", hint="use `--output FILE`, or a pipe")
    compatible = pl.CompatLevel.oldest()
    schema = pl.DataFrame(schema=frame.collect_schema()).to_arrow(compat_level=compatible).schema
    with pa.ipc.new_stream(stream, schema) as writer:
        for batch in _batches(frame):
            writer.write_table(batch.to_arrow(compat_level=compatible).cast(schema))


FORMATS: dict[str, Callable[[Rows, BinaryIO], None]] = {
    "csv": _csv,
    "json": _json,
    "arrow": _arrow,
}
"""How rows are written as `csv`, `json` and `arrow`."""


def _batches(frame: Rows) -> Iterator[pl.DataFrame]:
    """The rows in order; at least one batch, so that a header is written."""
    count = 0
    batches = (
        frame.iter_slices(BATCH_ROWS)
        if isinstance(frame, pl.DataFrame)
        else batches_of_frame(frame, chunk_size=BATCH_ROWS)
    )
    for batch in batches:
        if batch.height:
            count += 1
            yield batch
    if not count:
        yield pl.DataFrame(schema=frame.collect_schema())


def _plain(frame: Rows) -> Rows:
    """The rows with bytes in base64, at any depth: Polars panics on them in JSON."""
    kinds = frame.collect_schema().items()
    encoded = [_in_base64(pl.col(name), kind) for name, kind in kinds if _has_bytes(kind)]
    return frame.with_columns(encoded) if encoded else frame


def _has_bytes(kind: object) -> bool:
    if isinstance(kind, pl.List | pl.Array):
        return _has_bytes(kind.inner)
    if isinstance(kind, pl.Struct):
        return any(_has_bytes(field.dtype) for field in kind.fields)
    return kind == pl.Binary


def _in_base64(values: pl.Expr, kind: object) -> pl.Expr:
    if isinstance(kind, pl.List | pl.Array):
        items = values.arr.to_list() if isinstance(kind, pl.Array) else values
        return items.list.eval(_in_base64(pl.element(), kind.inner))
    if isinstance(kind, pl.Struct):
        fields = [field for field in kind.fields if _has_bytes(field.dtype)]
        return values.struct.with_fields(
            _in_base64(pl.field(field.name), field.dtype).alias(field.name) for field in fields
        )
    return values.bin.encode("base64")


def _as_text(name: str) -> pl.Expr:
    """A list or struct as JSON text: CSV has no nested values."""
    wrapped = pl.struct(pl.col(name).alias("v")).struct.json_encode()
    return wrapped.str.strip_prefix('{"v":').str.strip_suffix("}").alias(name)


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    unfinished = output.with_name(f"{output.name}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            yield stream
        unfinished.replace(output)
    except OSError as error:
        raise MeshError(f"it cannot be written: {error.strerror}", where=str(output)) from error
    finally:
        unfinished.unlink(missing_ok=True)
