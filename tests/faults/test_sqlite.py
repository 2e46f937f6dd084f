"""A catalog in SQLite whose disk is full, or whose file somebody else has locked."""

import sqlite3
import threading
from contextlib import closing

import pytest

from mesh.catalog.store import Catalog
from mesh.errors import CatalogError, CatalogUnavailableError
from tests.catalog.factories import domain, product, receipt
from tests.faults.small_disk import LimitedFiles, made

WEATHER = "weather.observations_v1"


@pytest.fixture(params=["a small disk", "a limit on files"])
def small_disk(request, tmp_path):
    folder = tmp_path / "disk"
    if request.param == "a limit on files":
        folder.mkdir()
        yield LimitedFiles(folder)
        return
    with made(folder) as disk:
        yield disk


def record(catalog, versions, accepted):
    """Record a receipt a version; `accepted` gets each that is in."""
    for version in versions:
        catalog.record(receipt(WEATHER, version))
        accepted.append(version)


def test_a_disk_that_is_full_writes_nothing_and_says_so(small_disk):
    url = f"sqlite:///{small_disk.folder / 'catalog.db'}"
    with Catalog.open(url) as catalog:
        catalog.record(receipt(WEATHER, 0))
        with small_disk.leaving(0), pytest.raises(CatalogUnavailableError) as caught:
            record(catalog, range(1, 1_000), [])
        assert "space" in str(caught.value)
        assert caught.value.where.endswith("catalog.db")
        known = len(catalog.receipts(WEATHER, limit=1_000))
        catalog.record(receipt(WEATHER, known))
        assert len(catalog.receipts(WEATHER, limit=1_000)) == known + 1


def test_a_disk_that_fills_up_in_the_middle_keeps_what_was_accepted(small_disk):
    url = f"sqlite:///{small_disk.folder / 'catalog.db'}"
    accepted = []
    with Catalog.open(url) as catalog, catalog.held():
        with small_disk.leaving(600_000), pytest.raises(CatalogUnavailableError):
            record(catalog, range(10_000), accepted)
        found = catalog.receipts(WEATHER, limit=10_000)
        assert accepted
        assert [item.table_version for item in reversed(found)] == accepted
    with closing(sqlite3.connect(small_disk.folder / "catalog.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_full_disk_makes_no_half_a_catalog(small_disk):
    url = f"sqlite:///{small_disk.folder / 'catalog.db'}"
    with small_disk.leaving(50_000), pytest.raises(CatalogError) as caught:
        Catalog.open(url)
    assert "space" in str(caught.value)
    with Catalog.open(url) as catalog:
        catalog.register(domain("weather", product(WEATHER)))
        assert len(catalog.products()) == 1


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_lock_that_is_let_go_of_in_time_is_waited_for_and_readers_go_on(tmp_path, lock):
    file = tmp_path / "catalog.db"
    with Catalog.open(f"sqlite:///{file}") as catalog:
        catalog.record(receipt(WEATHER, 0))
        blocker = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        blocker.execute(lock)
        later = threading.Timer(0.5, blocker.execute, ("ROLLBACK",))
        assert len(catalog.receipts(WEATHER)) == 1
        later.start()
        catalog.record(receipt(WEATHER, 1))
        later.join()
        blocker.close()
        assert len(catalog.receipts(WEATHER)) == 2
