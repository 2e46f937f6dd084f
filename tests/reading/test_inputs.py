"""An input is the declared columns of one version, handed over as the transform wants them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import mesh
from mesh.catalog.receipts import InputVersion
from mesh.errors import NotPublishedError, UnknownColumnError
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading import hand_over, pin
from mesh.reading.snapshot import annotations_of, undeclared_column
from tests.products.small import declared, named

if TYPE_CHECKING:
    from nowhere import Frame


class Trips(mesh.Contract):
    """One row per trip."""

    id: int = mesh.Field(key=True)
    left_at: mesh.UTCDatetime
    taken: timedelta = mesh.Field(nullable=True)
    fare: Annotated[pl.Decimal, 8, 2]
    route: str
    stops: Annotated[pl.List, pl.String]


PRODUCT = declared(named("trips"), contract=Trips)
ROWS = pl.DataFrame(
    {
        "id": [1, 2],
        "left_at": [datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 7, 1, tzinfo=UTC)],
        "taken": [timedelta(minutes=7, microseconds=3), None],
        "fare": pl.Series(["12.50", "0.99"]).cast(pl.Decimal(8, 2)),
        "route": ["Zürich-日本", ""],
        "stops": [["a", "ß"], []],
    }
)
WHOLE = mesh.Input("shop.trips_v1")


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """A lake with two versions of the trips: the second has a third trip."""
    found = Lake(str(tmp_path_factory.mktemp("lake")))
    third = ROWS[:1].with_columns(id=pl.lit(3, pl.Int64))
    for run, rows in (("first", ROWS), ("second", pl.concat([ROWS, third]))):
        assert isinstance(publish(PRODUCT, rows, lake=found, run_id=run), mesh.Receipt)
    return found


def test_an_input_is_the_latest_version_and_stays_it(lake, tmp_path):
    pinned = pin("trips", WHOLE, lake)
    assert pinned.version == lake.table(PRODUCT.id).version() == 1
    assert pinned.scan().collect().height == 3


def test_a_pinned_input_does_not_see_what_is_published_later(tmp_path):
    lake = Lake(str(tmp_path))
    publish(PRODUCT, ROWS, lake=lake, run_id="first")
    pinned = pin("trips", WHOLE, lake)
    publish(PRODUCT, ROWS[:1], lake=lake, run_id="second")
    assert pinned.scan().collect().height == 2
    assert pin("trips", WHOLE, lake).scan().collect().height == 1


def test_an_input_can_be_pinned_to_an_earlier_version(lake):
    pinned = pin("trips", WHOLE, lake, version=0)
    assert pinned.version == 0
    assert pinned.scan().collect().sort("id").equals(ROWS)


@pytest.mark.parametrize("version", [2, 99])
def test_a_version_that_there_is_not_is_an_error(lake, version):
    with pytest.raises(NotPublishedError, match="versions are 0 to 1"):
        pin("trips", WHOLE, lake, version=version)


def test_only_the_declared_columns_are_read_and_in_the_declared_order(lake):
    pinned = pin("trips", mesh.Input("shop.trips_v1", columns=["route", "id"]), lake)
    assert pinned.scan().collect().columns == ["route", "id"]
    assert "2/6 COLUMNS" in pinned.scan().explain()
    assert pinned.undeclared == ("left_at", "taken", "fare", "stops")


def test_one_column_may_be_named_without_a_list(lake):
    assert pin("trips", mesh.Input("shop.trips_v1", columns="id"), lake).columns == ("id",)


def test_the_receipt_learns_what_was_read(lake):
    pinned = pin("trips", mesh.Input("shop.trips_v1", columns=["id"]), lake)
    assert pinned.used == InputVersion("shop.trips_v1", 1, "trips", ("id",))


def test_a_column_that_the_product_does_not_have_is_guessed(lake):
    wanted = mesh.Input("shop.trips_v1", columns=["id", "rout"])
    with pytest.raises(UnknownColumnError, match=r"(?s)input 'trips': .*did you mean route") as e:
        pin("trips", wanted, lake)
    assert e.value.near == ("route",)


def test_a_product_that_is_not_published_is_told_with_what_publishes_it(lake):
    with pytest.raises(NotPublishedError, match=r"`mesh run shop\.vans_v1` first"):
        pin("vans", mesh.Input("shop.vans_v1"), lake)


def test_a_column_that_was_not_declared_is_told_with_where_to_add_it(lake):
    pinned = pin("trips", mesh.Input("shop.trips_v1", columns=["id"]), lake)
    error = undeclared_column("route", {"trips": pinned})
    assert str(error) == (
        "input 'trips': the transform reads shop.trips_v1.route, which its input does not declare\n"
        "  try: add 'route' to the columns of the input"
    )
    assert undeclared_column("id", {"trips": pinned}) is None
    assert undeclared_column("zzz", {"trips": pinned}) is None


ARROW_FORMS = {
    "a lazy frame": pl.LazyFrame,
    "a frame": pl.DataFrame,
    "a table": pa.Table,
    "a reader": pa.RecordBatchReader,
    "a dataset": ds.Dataset,
}
FORMS = {**ARROW_FORMS, "a pandas frame": pd.DataFrame}


def as_polars(handed) -> pl.DataFrame:
    """Whatever was handed over, as one frame."""
    if isinstance(handed, pl.LazyFrame):
        return handed.collect()
    if isinstance(handed, ds.Dataset):
        return pl.DataFrame(handed.to_table())
    return pl.DataFrame(handed)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_input_is_handed_over_as_the_parameter_is_annotated(lake, form):
    handed = hand_over(pin("trips", WHOLE, lake, version=0), form)
    assert isinstance(handed, form)
    rows = as_polars(handed).sort("id")
    assert rows["id"].to_list() == [1, 2]
    assert rows["route"].to_list() == ["Zürich-日本", ""]
    assert [list(stops) for stops in rows["stops"]] == [["a", "ß"], []]


@pytest.mark.parametrize("form", ARROW_FORMS.values(), ids=ARROW_FORMS)
def test_every_type_comes_back_as_it_was_promised(lake, form):
    rows = as_polars(hand_over(pin("trips", WHOLE, lake, version=0), form)).sort("id")
    assert rows.schema == ROWS.schema
    assert rows.equals(ROWS)


def test_pandas_keeps_durations_and_zones(lake):
    frame = hand_over(pin("trips", WHOLE, lake, version=0), pd.DataFrame).set_index("id")
    assert frame["taken"][1] == pd.Timedelta(minutes=7, microseconds=3)
    assert str(frame["left_at"].dt.tz) == "UTC"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_input_without_rows_has_its_columns_all_the_same(tmp_path, form):
    class Maybe(Trips):
        class Config:
            row_count = mesh.RowCount(at_least=0)

    lake = Lake(str(tmp_path))
    empty = declared(named("trips"), contract=Maybe)
    publish(empty, ROWS.clear(), lake=lake, run_id="empty")
    rows = as_polars(hand_over(pin("trips", WHOLE, lake), form))
    assert rows.columns == ROWS.columns
    assert rows.height == 0


def transform(
    lazy: pl.LazyFrame, table: pa.Table, reader: pa.RecordBatchReader, dataset: ds.Dataset, bare
):
    """Takes some of each; its annotations are text here."""


def out_of_reach(lazy: pl.LazyFrame, table: pa.Table, pandas: pd.DataFrame) -> Frame:
    """Says something that cannot be looked up at run time."""


def test_annotations_may_be_text(lake):
    wanted = annotations_of(transform)
    pinned = pin("trips", WHOLE, lake)
    found = {name: hand_over(pinned, wanted.get(name)) for name in (*wanted, "bare")}
    kinds = [pl.LazyFrame, pa.Table, pa.RecordBatchReader, ds.Dataset, pl.LazyFrame]
    assert all(isinstance(v, k) for v, k in zip(found.values(), kinds, strict=True))


def test_one_annotation_that_cannot_be_looked_up_does_not_spoil_the_others(lake):
    wanted = annotations_of(out_of_reach)
    pinned = pin("trips", WHOLE, lake)
    assert isinstance(hand_over(pinned, wanted["lazy"]), pl.LazyFrame)
    assert isinstance(hand_over(pinned, wanted["table"]), pa.Table)
    assert isinstance(hand_over(pinned, wanted["pandas"]), pd.DataFrame)


def test_a_reader_gives_rows_as_they_are_asked_for(lake):
    reader = hand_over(pin("trips", WHOLE, lake), pa.RecordBatchReader)
    assert sum(batch.num_rows for batch in reader) == 3
    assert reader.schema.names == ROWS.columns
