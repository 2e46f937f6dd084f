"""A catalog goes from the first revision to the newest and back, with data in it."""

import subprocess
import sys

import pytest
from sqlalchemy import MetaData, select, text

from mesh.catalog import migrating, moving, schema
from mesh.catalog.database import Database
from mesh.catalog.receipts import InputVersion, Reading
from mesh.catalog.schema import REVISION
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError
from tests.catalog.factories import domain, product, receipt
from tests.catalog.rows import fill, insert_everywhere
from tests.house.repository import ROOT

REVISIONS = [f"{number:04}" for number in range(1, int(REVISION) + 1)]


@pytest.fixture
def catalog_url(empty_url):
    """Each way begins with nothing."""
    return empty_url


@pytest.fixture
def database(catalog_url):
    opened = Database(catalog_url)
    yield opened
    opened.close()


def contents(database):
    """Every row, but for columns that a later revision added: those are empty."""
    with database.reading() as connection:
        found = MetaData()
        found.reflect(connection)
        return {
            table.name: sorted(
                repr(tuple(value for value in row if value is not None))
                for row in connection.execute(select(table))
            )
            for table in found.sorted_tables
            if table.name != migrating.VERSION_TABLE and not table.name.startswith(moving.INDEX)
        }


def test_rows_of_every_revision_survive_the_way_up_and_the_way_down(database):
    known = {}
    for revision in REVISIONS:
        moving.move_to(database, revision)
        before = contents(database)
        assert {name: before[name] for name in _tables(known)} == _merged(known)
        with database.writing() as connection:
            insert_everywhere(connection, only=set(before) - _tables(known))
        after = contents(database)
        known[revision] = {name: after[name] for name in set(after) - _tables(known)}
        assert all(known[revision].values())
    for revision in reversed(REVISIONS[:-1]):
        gone = known.popitem()[1]
        move = moving.move_to(database, revision)
        assert move.lost == dict.fromkeys(gone, 1)
        assert contents(database) == _merged(known)
    moving.move_to(database, REVISION)
    assert contents(database).keys() >= _tables(known)


def _tables(known):
    return {name for tables in known.values() for name in tables}


def _merged(known):
    return {name: rows for tables in known.values() for name, rows in tables.items()}


def test_a_catalog_that_was_taken_down_is_brought_up_when_it_is_opened(catalog_url, database):
    with Catalog.open(catalog_url) as catalog:
        catalog.register(domain("weather", product("weather.observations_v1")))
    moving.move_to(database, "0001")

    with Catalog.open(catalog_url) as catalog:
        assert catalog.search.find("observations").total == 1
    with database.reading() as connection:
        assert migrating.revision_of(connection, "") == REVISION


def test_edges_are_made_of_the_receipts_that_an_older_catalog_has(catalog_url, database):
    readings = ({}, {"how": Reading.ALL_ROWS, "reason": "new code"}, {"how": Reading.CHANGES})
    with Catalog.open(catalog_url) as catalog:
        for version in range(25):
            how = readings[version % 3]
            uses = [
                InputVersion("w.o_v1", version + 9, "weather", ("speed", f"c{version}"), 3, **how),
                InputVersion("w.o_v1", version + 8, "before", ("gust",)),
                InputVersion("n.airports_v1", 1, ""),
            ]
            catalog.record(receipt("p.d_v1", version, uses if version < 23 else uses[:1]))
    with database.reading() as connection:
        before = set(map(str, connection.execute(select(schema.feeds))))
    moving.move_to(database, "0008")
    assert moving.move_to(database, REVISION).lost == {}
    with database.reading() as connection:
        assert set(map(str, connection.execute(select(schema.feeds)))) == before
    assert len(before) == 2


def test_what_would_be_lost_is_foreseen_and_nothing_is_done(catalog_url, database):
    fill(catalog_url)
    before = contents(database)
    decided = ("agreements", "decision_cases", "decision_log", "separations")
    later = (*decided, "organization", "policies", "tokens", "usage_batches")
    assert moving.foresee(database, "0007").lost == dict.fromkeys(later, 1)
    assert contents(database) == before


def test_a_revision_that_is_not_known_is_refused(catalog_url, database):
    fill(catalog_url)
    with pytest.raises(CatalogError, match="does not know the catalog's revision 4711"):
        moving.move_to(database, "4711")


def test_a_catalog_of_a_newer_mesh_is_not_moved(catalog_url, database):
    fill(catalog_url)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {migrating.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(CatalogError, match="9999"):
        moving.move_to(database, "0001")


KILLED = """
import os, signal, sys
from sqlalchemy import event
from mesh.catalog import moving
from mesh.catalog.database import Database

database = Database(sys.argv[1])
def die(connection, cursor, statement, *rest):
    if statement.strip() == "DROP TABLE erasures":
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(database._engine, "after_cursor_execute", die)
moving.move_to(database, "0001")
"""


def test_a_migration_that_is_killed_leaves_the_catalog_as_it_was(catalog_url, database):
    fill(catalog_url)
    before = contents(database)
    done = subprocess.run([sys.executable, "-c", KILLED, catalog_url], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert contents(database) == before
    with database.reading() as connection:
        assert migrating.revision_of(connection, "") == REVISION


MOVER = """
import sys
from mesh.catalog import moving
from mesh.catalog.database import Database

for _ in range(3):
    moving.move_to(Database(sys.argv[1]), sys.argv[2])
"""


def test_two_processes_that_migrate_in_both_directions_wait_for_each_other(catalog_url, database):
    fill(catalog_url)
    movers = [
        subprocess.Popen([sys.executable, "-c", MOVER, catalog_url, revision], cwd=ROOT)
        for revision in ("0001", REVISION)
    ]
    assert [mover.wait(timeout=120) for mover in movers] == [0, 0]
    moving.move_to(database, REVISION)
    assert len(contents(database)["receipts"]) == 1
