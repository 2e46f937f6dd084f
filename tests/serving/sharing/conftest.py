"""A shared lake on disk, and its server as a test client reaches it."""

import json
import shutil
from dataclasses import dataclass, field

import pytest
from starlette.testclient import TestClient

from mesh.catalog.store import Catalog
from mesh.serving.app import make_app
from mesh.serving.sharing.sharing import Sharing
from mesh.settings import load
from tests.serving.sharing import lakes

HOST = "http://localhost"
BASE = "/delta-sharing"


@dataclass
class Asking:
    """Somebody who asks the server, by plain HTTP."""

    client: TestClient
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path, **options):
        """A path of the protocol, or a whole URL."""
        url = path if path.startswith("http") else f"{BASE}{path}"
        return self.client.get(url, headers={**self._bearing(), **self.headers}, **options)

    def query(self, table, body=None, **headers):
        """Ask for the files of a table of `mesh`, such as `shop.flights_v1`."""
        schema, _, name = table.partition(".")
        path = f"{BASE}/shares/mesh/schemas/{schema}/tables/{name}/query"
        said = {**self._bearing(), **self.headers, **headers}
        return self.client.post(path, json=body or {}, headers=said)

    def files(self, table, body=None, **headers):
        """The files of a table, as the protocol's lines have them."""
        answer = self.query(table, body, **headers)
        assert answer.status_code == 200, answer.text
        return [line["file"] for line in lines(answer)[2:]]

    def _bearing(self):
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def lines(answer):
    """The lines of an answer."""
    return [json.loads(line) for line in answer.text.splitlines()]


def at(table):
    """The path of a table."""
    schema, _, name = table.partition(".")
    return f"/shares/mesh/schemas/{schema}/tables/{name}"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """The folder of a lake that every test begins with a copy of."""
    root = tmp_path_factory.mktemp("shared")
    lakes.make(root)
    return root


@pytest.fixture
def lake_shared(tmp_path, made_once):
    """A lake on disk."""
    root = tmp_path / "mesh"
    shutil.copytree(made_once, root)
    return lakes.SharedLake(load(root), f"sqlite:///{root / 'catalog.db'}")


@pytest.fixture
def client(lake_shared):
    """The server, as anybody reaches it."""
    with Catalog.open(lake_shared.database) as catalog:
        sharing = Sharing.of(catalog, lake_shared.settings, lake_shared.deciding)
        serving = lake_shared.settings.serving
        app = make_app(catalog, serving, deciding=lake_shared.deciding, sharing=sharing)
        yield TestClient(app, base_url=HOST)


@pytest.fixture
def asking(client, lake_shared):
    """Somebody with a token of their own."""

    def make(name: str, *scopes) -> Asking:
        return Asking(client, lake_shared.token(name, *scopes))

    return make


@pytest.fixture
def ana(asking):
    """Sees everything."""
    return asking(lakes.ANA)


@pytest.fixture
def carl(asking):
    """Sees flights of United alone, masked."""
    return asking(lakes.CARL)


@pytest.fixture
def dan(asking):
    """Sees nothing."""
    return asking(lakes.DAN)
