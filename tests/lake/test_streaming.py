"""A lazy frame's rows, batch by batch: all of them, or an error."""

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from mesh.lake.streaming import batches_of_frame


def test_every_row_comes_once_and_in_order():
    frame = pl.LazyFrame({"n": range(10_000)})
    batches = list(batches_of_frame(frame, chunk_size=700))

    assert max(batch.height for batch in batches) <= 700
    assert pl.concat(batches)["n"].to_list() == list(range(10_000))


def test_what_the_engine_meets_is_raised_and_not_taken_for_the_end(tmp_path):
    for start in range(3):
        write_deltalake(tmp_path, pl.DataFrame({"n": [start]}), mode="append")
    torn = DeltaTable(tmp_path).file_uris()[1].removeprefix("file://")
    with Path(torn).open("r+b") as file:
        file.truncate(200)

    with pytest.raises(pl.exceptions.PanicException):
        list(batches_of_frame(pl.scan_delta(str(tmp_path))))


def test_an_error_in_a_step_of_the_frame_is_raised_where_the_rows_are_taken():
    def fail(_: pl.Series) -> pl.Series:
        message = "not today"
        raise ValueError(message)

    frame = pl.LazyFrame({"n": [1]}).with_columns(pl.col("n").map_batches(fail, pl.Int64))
    with pytest.raises((ValueError, pl.exceptions.ComputeError), match="not today"):
        list(batches_of_frame(frame))


def test_whoever_stops_early_stops_the_engine():
    taken = []
    frame = pl.LazyFrame({"n": range(1_000_000)}).map_batches(lambda df: taken.append(1) or df)
    stream = batches_of_frame(frame, chunk_size=1_000)
    assert next(stream).height == 1_000
    stream.close()
