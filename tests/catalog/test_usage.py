"""Who reads what has a true answer, and nobody waits for it."""

import sqlite3
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mesh.catalog.store import Catalog
from mesh.catalog.usage_writing import Count, Read, add_counts
from tests.catalog.factories import domain, product

NAME = "weather.observations_v1"
NOW = datetime.now(UTC)


def add(url, consumer, *columns, reads=1, at=NOW):
    counts = {Read(NAME, name, consumer, at.date()): Count(reads, at) for name in ("", *columns)}
    return add_counts(url, counts)


def test_reads_add_up_by_consumer_and_column(stored_catalog, catalog_url):
    assert add(catalog_url, "reports.days_v1", "speed", reads=2)
    assert add(catalog_url, "reports.days_v1", "origin", at=NOW - timedelta(days=1))
    assert add(catalog_url, "ada", "speed")
    assert add(catalog_url, "ada", "speed", at=NOW + timedelta(seconds=1))

    days, ada = stored_catalog.usage.of(NAME)
    assert (days.consumer, days.reads, days.columns) == ("reports.days_v1", 3, ("origin", "speed"))
    assert (ada.consumer, ada.reads, ada.columns) == ("ada", 2, ("speed",))
    assert (days.is_product, ada.is_product) == (True, False)
    assert ada.last_read_at == NOW + timedelta(seconds=1)
    speed, origin = stored_catalog.usage.columns(NAME)
    assert (speed.column, speed.reads, speed.consumers) == ("speed", 4, ("ada", "reports.days_v1"))
    assert (origin.column, origin.reads) == ("origin", 1)
    assert stored_catalog.usage.reads() == {NAME: 5}


def test_an_older_read_that_comes_late_does_not_become_the_last(stored_catalog, catalog_url):
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    add(catalog_url, "ada", at=noon)
    add(catalog_url, "ada", at=noon - timedelta(hours=3))
    (use,) = stored_catalog.usage.of(NAME)
    assert (use.reads, use.last_read_at) == (2, noon)


def test_only_the_last_days_are_told(stored_catalog, catalog_url):
    add(catalog_url, "ada", "speed", at=NOW - timedelta(days=31))
    assert (
        stored_catalog.usage.of(NAME),
        stored_catalog.usage.columns(NAME),
        stored_catalog.usage.reads(),
    ) == (
        [],
        [],
        {},
    )
    assert stored_catalog.usage.of(NAME, days=40)[0].reads == 1


def test_hostile_names_are_values_and_nothing_else(stored_catalog, catalog_url):
    name = """x'); DROP TABLE usage; --"""
    assert add(catalog_url, name, name)
    assert stored_catalog.usage.of(NAME)[0].columns == (name,)


def test_a_catalog_that_is_not_there_is_not_made(tmp_path):
    file = tmp_path / "catalog.db"
    assert not add(f"sqlite:///{file}", "ada")
    assert not file.exists()


def test_an_older_catalog_is_left_as_it_is(tmp_path):
    file = tmp_path / "catalog.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE catalog_revision (version_num TEXT)")
    before = file.read_bytes()
    assert not add(f"sqlite:///{file}", "ada")
    assert file.read_bytes() == before


def test_what_is_no_catalog_or_not_to_be_reached_is_no_error(tmp_path):
    file = tmp_path / "catalog.db"
    file.write_text("no database")
    assert not add(f"sqlite:///{file}", "ada")
    assert not add("postgresql+psycopg://nobody@127.0.0.1:1/none", "ada")
    assert not add("https://catalog.example.com", "ada")


def test_who_finds_the_catalog_locked_does_not_wait_for_it(sqlite_url):
    with Catalog.open(sqlite_url) as catalog:
        holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        assert not add(sqlite_url, "ada")
        assert time.monotonic() - begun < 10  # a transaction of the catalog's waits for 30 s
        holder.execute("ROLLBACK")
        holder.close()
        assert catalog.usage.of(NAME) == []


def test_a_read_only_catalog_is_no_error(sqlite_url):
    Catalog.open(sqlite_url).close()
    read_only = f"sqlite:///file:{Path(sqlite_url.removeprefix('sqlite:///'))}?mode=ro&uri=true"
    assert not add_counts(read_only, {Read(NAME, "", "ada", date(2026, 1, 1)): Count(1, NOW)})


def test_a_batch_from_afar_is_added_once_to_what_was_counted_here(stored_catalog, catalog_url):
    stored_catalog.register(domain("weather", product(NAME)))
    add(catalog_url, "ada", "speed")
    later = NOW + timedelta(seconds=1)
    batch = [
        (Read(NAME, column, "ada", NOW.date()), Count(reads, moment))
        for column, reads, moment in (("", 2, later), ("speed", 1, NOW - timedelta(seconds=1)))
    ]
    assert stored_catalog.usage.add("one", batch)
    assert not stored_catalog.usage.add("one", batch)
    (use,) = stored_catalog.usage.of(NAME)
    assert (use.reads, use.columns, use.last_read_at) == (3, ("speed",), later)
    (speed,) = stored_catalog.usage.columns(NAME)
    assert (speed.reads, speed.last_read_at) == (2, NOW)
