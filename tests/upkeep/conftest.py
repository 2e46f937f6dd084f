"""The behaviour suite's stores, a catalog, upkeep at any moment, and processes that publish."""

import pytest

from mesh.catalog.store import Catalog
from tests.behaviour.stores import bucket, lake
from tests.behaviour.upkeep import Keeper
from tests.catalog.copies import put
from tests.faults.conftest import disk, start

__all__ = ["bucket", "disk", "lake", "start"]


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(put(f"sqlite:///{tmp_path / 'catalog.db'}")) as opened:
        yield opened


@pytest.fixture
def keeper(lake, catalog):
    return Keeper(lake, catalog)
