"""A catalog of its own for every test: on each database that it may live in, and from afar."""

import pytest

from mesh.catalog.database import Database
from mesh.catalog.store import Catalog
from tests.catalog import postgresql
from tests.serving.live import served


@pytest.fixture(scope="session")
def postgresql_home():
    with postgresql.running() as home:
        yield home


@pytest.fixture
def sqlite_url(tmp_path):
    """For what is SQLite's own: its file, and how it is shared."""
    return f"sqlite:///{tmp_path / 'state' / 'catalog.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request):
    """For tests that reach into the database itself."""
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
    if request.param == "sqlite":
        url = request.getfixturevalue("sqlite_url")
        with Catalog.open(url) as opened:
            yield opened
        return
    home = request.getfixturevalue("postgresql_home")
    with postgresql.database(home) as url, Catalog.open(url) as opened:
        yield opened


@pytest.fixture
def database(stored_catalog, catalog_url):
    """The database below the catalog, for rows that only others write."""
    del stored_catalog  # it makes the tables
    opened = Database(catalog_url)
    yield opened
    opened.close()
