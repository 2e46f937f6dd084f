"""A catalog of its own for every test, on each database that a catalog may live in."""

import pytest

from mesh.catalog.database import Database
from mesh.catalog.store import Catalog
from tests.catalog import postgresql


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
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with postgresql.database(request.getfixturevalue("postgresql_home")) as url:
        yield url


@pytest.fixture
def catalog(catalog_url):
    with Catalog.open(catalog_url) as opened:
        yield opened


@pytest.fixture
def database(catalog, catalog_url):
    """The database below the catalog, for rows that only others write."""
    del catalog  # it makes the tables
    opened = Database(catalog_url)
    yield opened
    opened.close()
