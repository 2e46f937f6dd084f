"""What somebody would try who wants to know what a mask or a filter hides."""

import gc
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime

import duckdb
import polars as pl
import pytest

from mesh.access.masks import masked, polars_type
from mesh.access.model import Mask, MaskKind
from mesh.access.secret import MaskSecret, holder_of
from mesh.contracts.model import Column
from mesh.errors import MeshError
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading.governed import open_governed
from tests.access.ports import ANA, PRODUCT, ROWS, Decided, Rows, agreement, ask_of, view_of
from tests.products.small import module, write_mesh

pytestmark = pytest.mark.usefixtures("imports")
UNITED = Rows(pl.col("carrier") == "UA", 'carrier == "UA"')
KEY = b"k" * 32


@pytest.fixture
def settings(tmp_path):
    """A mesh with the flights."""
    found = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(PRODUCT, ROWS, lake=Lake.of(found), run_id="first")
    return found


def opened(settings, **options):
    """What a view of the flights shows."""
    view = view_of(**options)
    return open_governed(Decided(view), ask_of(view), settings=settings)


def behind(mask, kind, values):
    """Values of a type behind a mask."""
    word, _, argument = mask.partition(":")
    frame = pl.DataFrame({"x": pl.Series(values, dtype=polars_type(kind))}).lazy()
    seen = masked(Mask(MaskKind(word), argument), Column("x", kind), KEY)
    return frame.with_columns(seen).collect(engine="streaming")["x"].to_list()


# A filter of one's own


def thrower(names):
    """An expression that raises, and says the value, at every row that it meets."""
    return pl.col(names).cast(pl.String).str.to_integer(strict=True) >= 0


@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_a_filter_that_raises_meets_no_hidden_row(settings, engine):
    found = opened(settings, rows=UNITED)
    with pytest.raises(pl.exceptions.PolarsError) as caught:
        found.scan().filter(thrower("carrier")).collect(engine=engine)
    assert "AA" not in str(caught.value)
    seen = found.scan().filter(thrower("id")).collect(engine=engine)
    assert seen["id"].to_list() == [1, 4]


@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_a_filter_that_looks_meets_no_value_behind_a_mask(settings, engine):
    met = []

    def look(values: pl.Series) -> pl.Series:
        met.extend(values.to_list())
        return pl.Series([True] * len(values))

    found = opened(settings, rows=UNITED, tail_number="partial:2")
    looking = pl.col("tail_number").map_batches(look, return_dtype=pl.Boolean)
    found.scan().filter(looking).select("id").collect(engine=engine)
    assert set(met) == {"***28", "***63"}


def test_a_hidden_column_cannot_be_asked_for(settings):
    found = opened(settings, rows=UNITED, carrier="drop", tail_number="drop")
    for asked in (
        lambda: found.scan().select("tail_number").collect(),
        lambda: found.scan().filter(pl.col("carrier") == "AA").collect(),
        lambda: found.scan().sort("carrier").collect(),
    ):
        with pytest.raises(pl.exceptions.ColumnNotFoundError):
            asked()
    assert "carrier" not in found.schema.names
    assert "tail_number" not in str(found.schema)


def test_joins_groups_and_counts_see_what_is_seen(settings):
    found = opened(settings, rows=UNITED, carrier="null")
    every = pl.LazyFrame({"id": [1, 2, 3, 4]})
    joined = every.join(found.scan(), on="id", how="left").sort("id").collect()
    assert joined["is_late"].to_list() == [True, None, None, False]
    assert found.scan().select(pl.len()).collect().item() == 2
    assert found.scan().group_by("carrier").len().collect().rows() == [(None, 2)]


def test_an_engine_that_is_handed_the_reader_sees_what_is_seen(settings):
    reader = opened(settings, rows=UNITED, tail_number="hash").reader()
    with duckdb.connect() as database:
        database.register("flights", reader)
        sql = "SELECT count(*) FROM flights WHERE tail_number LIKE 'N%' OR carrier = 'AA'"
        assert database.execute(sql).fetchone() == (0,)


def test_the_plan_that_can_be_seen_tells_nothing_of_what_is_hidden(settings):
    found = opened(settings, rows=UNITED, tail_number="hash", seats="drop")
    plan = found.scan().explain() + repr(found.scan())
    for word in ("UA", "seats", str(settings.root), "parquet"):
        assert word not in plan


# Texts in part


@pytest.mark.parametrize("shown", [1, 2, 3, 4, 10])
def test_a_text_is_never_shown_by_more_than_half(shown):
    for length in range(25):
        value = "abcdefghijklmnopqrstuvwxy"[:length]
        for end in ("", "first:", "last:"):
            (seen,) = behind(f"partial:{end}{shown}", "string", [value])
            part = seen.replace("*", "")
            assert len(part) in {0, shown}
            assert len(part) * 2 <= length


def test_the_length_of_what_is_hidden_is_not_told():
    seen = behind("partial:2", "string", ["abcd", "abcdefghcd"])
    assert seen == ["***cd", "***cd"]


