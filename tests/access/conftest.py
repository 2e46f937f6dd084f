"""A mesh of three domains in a catalog, on each database and from afar, and who decides in it."""

import pytest

from tests.access.parties import mesh_of
from tests.catalog.conftest import (
    catalog,
    catalog_url,
    postgresql_home,
    postgresql_original,
    postgresql_url,
    sqlite_url,
    stored_catalog,
)

__all__ = [
    "catalog",
    "catalog_url",
    "postgresql_home",
    "postgresql_original",
    "postgresql_url",
    "sqlite_url",
    "stored_catalog",
]


@pytest.fixture
def mesh(catalog):
    """The mesh in a catalog of any kind."""
    return mesh_of(catalog)


@pytest.fixture
def stored_mesh(stored_catalog):
    """The mesh in a database that a test reaches into."""
    return mesh_of(stored_catalog)
