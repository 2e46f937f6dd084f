"""Two catalogs are compared, and one takes the other's place, without holding all of either."""

import itertools
import tracemalloc

import pytest
from sqlalchemy import insert

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.renewing import differences, take_place
from mesh.catalog.store import Catalog
from tests.catalog.factories import receipt

NAME = "weather.observations_v1"
FEW, MANY = 1_200, 4_800
TEXT = {"said": "x" * 500}


@pytest.fixture
def lake_url(tmp_path):
    """What the lake says is always made in SQLite."""
    return f"sqlite:///{tmp_path / 'fresh.db'}"


def rows(number, *, odd=()):
    """Receipts whose keys databases sort in different ways."""
    names = (f"{letter}{n}" for n in itertools.count() for letter in "aBcÄé_")
    like = row()
    for position, name in enumerate(itertools.islice(names, number)):
        rows_accepted = 7 if position in odd else 1
        yield {**like, "publication_id": name, "rows_accepted": rows_accepted}


def row():
    made = receipt(NAME)
    return {
        "product": NAME,
        "contract_version": "1.0.0",
        "contract_digest": made.contract_digest,
        "run_id": "run",
        "partition": "",
        "published_at": made.published_at,
        "table_version": 1,
        "rows_rejected": 0,
        "content": TEXT,
        "recorded_at": made.published_at,
    }


def fill(url, found):
    Catalog.open(url).close()
    database = Database(url)
    with database.writing() as connection:
        connection.execute(insert(schema.receipts), found)
    database.close()


def peak_of(work, *urls):
    """The bytes that Python holds at most, in the middle of it."""
    opened = [Database(url) for url in urls]
    tracemalloc.start()
    try:
        done = work(*opened)
        return done, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        for database in opened:
            database.close()


def compared(expected, found):
    return list(differences(expected, found))


def test_each_difference_is_found_however_databases_sort(lake_url, catalog_url):
    fill(lake_url, list(rows(FEW, odd={1, 1_199})))
    fill(
        catalog_url, [told for told in rows(FEW + 1) if told["publication_id"] not in ("a0", "é9")]
    )

    found, _ = peak_of(compared, lake_url, catalog_url)

    assert {(item.key, item.is_missing, item.is_surplus, item.columns) for item in found} == {
        ("a0", True, False, ()),
        ("é9", True, False, ()),
        ("B0", False, False, ("rows_accepted",)),
        ("_199", False, False, ("rows_accepted",)),
        ("a200", False, True, ()),
    }


@pytest.mark.parametrize("work", [compared, lambda new, old: take_place(new, old, ())])
def test_memory_does_not_grow_with_receipts(lake_url, catalog_url, work):
    fill(lake_url, list(rows(FEW)))
    fill(catalog_url, list(rows(FEW)))
    _, few = peak_of(work, lake_url, catalog_url)
    for url in (lake_url, catalog_url):
        fill(url, list(itertools.islice(rows(MANY), FEW, None)))

    _, many = peak_of(work, lake_url, catalog_url)

    assert many < 1.5 * few
