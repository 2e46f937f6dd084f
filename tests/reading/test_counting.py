"""Reads are counted: whose they were, of which columns; and no read depends on it."""

import importlib
import sqlite3
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading import counting, read
from mesh.reading.counting import MOST_WAITING, ReadCounts
from mesh.settings import UsageSettings
from tests.products.small import declared, module, named, write_mesh

NAME = "shop.trips_v1"


class Trips(mesh.Contract):
    """One row per trip."""

    id: int = mesh.Field(key=True)
    fare: float


ROWS = pl.DataFrame({"id": [1, 2], "fare": [2.5, 3.5]})
pytestmark = pytest.mark.usefixtures("imports")


@pytest.fixture
def counts(monkeypatch):
    """Counts of this test alone."""
    found = ReadCounts()
    monkeypatch.setattr(importlib.import_module("mesh.reading.read"), "READS", found)
    return found


@pytest.fixture
def settings(tmp_path):
    found = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(declared(named("trips"), contract=Trips), ROWS, lake=Lake.of(found), run_id="first")
    return found.model_copy(update={"usage": UsageSettings(consumer="ada")})


def used(settings):
    with Catalog.open(settings.catalog_url) as catalog:
        return [(use.consumer, use.reads, use.columns) for use in catalog.usage.of(NAME)]


def test_a_read_is_counted_with_its_columns_once_it_is_flushed(settings, counts):
    Catalog.open(settings.catalog_url).close()
    read(NAME, columns=["fare"], settings=settings)
    read(NAME, columns=["fare"], settings=settings)
    assert used(settings) == []
    counts.flush()
    counts.flush()
    assert used(settings) == [("ada", 2, ("fare",))]


def test_who_names_no_columns_reads_all(settings, counts):
    Catalog.open(settings.catalog_url).close()
    read(NAME, settings=settings)
    counts.flush()
    assert used(settings) == [("ada", 1, ("fare", "id"))]


def test_the_reader_is_the_user_unless_named(settings, counts, monkeypatch):
    Catalog.open(settings.catalog_url).close()
    monkeypatch.setattr(counting.getpass, "getuser", lambda: "zoe")
    read(NAME, settings=settings.model_copy(update={"usage": UsageSettings()}))
    counts.flush()
    assert used(settings)[0][0] == "zoe"


def test_a_read_makes_no_catalog(settings, counts):
    assert read(NAME, settings=settings).collect().equals(ROWS)
    counts.flush()
    assert not Path(settings.catalog_url.removeprefix("sqlite:///")).exists()


def test_it_can_be_switched_off(settings, counts):
    Catalog.open(settings.catalog_url).close()
    read(NAME, settings=settings.model_copy(update={"usage": UsageSettings(counted=False)}))
    counts.flush()
    assert used(settings) == []


def test_what_could_not_be_written_is_written_the_next_time(settings, counts):
    Catalog.open(settings.catalog_url).close()
    file = settings.catalog_url.removeprefix("sqlite:///")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert read(NAME, columns=["id"], settings=settings).collect().height == 2
    counts.flush()
    holder.execute("ROLLBACK")
    holder.close()
    read(NAME, columns=["id"], settings=settings)
    counts.flush()
    assert used(settings) == [("ada", 2, ("id",))]


def test_counts_that_cannot_be_written_take_bounded_memory(settings, counts):
    for number in range(MOST_WAITING + 50):
        counts.note(settings, f"shop.trips{number}_v1", ())
    counts.flush()
    (waiting,) = counts._waiting.values()
    assert len(waiting) == MOST_WAITING


def test_a_read_that_fails_is_not_counted(settings, counts):
    with pytest.raises(mesh.errors.MeshError):
        read(NAME, columns=["nothing"], settings=settings)
    assert counts._waiting == {}
