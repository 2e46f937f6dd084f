"""A catalog of its own for every test."""

import pytest

from mesh.catalog.store import Catalog


@pytest.fixture
def catalog_url(tmp_path):
    return f"sqlite:///{tmp_path / 'state' / 'catalog.db'}"


@pytest.fixture
def catalog(catalog_url):
    with Catalog.open(catalog_url) as opened:
        yield opened
