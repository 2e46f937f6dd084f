"""Whatever a transform may return becomes one stream of batches; whatever it may not is named."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import TransformError, UnsupportedDataError
from mesh.publishing import source as source_module
from mesh.publishing.source import ArrowProducer, Source, batches_of, source_of

VALUES = list(range(10))
TABLE = pa.table({"a": pa.array(VALUES, pa.int64()), "ä": [f"ß{n}" for n in VALUES]})


class Exporting:
    """Nothing that Mesh knows, with Arrow's own way of handing over a stream."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def relation() -> duckdb.DuckDBPyRelation:
    return duckdb.connect().sql("select range as a, 'ß' || range as ä from range(10)")


PRODUCERS: dict[str, Callable[[], Any]] = {
    "a Polars frame": lambda: pl.DataFrame(TABLE),
    "a frame of many chunks": lambda: pl.concat(pl.DataFrame(TABLE).iter_slices(3), rechunk=False),
    "a lazy frame": lambda: pl.LazyFrame(TABLE),
    "an Arrow table": lambda: TABLE,
    "an Arrow table of many chunks": lambda: pa.concat_tables(
        [TABLE.slice(0, 1), TABLE.slice(1, 7), TABLE.slice(8)]
    ),
    "an Arrow reader": TABLE.to_reader,
    "an Arrow batch": lambda: TABLE.to_batches()[0],
    "an Arrow dataset": lambda: pa.dataset.dataset(TABLE),
    "a pandas frame": TABLE.to_pandas,
    "a pandas frame with Arrow's types": lambda: TABLE.to_pandas(types_mapper=pd.ArrowDtype),
    "a DuckDB relation": relation,
    "anything that exports a stream": lambda: Exporting(TABLE),
}


def taken(data: Any, batch_rows: int = 4) -> list[pa.RecordBatch]:
    return list(batches_of(source_of(data, batch_rows=batch_rows), batch_rows=batch_rows))


@pytest.mark.parametrize("name", PRODUCERS)
def test_every_producer_gives_its_rows_in_order_and_in_batches(name):
    batches = taken(PRODUCERS[name]())
    assert all(0 < batch.num_rows <= 4 for batch in batches)
    assert [value for batch in batches for value in batch.column("a").to_pylist()] == VALUES
    assert batches[-1].column("ä").to_pylist()[-1] == "ß9"


@pytest.mark.parametrize("name", PRODUCERS)
def test_every_producer_tells_its_columns_before_any_row_is_made(name):
    source = source_of(PRODUCERS[name](), batch_rows=4)
    assert source.schema.names == ["a", "ä"]
    assert source.schema.field("a").type == pa.int64()
    assert all(batch.schema.names == ["a", "ä"] for batch in source.batches())


@pytest.mark.parametrize("name", PRODUCERS)
def test_every_producer_may_have_no_rows(name):
    made = PRODUCERS[name]()
    empty = made.limit(0) if name == "a DuckDB relation" else None
    if empty is None:
        empty = Exporting(TABLE[:0]) if isinstance(made, Exporting) else _emptied(made)
    assert taken(empty) == []
    assert source_of(empty, batch_rows=4).schema.names == ["a", "ä"]


def _emptied(made: Any) -> Any:
    if isinstance(made, pl.DataFrame | pl.LazyFrame):
        return made.clear()
    if isinstance(made, pa.RecordBatchReader):
        return TABLE[:0]
    if isinstance(made, pa.dataset.Dataset):
        return pa.dataset.dataset(TABLE[:0])
    return made[:0]


def test_an_exporter_is_an_arrow_producer_by_its_shape():
    assert isinstance(Exporting(TABLE), ArrowProducer)
    assert isinstance(pl.DataFrame(), ArrowProducer)
    assert not isinstance([], ArrowProducer)


def test_the_index_of_a_pandas_frame_is_no_column():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 8], name="hidden"))
    assert source_of(frame, batch_rows=4).schema.names == ["a"]


def test_names_of_pandas_columns_become_text():
    assert source_of(pd.DataFrame([[1, 2]]), batch_rows=4).schema.names == ["0", "1"]


def test_two_columns_of_one_name_come_through_to_be_told():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert source_of(table, batch_rows=4).schema.names == ["a", "a"]


@pytest.mark.parametrize(
    "data",
    [
        None, [1], {"a": [1]}, "a", 5, pl.Series([{"a": 1}]), pd.Series([1]),
        pa.array([1]), pa.chunked_array([[1]]), pa.array([{"a": 1}]), TABLE.schema,
        (row for row in [1]), iter(TABLE.to_batches()), pl.DataFrame, pl.col("a"), lambda: TABLE,
        pd.Index([1]),
    ],
    ids=lambda data: type(data).__module__ + "." + type(data).__name__,
)  # fmt: skip
def test_what_is_no_table_of_rows_is_refused_with_what_is(data):
    with pytest.raises(UnsupportedDataError, match=r"which is not a table of rows") as caught:
        source_of(data, batch_rows=4)
    assert type(data).__name__ in caught.value.what
    assert "return a Polars frame or lazy frame" in caught.value.hint


