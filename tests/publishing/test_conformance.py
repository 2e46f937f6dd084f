"""Batches become the contract's columns without changing a value, or refuse and say where."""

import mmap
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from mesh.contracts.arrow import arrow_type, normal_type, type_name
from mesh.contracts.model import Column, Contract, Version
from mesh.publishing.conformance import Conformance, LossyCastError
from tests.contracts.test_arrow import WIDENINGS, pair


def conformance(**types: str) -> Conformance:
    columns = tuple(Column(name, kind) for name, kind in types.items())
    return Conformance(Contract("Promised", Version(1, 0, 0), "", columns, ()))


def conformed(promised: str, values: pa.Array, offset: int = 0) -> pa.Array:
    batch = pa.RecordBatch.from_arrays([values], names=["value"])
    return conformance(value=promised).logical(batch, offset).rows.column("value")


def test_columns_are_put_into_the_contracts_order_and_others_left_out():
    batch = pa.RecordBatch.from_pydict({"c": [1], "b": ["x"], "a": [True]})
    assert conformance(a="boolean", c="int64").logical(batch, 0).rows.to_pydict() == {
        "a": [True],
        "c": [1],
    }


@pytest.mark.parametrize("types", WIDENINGS, ids=pair)
def test_whatever_may_be_widened_can_be(types):
    found, promised = types
    assert conformed(type_name(promised), pa.array([None], found)).to_pylist() == [None]


MORNING = datetime(2013, 7, 1, 8, tzinfo=UTC)
TEXTS = ["ß", None, "", "ß"]
SAME = [
    ("int64", pa.array([2**32 - 1], pa.uint32()), [2**32 - 1]),
    ("float64", pa.array([-(2**31)], pa.int32()), [-(2.0**31)]),
    ("decimal(12,4)", pa.array([Decimal("1.25")], pa.decimal128(5, 2)), [Decimal("1.2500")]),
    ("timestamp", pa.array([MORNING], pa.timestamp("s", tz="America/New_York")), [MORNING]),
    ("timestamp", pa.array([MORNING], pa.timestamp("ns", tz="UTC")), [MORNING]),
    ("duration", pa.array([3], pa.duration("s")), [timedelta(seconds=3)]),
    ("string", pa.array(TEXTS, pa.string_view()), TEXTS),
    ("string", pa.array(TEXTS).dictionary_encode(), TEXTS),
    ("string", pa.array(["x" * 10_000_000], pa.large_string()), ["x" * 10_000_000]),
    ("list<string>", pa.array([TEXTS, None], pa.large_list(pa.large_string())), [TEXTS, None]),
    ("list<int64>", pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), [[1, 2], None]),
    ("struct<x: int64>", pa.array([{"x": 1}, None], pa.struct({"x": pa.int8()})), [{"x": 1}, None]),
]


@pytest.mark.parametrize(
    ("promised", "values", "expected"), SAME, ids=[f"{v.type} to {name}" for name, v, _ in SAME]
)
def test_a_widened_value_is_the_same_value(promised, values, expected):
    assert conformed(promised, values).to_pylist() == expected
    assert normal_type(conformed(promised, values).type) == arrow_type(promised)


@pytest.mark.parametrize(
    ("promised", "values"),
    [
        ("timestamp", pa.array([1_000, 1_001], pa.timestamp("ns", tz="UTC"))),
        ("local_timestamp", pa.array([1], pa.timestamp("ns"))),
        ("duration", pa.array([1], pa.duration("ns"))),
        ("timestamp", pa.array([2**60], pa.timestamp("s", tz="UTC"))),
        ("duration", pa.array([2**60], pa.duration("s"))),
        ("date", pa.array([86_400_001], pa.date64())),
    ],
    ids=str,
)
def test_a_value_that_would_change_stops_everything_and_says_where(promised, values):
    with pytest.raises(LossyCastError) as caught:
        conformed(promised, values, offset=5_000)
    assert caught.value.difference.column == "value"
    assert caught.value.difference.found == str(values.type)
    assert "a value from row 5,000 on would be changed" in caught.value.difference.hint


@pytest.mark.parametrize("data_type", [pl.Enum(["x", "ß"]), pl.Categorical], ids=str)
def test_text_that_polars_keeps_as_numbers_is_text(data_type):
    values = pl.Series("value", ["x", None, "ß"], dtype=data_type).to_frame().to_arrow()
    (batch,) = values.to_batches()
    found = conformance(value="string").logical(batch, 0).rows.column("value")
    assert found.to_pylist() == ["x", None, "ß"]
    nested = pl.Series("value", [["x", None], []], dtype=pl.List(data_type)).to_frame().to_arrow()
    (batch,) = nested.to_batches()
    found = conformance(value="list<string>").logical(batch, 0).rows.column("value")
    assert found.to_pylist() == [["x", None], []]


def test_a_slice_of_a_column_beyond_two_gibibytes_is_still_short_text():
    size = 2**31 + 64
    with tempfile.TemporaryFile() as file:
        file.truncate(size)  # sparse: takes no space
        data = pa.py_buffer(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
        offsets = pa.py_buffer(np.array([0, 2**31 + 10, 2**31 + 12, 2**31 + 15], dtype=np.int64))
        values = pa.LargeStringArray.from_buffers(3, offsets, data)
        assert conformed("string", values.slice(1)).to_pylist() == ["\0\0", "\0\0\0"]


def test_what_is_stored_comes_back_as_what_was_promised():
    here = conformance(delay="duration", name="string")
    rows = pl.DataFrame({"delay": [timedelta(microseconds=7), None], "name": ["ä", None]})
    (arrow,) = rows.to_arrow().to_batches()
    stored = here.stored(here.logical(arrow, 0))
    assert stored.cast(here.stored_schema).to_pydict() == stored.to_pydict()
    assert stored.column("delay").to_pylist() == [7, None]
    assert here.restored(pl.DataFrame(stored).lazy()).collect().equals(rows)


def test_a_rejected_row_is_stored_with_where_it_came_from():
    here = conformance(delay="duration")
    rows = pl.DataFrame(
        {
            "delay": [timedelta(microseconds=7)],
            "_mesh_rules": [["delay_is_short"]],
            "_mesh_row": [4],
            "_mesh_run": ["run"],
            "_mesh_publication": ["publication"],
            "_mesh_rejected_at": [datetime(2013, 1, 1, tzinfo=UTC)],
        }
    )
    (stored,) = here.rejected(rows)
    assert stored.schema.equals(here.quarantine_schema)
    assert stored.to_pylist() == [{**rows.to_dicts()[0], "delay": 7}]
