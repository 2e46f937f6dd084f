"""Products served as rows, as a test client reaches them."""

import pytest
from starlette.testclient import TestClient

import mesh
from mesh.catalog.store import Catalog
from mesh.serving.app import make_app
from mesh.serving.readers import Readers
from tests.catalog.factories import domain
from tests.products.conftest import imports
from tests.products.small import declared, named
from tests.serving.sharing import lakes as shared

__all__ = ["imports"]


class Trips(mesh.Contract):
    """One row per trip."""

    line: str = mesh.Field(key=True)
    number: int = mesh.Field(key=True)
    minutes: float = mesh.Field(nullable=True, unit="min")
    seat: int = mesh.Field(nullable=True)


TRIPS = declared(named("trips"), contract=Trips)


@pytest.fixture
def lake(tmp_path):
    return shared.make(tmp_path)


@pytest.fixture
def client(lake):
    with Catalog.open(lake.database) as catalog:
        catalog.register(domain("shop", shared.FLIGHTS, shared.THINGS, TRIPS))
        readers = Readers(catalog, lake.deciding, lake.settings)
        app = make_app(catalog, lake.settings.serving, deciding=lake.deciding, readers=readers)
        yield TestClient(app, base_url="http://localhost")


@pytest.fixture
def asking(client, lake):
    """Ask for a path as somebody."""

    def ask(path, name=shared.ANA, **headers):
        bearing = {"authorization": f"Bearer {lake.token(name)}"} if name else {}
        return client.get(f"/v1/products/{path}", headers={**bearing, **headers})

    return ask