def test_a_lazy_frame_that_does_not_resolve_is_the_transforms_failure():
    with pytest.raises(TransformError, match=r"the transform failed.*: ColumnNotFound") as caught:
        source_of(pl.LazyFrame({"a": [1]}).select("b"), batch_rows=4)
    assert isinstance(caught.value.__cause__, pl.exceptions.ColumnNotFoundError)


def test_a_pandas_frame_of_mixed_values_is_the_transforms_failure():
    with pytest.raises(TransformError, match=r"the transform failed.*: Arrow"):
        source_of(pd.DataFrame({"a": [1, "x"]}), batch_rows=4)


class OutOfPaperError(Exception):
    """What a domain's own code might raise."""


def failing_reader() -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise OutOfPaperError("tray 2")

    return pa.RecordBatchReader.from_batches(TABLE.schema, batches())


def failing_lazily() -> pl.LazyFrame:
    def fail(frame: pl.DataFrame) -> pl.DataFrame:
        raise OutOfPaperError("tray 2")

    return pl.LazyFrame(TABLE).map_batches(fail, schema=pl.DataFrame(TABLE).schema)


@pytest.mark.parametrize("make", [failing_reader, failing_lazily])
def test_a_producer_that_raises_halfway_is_the_transforms_failure_with_the_cause(make):
    with pytest.raises(
        TransformError, match=r"failed at test_source.py:\d+: OutOfPaperError: tray 2"
    ):
        taken(make())


def test_a_relation_that_fails_halfway_is_the_transforms_failure():
    failing = duckdb.connect().sql(
        "select case when range < 9 then range else error('out of paper') end as a from range(10)"
    )
    with pytest.raises(TransformError, match="out of paper"):
        taken(failing)


def test_what_came_before_the_failure_was_given():
    batches = batches_of(source_of(failing_reader(), batch_rows=4), batch_rows=4)
    assert [next(batches).num_rows for _ in range(3)] == [4, 4, 2]
    with pytest.raises(TransformError):
        next(batches)


def test_someone_who_interrupts_is_not_called_a_failing_transform():
    def batches() -> Iterator[pa.RecordBatch]:
        raise KeyboardInterrupt
        yield

    source = Source(TABLE.schema, batches, nullcontext())
    with pytest.raises(KeyboardInterrupt):
        list(batches_of(source, batch_rows=4))


def test_rows_are_made_only_as_they_are_asked_for():
    made = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(100):
            made.append(number)
            yield pa.RecordBatch.from_pydict({"a": [number] * 4})

    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
    stream = batches_of(source_of(reader, batch_rows=4), batch_rows=4)
    next(stream)
    next(stream)
    assert len(made) <= 4


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 20))
def test_batches_are_joined_and_split_so_that_none_has_too_many_rows_or_needlessly_few(
    sizes, batch_rows
):
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    batches = [
        pa.RecordBatch.from_pydict({"a": list(range(start, start + size))})
        for start, size in zip(starts, sizes, strict=True)
        if size
    ]
    source = Source(pa.schema({"a": pa.int64()}), lambda: batches, nullcontext())
    found = list(batches_of(source, batch_rows=batch_rows))
    assert [v for b in found for v in b.column("a").to_pylist()] == list(range(sum(sizes)))
    assert all(0 < batch.num_rows <= batch_rows for batch in found)
    for first, second in pairwise(found):
        assert 2 * (first.num_rows + second.num_rows) > batch_rows


def test_a_batch_of_many_bytes_is_halved_until_it_is_not_and_not_joined_again(monkeypatch):
    monkeypatch.setattr(source_module, "MAX_BATCH_BYTES", 10_000)
    table = pa.table({"text": ["x" * 900] * 64})
    batches = taken(table, batch_rows=1_000)
    assert sum(batch.num_rows for batch in batches) == 64
    assert all(batch.nbytes <= 10_000 for batch in batches)
    assert len(batches) == 8


def test_small_batches_of_large_rows_are_joined_only_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(source_module, "MAX_BATCH_BYTES", 10_000)
    table = pa.concat_tables([pa.table({"text": ["x" * 4_000]}) for _ in range(5)])
    assert [batch.num_rows for batch in taken(table, batch_rows=1_000)] == [2, 2, 1]


def test_one_row_is_never_split_however_long(monkeypatch):
    monkeypatch.setattr(source_module, "MAX_BATCH_BYTES", 1_000)
    batches = taken(pa.table({"text": ["y", "ä" * 1_000_000, "z"]}), batch_rows=1_000)
    assert [batch.column("text").to_pylist()[0][:1] for batch in batches] == ["y", "ä", "z"]


def test_a_whole_arrow_table_is_handed_over_without_a_copy():
    column = pa.array(range(100_000), pa.int64())
    batches = taken(pa.table({"a": column}), batch_rows=10_000)
    assert len(batches) == 10
    addresses = {batch.column("a").buffers()[1].address for batch in batches}
    assert addresses == {column.buffers()[1].address}


def test_rows_whose_texts_share_a_buffer_are_not_taken_one_by_one(monkeypatch):
    monkeypatch.setattr(source_module, "MAX_BATCH_BYTES", 100_000)
    texts = pl.DataFrame({"text": [f"{n:050}" for n in range(10_000)]}).rechunk()
    sizes = [b.num_rows for b in batches_of(source_of(texts, batch_rows=1_000), batch_rows=1_000)]
    assert sum(sizes) == 10_000
    assert min(sizes) >= 500
