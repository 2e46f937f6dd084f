"""What a profile says is what Polars says of the same rows; what it estimates is near enough."""

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.contracts.profiling.kinds import LONGEST
from mesh.contracts.profiling.measuring import Measures, profile
from mesh.contracts.profiling.profile import QUANTILES, Profile
from mesh.contracts.profiling.sketches import SMALLEST

NEW_YORK = "America/New_York"
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
TYPES = {
    "int8": (pl.Int8, st.integers(-128, 127)),
    "int32": (pl.Int32, st.integers(-(2**31), 2**31 - 1)),
    "int64": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "float32": (pl.Float32, st.floats(width=32)),
    "float64": (pl.Float64, st.floats()),
    "string": (pl.String, st.text(max_size=6)),
    "boolean": (pl.Boolean, st.booleans()),
    "date": (pl.Date, st.dates()),
    "timestamp": (pl.Datetime("us", "UTC"), MOMENTS.map(lambda m: m.replace(tzinfo=dt.UTC))),
    "local_timestamp": (pl.Datetime("us"), MOMENTS),
    "duration": (pl.Duration("us"), st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999))),
    "decimal(9,2)": (pl.Decimal(9, 2), st.decimals(-9_999, 9_999, places=2)),
    "decimal(38,4)": (pl.Decimal(38, 4), st.decimals(-(10**30), 10**30, places=4)),
    "binary": (pl.Binary, st.binary(max_size=6)),
}


def measures(series, hidden=()):
    schema = pl.DataFrame({"x": series.clear()}).to_arrow().schema
    return Measures(schema, hidden)


def profiled(series, batches=1, threads=1, hidden=()):
    """A column measured in batches, by turns in several places, and merged."""
    found = [measures(series, hidden) for _ in range(threads)]
    table = pl.DataFrame({"x": series}).to_arrow().combine_chunks()
    rows = max(math.ceil(series.len() / batches), 1)
    for number, batch in enumerate(table.to_batches(max_chunksize=rows)):
        found[number % threads].add(batch, number * rows)
    first, *others = found
    for other in others:
        first.merge(other)
    return first.profile.columns[0]


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_counts_nulls_and_bounds_are_polars_own(kind, data):
    data_type, values = TYPES[kind]
    drawn = data.draw(st.lists(st.none() | values, max_size=40))
    series = pl.Series("x", drawn, dtype=data_type)
    found = profiled(series, data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)))

    known = series.fill_nan(None) if data_type.is_float() else series
    present = known.drop_nulls()
    assert found.type == kind
    assert found.nulls == known.null_count()
    assert found.distinct == present.n_unique()
    if kind == "binary":
        assert (found.low, found.high, found.top) == (None, None, ())
        return
    assert (found.low, found.high) == (present.min(), present.max())
    counted = sorted(dict(found.top).values(), reverse=True)
    assert counted == sorted(present.value_counts()["count"], reverse=True)[:5]
    assert sum(counted) <= present.len()


