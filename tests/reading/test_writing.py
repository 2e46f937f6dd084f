"""A few rows are written as JSON by Python, and many by Polars: the same bytes."""

import io
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.reading import writing

INTEGERS = [pl.Int8, pl.Int64, pl.UInt8, pl.UInt64]


def bounds(kind):
    bits = int(str(kind).strip("UInt"))
    return (
        (0, 2**bits - 1) if str(kind).startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )


def columns():
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    digits = st.integers(-(10**17), 10**17)
    kinds = [
        st.tuples(st.just(pl.String), texts),
        st.tuples(st.just(pl.Boolean), st.booleans()),
        st.tuples(st.just(pl.Date), st.dates(date(1, 1, 1), date(9999, 12, 31))),
        st.tuples(st.just(pl.Decimal(18, 3)), digits.map(lambda n: Decimal(n).scaleb(-3))),
        *(st.tuples(st.just(k), st.integers(*bounds(k))) for k in INTEGERS),
    ]
    return st.lists(st.one_of(kinds), min_size=1, max_size=5)


@given(columns(), st.integers(0, 3))
def test_a_few_rows_are_written_as_many_are(found, nulls):
    frame = pl.DataFrame(
        [
            pl.Series(
                f"c {n}\N{LATIN SMALL LETTER E WITH ACUTE}", [value] + [None] * nulls, dtype=kind
            )
            for n, (kind, value) in enumerate(found)
        ]
    )
    assert as_json(frame) == as_json(frame.lazy())


@pytest.mark.parametrize("value", [1.5, b"\x00", [1], {"a": 1}])
def test_what_python_writes_otherwise_is_left_to_polars(value):
    frame = pl.DataFrame({"a": [value]})
    assert as_json(frame) == as_json(frame.lazy())


def test_no_rows_are_an_empty_array():
    assert as_json(pl.DataFrame({"a": [1]}).clear()) == b"[\n]\n"


def as_json(frame):
    stream = io.BytesIO()
    writing.FORMATS["json"](frame, stream)
    return stream.getvalue()
