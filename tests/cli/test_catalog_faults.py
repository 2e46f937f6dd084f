"""However the catalog's database fails, a command says what, where and what to do, and ends with 1."""

import os
import shutil
import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from mesh.catalog import database
from mesh.catalog.store import Catalog
from tests.catalog import postgresql
from tests.catalog.factories import domain, product
from tests.cli.conftest import Mesh

CATALOG = ".mesh/dev/catalog.db"


@pytest.fixture(scope="module")
def cluster():
    """A server with a user who needs a password, and one who may make tables and nothing more."""
    with postgresql.serving() as server:
        with server.connected() as administrator:
            administrator.execute("CREATE ROLE guarded LOGIN PASSWORD 'right-secret'")
            administrator.execute("CREATE ROLE plain LOGIN")
            rules = server.home / "data" / "pg_hba.conf"
            rules.write_text(f"local all guarded scram-sha-256\n{rules.read_text()}")
        server.stop()
        server.start()
        yield server


@pytest.fixture
def url(cluster):
    with postgresql.database(cluster.home) as made:
        yield made


@pytest.fixture
def silent():
    """The port of somebody who takes calls, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def told(mesh, *arguments):
    """What a command says that fails as it should."""
    done = mesh(*arguments)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    assert "secret" not in done.output
    assert "\n  try: " in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("who", "said", "hint"),
    [
        ("guarded:wrong-secret@/postgres", "does not let this user in", "password in"),
        ("guarded@/postgres", "does not let this user in", "password in"),
        ("nobody:secret@/postgres", "does not let this user in", "check the user"),
        ("mesh:secret@/nowhere", "no such database", "createdb"),
        ("plain:secret@/postgres", "may not do that", "OWNER TO"),
    ],
)
def test_a_server_that_says_no_is_quoted_with_what_to_do(
    empty_mesh, cluster, monkeypatch, who, said, hint
):
    monkeypatch.setenv("MESH_CATALOG__URL", f"postgresql+psycopg://{who}?host={cluster.home}")
    text = told(empty_mesh, "list")
    assert said in text
    assert hint in text


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1:1/mesh",
        "localhost:1/mesh",
        "nowhere.invalid/mesh",
        "/mesh?host=/nowhere",
        "silent",
    ],
)
def test_a_server_that_is_not_there_is_told_at_once_and_nothing_is_published(
    empty_mesh, silent, monkeypatch, place
):
    at = f"127.0.0.1:{silent}/mesh?connect_timeout=2" if place == "silent" else place
    monkeypatch.setenv("MESH_CATALOG__URL", f"postgresql+psycopg://me:secret@{at}")
    text = told(empty_mesh, "run", "--all", "--no-report")
    assert "the catalog's database cannot be used" in text
    assert "check MESH_CATALOG__URL, and that the server runs" in text
    assert "All failures" not in text
    assert not (empty_mesh.root / ".mesh" / "lake").exists()


def test_without_trigrams_search_forgives_less_and_verify_says_so(empty_mesh, url, caplog):
    mine = url.replace("mesh@", "plain@")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as administrator:
        administrator.execute("GRANT ALL ON SCHEMA public TO plain")
        with Catalog.open(mine) as catalog:
            catalog.register(domain("weather", product("weather.observations_v1")))
            assert "no pg_trgm" in caplog.text
            assert catalog.search.find("observatoins").total == 1
            assert catalog.search.find("obsrevatoins").total == 0
        assert empty_mesh.process("catalog", "sync", MESH_CATALOG__URL=mine).returncode == 0
        verified = empty_mesh.process("catalog", "verify", MESH_CATALOG__URL=mine)
        assert "forgive one typing error in a word, not two" in verified.stderr
        assert "try: CREATE EXTENSION pg_trgm" in verified.stderr

        administrator.execute("CREATE EXTENSION pg_trgm")
        with Catalog.open(mine) as catalog:
            assert catalog.search.lacking() is None
            assert catalog.search.find("obsrevatoins").total == 1
        administrator.execute("CREATE SCHEMA aside")
        administrator.execute("ALTER EXTENSION pg_trgm SET SCHEMA aside")
        with Catalog.open(mine) as catalog:
            assert catalog.search.lacking() is not None
            assert catalog.search.find("obsrevatoins").total == 0


def test_a_catalog_that_stays_locked_is_told(mesh, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(database, "_PRAGMAS", ("PRAGMA busy_timeout = 50",))
    with closing(sqlite3.connect(mesh.root / CATALOG, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        text = told(mesh, "token", "create", "--as", "ada", "--scope", "read")
        assert "other processes kept the catalog busy" in text
        assert mesh("list").exit_code == 0
        blocker.execute("ROLLBACK")
    assert mesh("token", "create", "--as", "ada", "--scope", "read").exit_code == 0


def test_a_catalog_of_a_newer_mesh_is_told(mesh):
    with closing(sqlite3.connect(mesh.root / CATALOG)) as connection, connection:
        connection.execute("UPDATE catalog_revision SET version_num = '9999'")
    text = told(mesh, "list")
    assert "made by a newer Mesh: its revision is 9999" in text
    assert "upgrade Mesh here" in text


@pytest.fixture
def foreign(mesh):
    """A mesh in a folder where the user may read only, and is not root, to whom that is nothing."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "mesh"
        shutil.copytree(mesh.root, root)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        Path(name).chmod(0o755)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65_534)
        yield Mesh(root)
        if is_root:
            os.seteuid(0)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.parametrize("command", [("list",), ("run", "--all", "--no-report")])
def test_a_catalog_that_may_only_be_read_is_told(foreign, command):
    text = told(foreign, *command)
    assert "cannot be opened for writing" in text
    assert "this user may write" in text
