"""A catalog is made, opened again, brought up to date, or refused with what to do."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from mesh.catalog import migrating, schema
from mesh.catalog.database import Database
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError, CatalogUnreadableError
from tests.catalog import postgresql
from tests.catalog.factories import domain, product, receipt
from tests.house.repository import ROOT


@pytest.fixture
def file(tmp_path):
    return tmp_path / "catalog.db"


def url_of(file):
    return f"sqlite:///{file}"


def is_of_words(name):
    return name.startswith(("search_text", "search_words", "search_trigrams"))


def test_the_migrations_make_exactly_the_tables_of_the_schema(empty_url):
    database = Database(empty_url)
    migrating.migrate(database)
    with database.reading() as connection:
        options = {
            "version_table": migrating.VERSION_TABLE,
            "compare_type": True,
            # The words of what is searched are in tables that differ between databases.
            "include_name": lambda name, kind, _: kind != "table" or name not in words,
        }
        words = {name for name in inspect(connection).get_table_names() if is_of_words(name)}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, [schema.metadata, schema.derived]) == []
    database.close()


def test_the_schema_is_of_the_newest_migration():
    assert ScriptDirectory(str(migrating.MIGRATIONS)).get_current_head() == schema.REVISION


def test_a_catalog_that_is_opened_again_still_knows_what_it_knew(empty_url):
    with Catalog.open(empty_url) as catalog:
        catalog.register(domain("weather", product("weather.observations_v1")))
        catalog.record(receipt("weather.observations_v1"))
    with Catalog.open(empty_url) as catalog:
        assert catalog.product("weather.observations_v1").table_version == 0


def test_opening_an_up_to_date_catalog_does_not_load_alembic(empty_url):
    Catalog.open(empty_url).close()
    code = (
        "import sys; from mesh.catalog.store import Catalog; "
        "Catalog.open(sys.argv[1]); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, empty_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_receipts_are_read_and_written_without_a_database():
    code = (
        "import sys, mesh.catalog.receipts, mesh.catalog.model; print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_readers_are_not_kept_waiting_by_a_writer(catalog_url):
    with Catalog.open(catalog_url) as catalog:
        catalog.record(receipt("weather.observations_v1"))
        writer = Database(catalog_url)
        with writer.writing() as connection:
            connection.execute(text("DELETE FROM receipts"))
            assert catalog.latest_receipt("weather.observations_v1") is not None
        assert catalog.latest_receipt("weather.observations_v1") is None
        writer.close()


def test_sqlite_is_set_for_several_processes(file):
    database = Database(url_of(file))
    migrating.migrate(database)
    with database.writing() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 30_000,
        "foreign_keys": 1,
    }


def test_an_empty_file_becomes_a_catalog(file):
    file.touch()
    with Catalog.open(url_of(file)) as catalog:
        assert catalog.products() == []


@pytest.mark.parametrize("content", [b"not a database " * 400, b"\0" * 8192, b"SQLite format 3\0"])
def test_garbage_is_named_and_left_alone(file, content):
    file.write_bytes(content)
    with pytest.raises(CatalogUnreadableError) as caught:
        Catalog.open(url_of(file))
    assert caught.value.where == str(file)
    assert "`mesh catalog sync`" in caught.value.hint
    assert file.read_bytes() == content


def test_damage_inside_the_file_is_named_when_it_is_met(file):
    with Catalog.open(url_of(file)) as catalog:
        for version in range(200):
            catalog.record(receipt("weather.observations_v1", version))
        content = bytearray(file.read_bytes())
        assert len(content) > 65_536
        content[16_384:] = b"\xff" * (len(content) - 16_384)
        file.write_bytes(content)
        with pytest.raises(CatalogUnreadableError, match=r"catalog\.db: it is damaged"):
            catalog.receipts("weather.observations_v1", limit=200)


def test_a_folder_in_its_place_is_named(file):
    file.mkdir()
    with pytest.raises(CatalogUnreadableError) as caught:
        Catalog.open(url_of(file))
    assert caught.value.where == str(file)
    assert "MESH_CATALOG__URL" in caught.value.hint


def test_a_file_where_its_folder_should_be_is_named(file):
    file.touch()
    with pytest.raises(CatalogUnreadableError) as caught:
        Catalog.open(url_of(file / "catalog.db"))
    assert caught.value.where == str(file / "catalog.db")


@pytest.fixture
def foreign_folder():
    """A folder that belongs to somebody else, as seen by this process while the test runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Catalog.open(url_of(folder / "catalog.db")) as catalog:
            catalog.record(receipt("weather.observations_v1"))
        (folder / "catalog.db").chmod(0o444)
        folder.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:  # root may write anywhere, whatever the modes say
            os.seteuid(65_534)
        yield folder
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_catalog_that_may_not_be_written_is_named(foreign_folder):
    file = foreign_folder / "catalog.db"
    with pytest.raises(CatalogUnreadableError) as caught:
        Catalog.open(url_of(file)).record(receipt("weather.observations_v1", 1))
    assert caught.value.where == str(file)
    assert "this user may write" in caught.value.hint


