"""`mesh.read` gives the rows of a product by its name, or says which name was meant."""

from datetime import timedelta

import polars as pl
import pytest

import mesh
from mesh.catalog.store import Catalog
from mesh.errors import (
    ChangesUnknownError,
    InvalidNameError,
    NotPublishedError,
    UnknownColumnError,
    UnknownProductError,
)
from mesh.lake import Lake
from mesh.products.collection import load_domain
from mesh.publishing import publish
from mesh.reading import read, referenced_values, rejected_rows
from tests.products.small import declared, module, named, write_mesh


class Trips(mesh.Contract):
    """One row per trip."""

    id: int = mesh.Field(key=True)
    taken: timedelta = mesh.Field(ge=timedelta(0))


PRODUCT = declared(named("trips"), contract=Trips, on_violation=mesh.Quarantine(tolerance=0.5))
ROWS = pl.DataFrame({"id": [1, 2], "taken": [timedelta(hours=1), timedelta(days=2)]})
pytestmark = pytest.mark.usefixtures("imports")


@pytest.fixture
def settings(tmp_path):
    """A mesh with two versions of the trips, and things that nobody published."""
    found = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(PRODUCT, ROWS[:1], lake=Lake.of(found), run_id="first")
    publish(PRODUCT, ROWS, lake=Lake.of(found), run_id="second")
    return found


def test_a_product_is_read_by_its_name(settings):
    assert isinstance(read("shop.trips_v1", settings=settings), pl.LazyFrame)
    assert read("shop.trips_v1", settings=settings).sort("id").collect().equals(ROWS)


def test_mesh_read_is_the_same(settings, monkeypatch):
    monkeypatch.chdir(settings.root / "domains")
    monkeypatch.delenv("MESH_ROOT", raising=False)
    assert mesh.read("shop.trips_v1").collect().height == 2


def test_a_version_and_columns_can_be_asked_for(settings):
    rows = read("shop.trips_v1", columns=["taken"], version=0, settings=settings).collect()
    assert rows.to_dicts() == [{"taken": timedelta(hours=1)}]


def test_a_version_that_is_not_there_is_told_with_those_that_are(settings):
    with pytest.raises(NotPublishedError, match="versions are 0 to 1"):
        read("shop.trips_v1", version=7, settings=settings)


def test_what_changed_since_a_version_can_be_asked_for(settings):
    changed = read("shop.trips_v1", since=0, settings=settings).collect()
    assert changed.select("id", "taken", "_change_type", "_commit_version").rows() == [
        (2, timedelta(days=2), "insert", 1)
    ]
    assert read("shop.trips_v1", since=1, settings=settings).collect().is_empty()
    assert read("shop.trips_v1", since=0, version=0, settings=settings).collect().is_empty()
    with pytest.raises(ChangesUnknownError, match="its latest version is 1"):
        read("shop.trips_v1", since=2, settings=settings)


def test_a_column_that_is_not_there_is_guessed(settings):
    with pytest.raises(UnknownColumnError, match="did you mean taken"):
        read("shop.trips_v1", columns=["takn"], settings=settings)


@pytest.mark.parametrize("name", ["trips", "shop.trips", "../shop.trips_v1", "shop.trips_v1; --"])
def test_what_is_no_name_is_refused(settings, name):
    with pytest.raises(InvalidNameError):
        read(name, settings=settings)


def test_a_product_that_is_not_published_says_what_publishes_it(settings):
    with pytest.raises(NotPublishedError, match=r"`mesh run shop\.things_v1` first"):
        read("shop.things_v1", settings=settings)


def test_a_product_that_the_catalog_does_not_know_is_guessed(settings):
    with Catalog.open(settings.catalog_url) as catalog:
        catalog.register(load_domain(settings.root / "domains" / "shop", settings))
    with pytest.raises(UnknownProductError) as caught:
        read("shop.thing_v1", settings=settings)
    assert caught.value.near == ("shop.things_v1",)
    with pytest.raises(NotPublishedError):
        read("shop.things_v1", settings=settings)


def test_rejected_rows_come_back_as_what_they_are_with_why(settings):
    lake = Lake.of(settings)
    assert rejected_rows(PRODUCT.id, lake) is None
    bad = pl.concat([ROWS, pl.DataFrame({"id": [3], "taken": [timedelta(minutes=-1)]})])
    publish(PRODUCT, bad, lake=lake, run_id="third")
    (row,) = rejected_rows(PRODUCT.id, lake).collect().to_dicts()
    assert row["taken"] == timedelta(minutes=-1)
    assert row["_mesh_rules"] == ["taken_greater_than_or_equal_to"]
    assert row["_mesh_row"] == 2
    assert row["_mesh_run"] == "third"


def test_referenced_values_are_read_once_with_the_versions_they_are_from(settings):
    class Stops(mesh.Contract):
        trip: int = mesh.Field(references="shop.trips_v1.id")
        other: int = mesh.Field(references="shop.trips_v1.id")
        thing: int = mesh.Field(references="shop.things_v1.id")

    contract = declared(named("stops"), contract=Stops).contract
    values, versions = referenced_values(contract, Lake.of(settings), {})
    assert {name: sorted(frame["id"]) for name, frame in values.items()} == {
        "shop.trips_v1.id": [1, 2]
    }
    assert [(v.product, v.version, v.port) for v in versions] == [("shop.trips_v1", 1, "")]