def test_characters_are_counted_and_not_bytes():
    assert behind("partial:2", "string", ["ääää", "äää"]) == ["***ää", "***"]


# Buckets


def test_a_bucket_at_the_end_of_a_type_shows_its_end_and_no_value():
    for kind, bits in (("int8", 8), ("int16", 16), ("int32", 32), ("int64", 64)):
        lowest = -(2 ** (bits - 1))
        seen = behind("truncate:100", kind, [lowest, lowest + 1, 2 ** (bits - 1) - 1])
        assert seen[0] == seen[1] == lowest
        assert seen[2] % 100 == 0


def test_every_value_of_a_type_is_in_the_bucket_that_it_belongs_to():
    values = list(range(-128, 128))
    seen = behind("truncate:60", "int8", values)
    assert seen == [max(value // 60 * 60, -128) for value in values]


def test_a_number_that_is_none_or_infinite_is_in_no_bucket():
    values = [float("nan"), float("inf"), float("-inf"), -0.0, 0.0, -0.5]
    for kind in ("float64", "float32"):
        seen = behind("truncate:10", kind, values)
        assert [str(value) for value in seen] == ["None", "None", "None", "0.0", "0.0", "-10.0"]
    assert behind("truncate:10", "float64", [1.7e308]) != [float("inf")]


def test_a_moment_before_the_epoch_is_cut_downwards():
    early = [datetime(1900, 3, 31, 23, 59, tzinfo=UTC), datetime(1969, 12, 31, 23, tzinfo=UTC)]
    assert behind("truncate:month", "timestamp", early) == [
        datetime(1900, 3, 1, tzinfo=UTC),
        datetime(1969, 12, 1, tzinfo=UTC),
    ]
    assert behind("truncate:year", "date", [date(1, 12, 31)]) == [date(1, 1, 1)]


# Nulls


def test_what_is_null_is_not_told_by_a_constant_or_by_null(settings):
    for mask in ("null", "constant:XX"):
        seen = opened(settings, carrier=mask).scan().collect()["carrier"]
        assert seen.n_unique() == 1


def test_a_row_of_which_nothing_is_known_is_hidden_by_a_filter(settings):
    for rows in (UNITED, Rows(pl.col("carrier") != "UA"), Rows(pl.col("seats") > 0)):
        assert 3 not in opened(settings, rows=rows).scan().collect()["id"].to_list()


# Hashes


def test_few_values_cannot_be_matched_across_agreements(settings):
    def hashes(**options):
        rows = opened(settings, tail_number="hash", carrier="hash", **options).scan().collect()
        return {*rows["tail_number"].to_list(), *rows["carrier"].to_list()} - {None}

    bob = replace(ANA, name="bob@example.com")
    parties = [
        hashes(),
        hashes(principal=bob),
        hashes(agreement=agreement("a1")),
        hashes(agreement=agreement("a2")),
        hashes(agreement=agreement("automatic")),
        hashes(agreement=agreement("automatic", bob.name)),
    ]
    assert len(set().union(*parties)) == sum(map(len, parties))
    assert hashes(agreement=agreement("a1"), principal=bob) == parties[2]


def test_a_hash_joins_within_an_agreement(settings):
    view = {"tail_number": "hash", "agreement": agreement("a1")}
    first = opened(settings, **view).scan()
    second = opened(settings, rows=UNITED, **view).scan()
    joined = first.join(second, on="tail_number").collect()
    assert joined["id"].to_list() == joined["id_right"].to_list() != []


def test_a_name_cannot_be_chosen_to_have_the_hashes_of_an_agreement():
    forged = [
        replace(ANA, name="a1"),
        replace(ANA, name=f"a1\0{PRODUCT.id}\0{ANA.name}"),
        replace(ANA, name="agreement\0a1"),
    ]
    own = holder_of(view_of(agreement=agreement("a1")))
    secret = MaskSecret(b"s" * 32)
    assert secret.key_for(own) not in {
        secret.key_for(holder_of(view_of(principal=p))) for p in forged
    }


def test_the_secret_and_its_keys_are_in_nothing_that_is_shown(settings):
    found = opened(settings, tail_number="hash", agreement=agreement("a1"))
    secret = MaskSecret.of(settings)
    key = secret.key_for(holder_of(found.view))
    told = f"{found!r} {found.view!r} {found.digest} {found.schema} {found.scan()!r} {settings!r}"
    for hidden in (secret.value, key):
        assert hidden.hex() not in told
        assert repr(hidden) not in told


# What goes wrong


def test_a_table_that_cannot_be_read_tells_no_value(settings):
    files = list((settings.root / ".mesh" / "lake").rglob("*.parquet"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:-20])
    found = opened(settings, rows=UNITED, tail_number="hash")
    with pytest.raises(MeshError) as caught:
        found.reader().read_all()
    assert not {"N14228", "N39463", "AA"} & set(str(caught.value).split())


def test_a_reader_that_nobody_empties_holds_nothing_up(settings):
    reader = opened(settings).reader()
    del reader
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened(settings).reader().read_all().num_rows == 4