def test_a_catalog_that_may_not_be_made_is_named(foreign_folder):
    with pytest.raises(CatalogUnreadableError) as caught:
        Catalog.open(url_of(foreign_folder / "new" / "catalog.db"))
    assert "this user may write" in caught.value.hint


def test_a_newer_catalog_is_refused_and_left_alone(catalog_url, stored_catalog):
    stored_catalog.record(receipt("weather.observations_v1"))
    database = Database(catalog_url)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {migrating.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(CatalogError, match="made by a newer Mesh: its revision is 9999") as caught:
        Catalog.open(catalog_url)
    assert "upgrade Mesh" in caught.value.hint
    assert not isinstance(caught.value, CatalogUnreadableError)
    assert stored_catalog.latest_receipt("weather.observations_v1") is not None
    database.close()


def test_an_older_catalog_is_brought_up_to_date_with_all_it_knew(
    catalog_url, stored_catalog, tmp_path, monkeypatch
):
    stored_catalog.record(receipt("weather.observations_v1"))
    folder = tmp_path / "100% later"
    shutil.copytree(migrating.MIGRATIONS, folder)
    newest = f"{int(schema.REVISION) + 1:04}"
    (folder / "versions" / f"{newest}_next.py").write_text(
        "from alembic import op\n"
        "import sqlalchemy as sa\n"
        f"revision, down_revision = '{newest}', '{schema.REVISION}'\n"
        "def upgrade():\n"
        "    op.add_column('receipts', sa.Column('note', sa.Text))\n"
    )
    monkeypatch.setattr(migrating, "MIGRATIONS", folder)
    monkeypatch.setattr(migrating, "REVISION", newest)
    with Catalog.open(catalog_url) as newer:
        assert newer.latest_receipt("weather.observations_v1") == receipt("weather.observations_v1")
    monkeypatch.undo()
    with pytest.raises(
        CatalogError, match=f"its revision is {newest}, this Mesh knows {schema.REVISION}"
    ):
        Catalog.open(catalog_url)


def test_somebody_elses_database_is_refused_and_left_alone(file):
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    connection.close()
    with pytest.raises(CatalogUnreadableError, match="not a catalog: it holds invoices"):
        Catalog.open(url_of(file))
    with sqlite3.connect(file) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    connection.close()
    assert names == [("invoices",)]


def test_a_migration_that_fails_halfway_leaves_nothing(file, monkeypatch):
    database = Database(url_of(file))

    class PulledPlugError(Exception):
        pass

    def pull_the_plug(*_):
        raise PulledPlugError

    monkeypatch.setattr("alembic.op.create_index", pull_the_plug)
    with pytest.raises(PulledPlugError):
        migrating.migrate(database)
    monkeypatch.undo()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar() == 0
    with Catalog.open(url_of(file)) as catalog:
        assert catalog.products() == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "cannot be used"),
        ("catalog.db", "cannot be used"),
        ("oracle8://host/name", "cannot be used"),
        ("mysql+pymysql://host/name", "cannot live in mysql"),
        ("sqlite://", "cannot live in memory"),
        ("sqlite:///:memory:", "cannot live in memory"),
    ],
)
def test_a_url_that_is_none_of_a_catalog_is_refused_with_one_that_is(url, message):
    with pytest.raises(CatalogError, match=message) as caught:
        Catalog.open(url)
    assert "sqlite:///path" in caught.value.hint


def test_a_server_that_cannot_be_reached_is_named_without_the_password():
    with pytest.raises(CatalogError) as caught:  # also where its driver is not installed
        Catalog.open("postgresql+psycopg://me:secret@127.0.0.1:1/mesh")
    assert "127.0.0.1" in caught.value.where
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_a_postgresql_url_needs_no_driver(postgresql_home):
    with (
        postgresql.database(postgresql_home) as url,
        Catalog.open(url.replace("+psycopg", "")) as catalog,
    ):
        assert catalog.products() == []
