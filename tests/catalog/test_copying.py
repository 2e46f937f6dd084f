"""A catalog moves between SQLite and PostgreSQL whole, or not at all."""

import subprocess
import sys

import pytest
from sqlalchemy import insert, select

from mesh.catalog.copying import copy
from mesh.catalog.database import Database
from mesh.catalog.migrating import migrate
from mesh.catalog.schema import metadata, receipts
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError
from tests.catalog import postgresql
from tests.catalog.factories import domain, product, receipt
from tests.catalog.rows import fill
from tests.house.repository import ROOT


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'target.db'}"
        return
    with postgresql.database(request.getfixturevalue("postgresql_home")) as url:
        yield url


def contents(url):
    database = Database(url)
    with database.reading() as connection:
        found = {
            table.name: sorted(map(repr, map(tuple, connection.execute(select(table)))))
            for table in metadata.sorted_tables
        }
    database.close()
    return found


def copied(source, target):
    here, there = Database(source), Database(target)
    try:
        return copy(here, there)
    finally:
        here.close()
        there.close()


def test_every_row_of_every_table_arrives_as_it_was(catalog_url, target_url):
    fill(catalog_url)
    rows = copied(catalog_url, target_url)
    assert all(rows.values())
    assert contents(target_url) == contents(catalog_url)


def test_more_rows_than_are_held_in_memory_arrive(catalog_url, target_url):
    with Catalog.open(catalog_url) as catalog:
        catalog.register(domain("weather", product("weather.observations_v1")))
        for version in range(1_005):
            catalog.record(receipt("weather.observations_v1", version))
    assert copied(catalog_url, target_url)["receipts"] == 1_005


def test_numbers_that_the_database_gives_go_on_after_a_copy(catalog_url, target_url):
    fill(catalog_url)
    copied(catalog_url, target_url)
    deliveries = metadata.tables["deliveries"]
    database = Database(target_url)
    with database.writing() as connection:
        row = dict(connection.execute(select(deliveries)).mappings().first())
        first = row.pop("position")
        given = connection.execute(insert(deliveries).values(row)).inserted_primary_key[0]
    database.close()
    assert given > first


def test_a_target_that_holds_something_is_refused_and_left_alone(catalog_url, target_url):
    fill(catalog_url)
    with Catalog.open(target_url) as catalog:
        catalog.record(receipt("weather.observations_v1"))
    before = contents(target_url)
    with pytest.raises(CatalogError, match="holds something already: datasets, receipts"):
        copied(catalog_url, target_url)
    assert contents(target_url) == before


KILLED = """
import os, signal, sys
from mesh.catalog import copying
from mesh.catalog.database import Database

send = copying._send
def die(here, there, table):
    sent = send(here, there, table)
    if table.name == "receipts":
        os.kill(os.getpid(), signal.SIGKILL)
    return sent
copying._send = die
copying.copy(Database(sys.argv[1]), Database(sys.argv[2]))
"""


def test_a_copy_that_is_killed_leaves_the_target_empty(catalog_url, target_url):
    fill(catalog_url)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, catalog_url, target_url], cwd=ROOT, check=False
    )
    assert done.returncode == -9
    assert not any(contents(target_url).values())
    assert copied(catalog_url, target_url)[receipts.name] == 1


def test_an_empty_catalog_copies_to_an_empty_one(catalog_url, target_url):
    database = Database(catalog_url)
    migrate(database)
    database.close()
    assert not any(copied(catalog_url, target_url).values())
