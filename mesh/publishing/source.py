"""What a transform may return: any Arrow producer, as one stream of record batches.

Owns the way from a Polars frame or lazy frame, an Arrow table, reader, dataset or batch, a pandas
frame, a DuckDB relation, or anything with `__arrow_c_stream__`, to batches of a size that the gate
works well with. Copies no data where the producer can hand it over.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import polars as pl
import pyarrow as pa

from mesh.errors import MeshError, TransformError, UnsupportedDataError
from mesh.lake.streaming import batches_of_frame

MAX_BATCH_BYTES = 256 * 1024 * 1024
"""A batch larger than this is halved until it is not; a single row is never split."""


@runtime_checkable
class ArrowProducer(Protocol):
    """Anything that can hand over its rows as an Arrow stream."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream, as the Arrow PyCapsule interface says."""


@dataclass(frozen=True, slots=True)
class Source:
    """A schema and its batches. `batches` is called once."""

    schema: pa.Schema
    batches: Callable[[], Iterable[pa.RecordBatch]]
    cleanup: AbstractContextManager[Any]


def source_of(data: Any, *, batch_rows: int) -> Source:
    """The stream of what a transform returned.

    Raises UnsupportedDataError when it is not an Arrow producer, and TransformError with the cause
    when asking for its schema fails (a lazy frame resolves its columns only then).
    """
    with transform_errors():
        return _source_of(data, batch_rows)


def _source_of(data: Any, batch_rows: int) -> Source:
    if isinstance(data, pl.LazyFrame):
        schema = _as_it_is(pl.DataFrame(schema=data.collect_schema())).schema
        frames = lambda: _polars_batches(data, batch_rows)  # noqa: E731
        return Source(schema, frames, nullcontext())
    if isinstance(data, pl.DataFrame):
        frame = data
        schema = _as_it_is(frame.clear()).schema
        return Source(
            schema, lambda: _as_it_is(frame).to_batches(max_chunksize=batch_rows), nullcontext()
        )
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if isinstance(data, type | pl.Series | pa.ChunkedArray):
        raise _unsupported(data)
    if hasattr(data, "to_reader") and hasattr(data, "schema"):
        table = data
        return Source(
            table.schema, lambda: table.to_batches(max_chunksize=batch_rows), nullcontext()
        )
    if hasattr(data, "scanner") and hasattr(data, "schema"):
        dataset = data
        return Source(
            dataset.schema, lambda: dataset.to_batches(batch_size=batch_rows), nullcontext()
        )
    if type(data).__module__.partition(".")[0] == "pandas":
        return _pandas_source(data, batch_rows)
    if isinstance(data, pa.RecordBatchReader):  # as it is: a C stream would hide what it raises
        return Source(data.schema, lambda: data, data)
    if hasattr(data, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(data)
        return Source(reader.schema, lambda: reader, reader)
    raise _unsupported(data)


def _polars_batches(frame: pl.LazyFrame, batch_rows: int) -> Iterator[pa.RecordBatch]:
    for piece in batches_of_frame(frame, chunk_size=batch_rows):
        yield from _as_it_is(piece).to_batches(max_chunksize=batch_rows)


def _as_it_is(frame: pl.DataFrame) -> pa.Table:
    """Polars' own arrays, texts as views, without a copy."""
    return frame.to_arrow(compat_level=pl.CompatLevel.newest())


def _pandas_source(frame: Any, batch_rows: int) -> Source:
    if not hasattr(frame, "columns"):
        raise _unsupported(frame)
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return Source(table.schema, lambda: table.to_batches(max_chunksize=batch_rows), nullcontext())


def batches_of(source: Source, *, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """The source's batches, small ones joined, none of more rows or bytes than it may have.

    Raises TransformError, with the cause, when the producer fails midway.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in _guarded(source.batches):
        for piece in _sliced(batch, batch_rows):
            if not waiting and 2 * piece.num_rows >= batch_rows:  # large enough by itself
                yield piece
                continue
            own = _size(piece)
            is_full = rows + piece.num_rows > batch_rows or size + own > MAX_BATCH_BYTES
            if waiting and is_full:
                yield _joined(waiting)
                waiting, rows, size = [], 0, 0
            waiting.append(piece)
            rows += piece.num_rows
            size += own
    if waiting:
        yield _joined(waiting)


def _guarded(batches: Callable[[], Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    with transform_errors():
        iterator = iter(batches())
    while True:
        with transform_errors():
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


class transform_errors(AbstractContextManager[None]):  # noqa: N801 -- reads as a statement
    """Whatever a domain's own code raises becomes TransformError, with the cause chained.

    A domain's function may raise anything: this is the border at which it becomes Mesh's error, and
    it holds only calls into that function and its stream.
    """

    def __exit__(self, _: object, error: BaseException | None, trace: TracebackType | None) -> None:
        """Translate."""
        is_theirs = isinstance(error, Exception | pl.exceptions.PanicException)  # Polars panics
        if is_theirs and not isinstance(error, MeshError):
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            place = _place_in_domain(trace)
            raise TransformError(
                f"the transform failed{place}: {type(error).__name__}: {text}",
                hint="call the function in a test with a small frame",
            ) from error


def _place_in_domain(trace: TracebackType | None) -> str:
    """Where in the domain's own code an exception comes from; empty when only libraries tell."""
    own = str(Path(__file__).parents[1])
    for frame in reversed(traceback.extract_tb(trace)):
        is_library = frame.filename.startswith((own, sys.prefix, sys.base_prefix))
        if frame.filename.endswith(".py") and not is_library:
            return f" at {Path(frame.filename).name}:{frame.lineno}"
    return ""


def _sliced(batch: pa.RecordBatch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, batch_rows):
        yield from _bounded(batch.slice(start, batch_rows))


def _bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    is_small = batch.nbytes <= MAX_BATCH_BYTES or _size(batch) <= MAX_BATCH_BYTES
    if is_small or batch.num_rows < 2:  # noqa: PLR2004 -- one row is whole
        yield batch
        return
    half = batch.num_rows // 2
    yield from _bounded(batch.slice(0, half))
    yield from _bounded(batch.slice(half))


def _size(batch: pa.RecordBatch) -> int:
    """Bytes of a batch's own rows: Arrow counts the whole buffers that views of texts share."""
    views = [n for n, field in enumerate(batch.schema) if _has_views(field.type)]
    if not views:
        return int(batch.nbytes)
    plain = sum(batch.column(n).nbytes for n in range(batch.num_columns) if n not in views)
    return int(plain + pl.DataFrame(batch.select(views)).estimated_size())


def _has_views(data_type: pa.DataType) -> bool:
    if pa.types.is_string_view(data_type) or pa.types.is_binary_view(data_type):
        return True
    if pa.types.is_dictionary(data_type):
        return False
    return any(_has_views(data_type.field(n).type) for n in range(data_type.num_fields))


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)


def _unsupported(data: object) -> UnsupportedDataError:
    return UnsupportedDataError(
        f"a transform returned {type(data).__name__}, which is not a table of rows",
        hint="return a Polars frame or lazy frame, an Arrow table or reader, a pandas frame, "
        "a DuckDB relation, or anything with __arrow_c_stream__",
    )
