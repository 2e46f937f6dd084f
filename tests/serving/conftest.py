"""A catalog with something in it, and the application that serves it."""

import pytest
from starlette.testclient import TestClient

from mesh.catalog.receipts import InputVersion
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.products.ports import Input
from mesh.serving.app import make_app
from mesh.settings import ServingSettings
from tests.catalog.copies import put
from tests.catalog.factories import contract, domain, later, product, receipt, refusal

WEATHER = "weather.observations_v1"
FLIGHTS = "operations.flights_v1"
DELAYS = "punctuality.delays_v1"
HOST = "http://localhost"


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'catalog.db'}"


@pytest.fixture
def catalog(sqlite_url):
    with Catalog.open(put(sqlite_url)) as opened:
        fill(opened)
        yield opened


def fill(catalog: Catalog) -> None:
    """Three domains, of which one reads the others, with receipts and refusals."""
    weather = domain("weather", product(WEATHER), product("weather.stations_v1"))
    catalog.register(weather)
    catalog.register(
        domain(
            "weather", product(WEATHER, contract("1.1.0", "gust")), product("weather.stations_v1")
        )
    )
    catalog.register(domain("operations", product(FLIGHTS)))
    expected = Input(WEATHER, ["origin"], "why late", expects={"speed": {"max_null_share": 0.05}})
    catalog.register(domain("punctuality", product(DELAYS, weather=expected, flights=FLIGHTS)))
    for version in range(5):
        catalog.record(receipt(WEATHER, version))
    catalog.record(receipt(DELAYS, 0, [InputVersion(WEATHER, 4, "weather", ("origin",))]))
    for hours in range(3):
        catalog.record_refusal(later(refusal(WEATHER), hours))


@pytest.fixture
def client(catalog):
    """Somebody without a token, where reading is open."""
    return TestClient(make_app(catalog, ServingSettings()), base_url=HOST)


@pytest.fixture
def guarded(catalog):
    """Somebody without a token, where reading needs one."""
    return TestClient(make_app(catalog, ServingSettings(reading="token")), base_url=HOST)


@pytest.fixture
def bearing(catalog):
    """The header of a token that is good for these scopes."""

    def make(*scopes: str) -> dict[str, str]:
        made = catalog.tokens.create("ada", [Scope(name) for name in scopes], lasting=60)
        return {"authorization": f"Bearer {made.secret}"}

    return make
