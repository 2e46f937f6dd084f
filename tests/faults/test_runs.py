"""Whole runs under faults: killed, interrupted, with a broken catalog or a broken team beside them."""

import signal

import pytest

from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.errors import CatalogUnreadableError, DomainImportError
from mesh.naming import ProductId
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.running import run_products
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from tests.orchestration.small_mesh import SmallMesh

READINGS = ProductId("weather", "readings", 1)
INTERRUPTED = 128 + signal.SIGINT
RUNNER = "tests.faults.runner"
SLOW = '''
import time

import mesh


class Slow(mesh.Contract):
    """Never there in time."""

    n: int


@mesh.data_product(contract=Slow)
def slow():
    print('{"says": "stopped", "at": "the transform"}', flush=True)
    time.sleep(3_600)
'''


@pytest.fixture
def small(tmp_path):
    made = SmallMesh.at(tmp_path)
    made.write("teams/organization.yaml", "name: Small\ndomains: [weather]\n")
    for file in (tmp_path / "teams" / "reports").rglob("*"):
        if file.is_file():
            file.unlink()
    (tmp_path / "teams" / "weather" / "products" / "stations.py").unlink()
    return made


def readings(small) -> tuple:
    """The product as its folder declares it, and the mesh."""
    workspace = small.workspace
    return load_organization(small.settings).product(str(READINGS)), workspace


def test_a_catalog_that_was_lost_is_made_again_from_the_lake(small):
    product, workspace = readings(small)
    receipts = [execute(product, workspace, Run(str(number))) for number in range(3)]
    workspace.catalog.close()
    for file in small.root.rglob("catalog.db*"):
        file.unlink()

    again = small.workspace
    assert sync(again.catalog, again.lake, [product.id]).recorded == 3
    assert again.catalog.receipts(str(READINGS)) == receipts[::-1]


@pytest.mark.parametrize(
    "damage",
    [b"this is no database", b"SQLite format 3\x00" + bytes(range(256)) * 40],
    ids=["text", "a torn database"],
)
def test_an_unreadable_catalog_is_an_error_before_anything_is_published(small, damage):
    url = small.settings.catalog_url
    Catalog.open(url).close()
    (file,) = small.root.rglob("catalog.db")
    for beside in small.root.rglob("catalog.db-*"):
        beside.unlink()
    file.write_bytes(damage)

    with pytest.raises(CatalogUnreadableError) as raised:
        Workspace.open(small.settings)
    assert str(file) in str(raised.value)
    assert raised.value.hint
    assert file.read_bytes() == damage
    assert not (small.root / ".mesh" / "lake").exists()


@pytest.mark.parametrize(
    "source",
    ["import nowhere_to_be_found", "raise SystemError('boom')", "def broken(:", "1 / 0"],
    ids=["a missing module", "an error", "no Python", "a division"],
)
def test_a_team_whose_code_cannot_be_imported_stops_nobody_else(small, source):
    small.write("teams/organization.yaml", "name: Small\ndomains: [weather, broken]\n")
    small.add_domain("broken", "aggregate", oops=source)
    organization = load_organization(small.settings)

    (broken,) = organization.broken
    assert broken.name == "broken"
    assert isinstance(broken.error, DomainImportError) or broken.problems
    assert "teams/broken/products/oops.py" in str(broken.error)
    products = list(organization.products.values())
    summary = run_products(small.workspace, products, Run("run"), workers=2)
    assert summary.is_successful
    assert set(summary.results) == {str(READINGS)}


def test_an_interrupted_run_ends_and_keeps_what_was_published(small, start):
    small.add_domain("weather", "source-aligned", slow=SLOW)
    child = start(module=RUNNER, root=str(small.root), run_id="run")
    heard = [child.hear(), child.hear()]
    assert {"says": "stopped", "at": "the transform"} in heard
    assert {"says": "finished", "product": str(READINGS), "outcome": "Receipt"} in heard

    assert child.send(signal.SIGINT) == INTERRUPTED
    assert small.workspace.catalog.latest_receipt(str(READINGS)).run_id == "run"


def test_a_second_run_of_the_same_identity_at_once_publishes_once(small, nursery):
    told = {"root": str(small.root), "run_id": "same"}
    for child in [nursery.begin("run", told) for _ in range(2)]:
        heard = {"says": "finished", "product": str(READINGS), "outcome": "Receipt"}
        assert nursery.await_end(child) == (0, [heard])

    _, workspace = readings(small)
    assert workspace.lake.table(READINGS).version() == 0
    assert len(workspace.catalog.receipts(str(READINGS))) == 1
