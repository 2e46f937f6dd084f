"""The provider, started once, and a server that believes it."""

import pytest

from mesh.catalog.store import Catalog
from tests.peers.identity.provider import running
from tests.serving.identity.knowing import Knowing, settings_of


@pytest.fixture(scope="module")
def provider():
    """A real provider."""
    with running() as found:
        yield found


@pytest.fixture
def catalog(tmp_path):
    """An empty catalog."""
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def knowing(provider, catalog):
    """A server that believes the provider, as it is set."""

    def make(**changes) -> Knowing:
        return Knowing(catalog, settings_of(provider, **changes))

    return make
