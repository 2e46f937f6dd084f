"""Keys as numbers: as exact as a comparison by value."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.publishing.modes.packing import PackedKeys

FAR = [-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 2**31, 2**63 - 1]
numbers = st.one_of(st.integers(-4, 4), st.sampled_from(FAR))
days = st.integers(-3, 3).map(lambda n: dt.date(1970, 1, 1) + dt.timedelta(days=n))
rows = st.lists(st.tuples(numbers, days), max_size=40)
SCHEMA = {"a": pl.Int64, "b": pl.Date}


@settings(max_examples=300, deadline=None)
@given(rows, st.lists(st.tuples(st.none() | numbers, st.none() | days), max_size=60))
def test_stored_keys_are_found_as_by_a_comparison_of_values(new, stored):
    keys = pl.DataFrame(new, schema=SCHEMA, orient="row")
    there = pl.DataFrame(stored, schema=SCHEMA, orient="row")
    packed = PackedKeys.of(keys)
    if packed is None:
        widths = [keys[name].to_physical() for name in SCHEMA] if new else []
        assert not new or (widths[0].max() - widths[0].min() + 1) * 7 > 2**58
        return
    expected = [number for number, row in enumerate(stored) if row in set(new)]
    assert packed.found_in(there).tolist() == expected


@pytest.mark.parametrize("step", [1, 10**9])
def test_close_and_distant_keys_are_found(step):
    keys = pl.DataFrame({"a": [n * step for n in range(0, 1_000, 3)]})
    stored = pl.DataFrame({"a": [n * step for n in range(-10, 1_010)]})
    found = PackedKeys.of(keys).found_in(stored)
    assert stored["a"].gather(found).to_list() == keys["a"].to_list()


@pytest.mark.parametrize(
    "values",
    [["x"], [1.0], [True], [None, 1], pl.Series([1], dtype=pl.Decimal(9, 2)), pl.Series([], dtype=pl.Int64)],
    ids=repr,
)  # fmt: skip
def test_other_keys_are_compared_by_value(values):
    assert PackedKeys.of(pl.DataFrame({"a": values})) is None