@given(
    st.lists(st.none() | st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(1, 3),
)
@settings(max_examples=50, deadline=None)
def test_mean_and_spread_are_those_of_all_rows(drawn, batches, threads):
    series = pl.Series("x", drawn, dtype=pl.Float64)
    found = profiled(series, batches, threads)

    present = series.fill_nan(None).drop_nulls()
    if not present.len():
        assert (found.mean, found.stddev) == (None, None)
        return
    assert found.mean == pytest.approx(present.mean(), abs=1e-6)
    assert found.stddev == pytest.approx(present.std(ddof=0), abs=1e-4)


def spread_of(rows, seed=1):
    """Numbers far apart, most of them different."""
    return pl.Series("x", np.random.default_rng(seed).normal(0, 1e9, rows))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("distinct", [100, SMALLEST - 1, 20_000, 300_000])
def test_distinct_values_are_estimated_within_five_standard_errors(distinct, threads):
    random = np.random.default_rng(distinct)
    whole = random.integers(-(2**62), 2**62, distinct)
    places = np.r_[np.arange(distinct), random.integers(0, distinct, 100_000)]
    for series in (
        pl.Series("x", whole[places]),
        pl.Series("x", whole[places].astype(np.float64)),
        pl.Series("x", whole)[places].cast(pl.String),
    ):
        true = series.n_unique()
        found = profiled(series, batches=9, threads=threads).distinct
        if distinct < SMALLEST:
            assert found == true
        else:
            assert found == pytest.approx(true, rel=5 / math.sqrt(SMALLEST))


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("rows", [1_000, 400_000])
def test_quantiles_are_within_the_rank_that_is_promised(rows, threads):
    series = spread_of(rows)
    found = profiled(series, batches=13, threads=threads)

    assert [share for share, _ in found.quantiles] == list(QUANTILES)
    for share, value in found.quantiles:
        rank = float((series <= value).sum()) / rows
        assert rank == pytest.approx(share, abs=0.016 if rows > 16_384 else 1.01 / rows)
    assert (found.low, found.high) == (series.min(), series.max())
    assert found.mean == pytest.approx(series.mean(), rel=1e-9)
    assert found.is_estimated == (rows > 16_384)


def test_a_column_that_gets_many_values_late_keeps_what_was_counted_before():
    few, many = pl.Series("x", [5.0] * 300_000), spread_of(100_000)
    series = pl.concat([few, many])
    for threads in (1, 2):
        found = profiled(series, batches=8, threads=threads)
        ((value, rows),) = found.top
        assert (value, rows) == (5.0, pytest.approx(300_000, rel=0.05))
        assert dict(found.quantiles)[0.5] == 5.0
        assert found.distinct == pytest.approx(100_001, rel=5 / math.sqrt(SMALLEST))


def test_a_frequent_value_among_many_is_found_in_the_sample():
    series = pl.concat([spread_of(80_000), pl.Series("x", [-1.0] * 20_000)]).sample(
        fraction=1, shuffle=True, seed=3
    )
    found = profiled(series, batches=5)
    ((value, rows),) = found.top
    assert (value, found.is_estimated) == (-1.0, True)
    assert rows == pytest.approx(20_000, rel=0.1)


def test_near_numbers_are_counted_exactly_however_many_there_are():
    days = pl.Series("x", np.random.default_rng(1).integers(0, 20_000, 200_000)).cast(pl.Int32)
    found = profiled(days.cast(pl.Date), batches=7, threads=2)
    assert found.distinct == days.n_unique()
    middle = days.sort()[math.ceil(0.5 * days.len()) - 1]
    assert dict(found.quantiles)[0.5] == dt.date(1970, 1, 1) + dt.timedelta(middle)
    assert not found.is_estimated


def test_lists_and_structs_are_counted_and_nothing_else():
    series = pl.Series("x", [{"a": [1]}, None, {"a": None}])
    found = profiled(series, batches=2)
    assert (found.nulls, found.distinct, found.low) == (1, None, None)


def test_zones_make_no_difference_to_a_moment():
    moment = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    local = pl.Series("x", [moment]).dt.convert_time_zone(NEW_YORK)
    assert profiled(local).low == moment


def test_texts_are_measured_in_characters_and_huge_ones_cut():
    series = pl.Series("x", ["", "ö", "ü" * 1_000_000])
    found = profiled(series)
    assert (found.lengths.least, found.lengths.most) == (0, 1_000_000)
    assert len(found.high) == LONGEST
    assert found.high.endswith("…")
    assert max(len(str(value)) for value, _ in found.top) == LONGEST


def test_half_of_true_is_a_share_of_a_half():
    found = profiled(pl.Series("x", [True, False, None, True, False]), batches=3)
    assert found.true_share == 0.5


@pytest.mark.parametrize("kind", TYPES)
def test_nothing_at_all_and_nothing_but_nulls_have_a_profile(kind):
    data_type, _ = TYPES[kind]
    for rows in (0, 3):
        found = profiled(pl.Series("x", [None] * rows, dtype=data_type), threads=2)
        assert (found.nulls, found.distinct, found.low, found.top) == (rows, 0, None, ())
        assert (found.mean, found.quantiles, found.lengths) == (None, (), None)


def test_what_is_kept_comes_back():
    series = pl.Series("x", [Decimal("1.25"), Decimal("2.50"), None])
    told = measures(series)
    told.add(pl.DataFrame({"x": series}).to_arrow().to_batches()[0], 0)
    plain = told.profile.as_json()
    assert Profile.from_json(plain).as_json() == plain
    assert plain["columns"][0]["mean"] == 1.875


def test_texts_told_as_dictionaries_are_the_same_texts():
    texts = pa.array(["b", None, "a", "b", "c"] * 300)
    rows = pa.record_batch({"x": texts})
    keeps = pl.Series([True, True, False, True, True] * 300)
    profiles = []
    for dictionaries in ({}, {"x": texts.dictionary_encode()}):
        for kept in (None, keeps):
            found = Measures(rows.schema, ())
            found.add(rows, 0, dictionaries=dictionaries, keeps=kept)
            profiles.append(found.profile)
    assert profiles[0] == profiles[2]
    assert profiles[1] == profiles[3]
    assert profiles[1].columns[0].top == (("b", 600), ("c", 300))


def test_rows_that_are_not_kept_are_not_measured():
    series = spread_of(50_000)
    rows = pl.DataFrame({"x": series}).to_arrow().combine_chunks().to_batches()[0]
    keeps = series > 0
    found = measures(series)
    found.add(rows, 0, keeps=keeps)
    (column,) = found.profile.columns
    assert found.profile.rows == keeps.sum()
    assert column.low == series.filter(keeps).min()
    assert column.mean == pytest.approx(series.filter(keeps).mean())


def test_of_a_hidden_column_no_value_is_told():
    series = pl.Series("x", ["planted"] * 5 + [None])
    found = profiled(series, hidden={"x"})
    assert (found.nulls, found.distinct, found.is_hidden) == (1, 1, True)
    assert "planted" not in repr(found)


def test_nought_is_a_value_like_any_other():
    whole = np.arange(-1_000, 1_000) * 2**40
    found = profiled(pl.Series("x", np.tile(whole, 50)), batches=3)
    assert found.distinct == 2_000


def test_types_that_no_contract_promises_have_a_profile_too():
    frame = pl.DataFrame(
        {
            "time": [dt.time(1), dt.time(2), None],
            "category": pl.Series(["b", "a", "b"], dtype=pl.Categorical),
            "choice": pl.Series(["b", "a", None], dtype=pl.Enum(["b", "a"])),
            "unsigned": pl.Series([2**64 - 1, 0, 0], dtype=pl.UInt64),
            "small": pl.Series([255, 0, 0], dtype=pl.UInt8),
        }
    )
    found = {c.name: c for c in profile(frame.schema, [frame]).columns}
    assert (found["time"].low, found["time"].high) == (dt.time(1), dt.time(2))
    assert (found["category"].top, found["choice"].nulls) == ((("b", 2), ("a", 1)), 1)
    assert (found["unsigned"].high, found["small"].high) == (2**64 - 1, 255)
