"""A catalog of its own for every test: on each database that it may live in, and from afar."""

import pytest

from mesh.catalog.database import Database
from mesh.catalog.store import Catalog
from tests.catalog import copies, postgresql
from tests.serving.live import served


@pytest.fixture(scope="session")
def postgresql_home():
    with postgresql.running() as home:
        yield home


@pytest.fixture(scope="session")
def postgresql_original(postgresql_home):
    with copies.original(postgresql_home) as name:
        yield name


@pytest.fixture
def sqlite_url(tmp_path):
    """For what is SQLite's own: its file, and how it is shared."""
    return f"sqlite:///{tmp_path / 'state' / 'catalog.db'}"


@pytest.fixture
def postgresql_url(postgresql_home, postgresql_original):
    """For what is PostgreSQL's own."""
    with postgresql.database(postgresql_home, postgresql_original) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request):
    """For tests that reach into the database itself."""
    return copies.put(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request):
    """For tests of how a catalog is made: there is none yet."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with postgresql.database(request.getfixturevalue("postgresql_home")) as url:
        yield url


@pytest.fixture
def stored_catalog(catalog_url):
    with Catalog.open(catalog_url) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql", "remote"])
def catalog(request):
    if request.param == "remote":
        with (
            served(request.getfixturevalue("sqlite_url"), token_requests_per_second=1e6) as server,
            Catalog.open(server.url, server.token) as opened,
        ):
            yield opened
        return
    with Catalog.open(copies.put(request.getfixturevalue(f"{request.param}_url"))) as opened:
        yield opened


@pytest.fixture
def database(stored_catalog, catalog_url):
    """The database below the catalog, for rows that only others write."""
    del stored_catalog  # it makes the tables
    opened = Database(catalog_url)
    yield opened
    opened.close()
