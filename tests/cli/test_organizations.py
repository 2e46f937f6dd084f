"""A repository whose catalog has another's organisation is told so, and what to do."""

import json

import pytest

from mesh.catalog.store import Catalog
from mesh.settings import load

OTHERS = {"name": "Ferries", "domains": ["harbours"], "people": []}
WORDS = "the catalog has another organization.yaml"


@pytest.fixture
def shared(mesh):
    """A mesh whose catalog another repository told its organisation first."""
    with Catalog.of(load(mesh.root)) as catalog:
        catalog.policies.take_organization(OTHERS, ())
    return mesh


def registered(mesh):
    with Catalog.of(load(mesh.root)) as catalog:
        return catalog.policies.organization()["name"]


def setting(mesh, value):
    mesh.write("pyproject.toml", f'[tool.mesh]\nstorage = ".mesh/lake"\norganization = "{value}"\n')


def test_plan_run_and_sync_say_so_and_leave_it_as_it_is(shared):
    planned = shared("plan")
    assert planned.exit_code == 1
    assert WORDS in planned.stderr
    assert "harbours" in planned.stderr
    run = shared("run", "shop.sales", "--run-id", "second", "--no-report")
    assert run.exit_code == 0, run.output
    assert WORDS in run.stderr
    synced = shared("catalog", "sync", "--json")
    assert synced.exit_code == 1
    assert any(WORDS in problem for problem in json.loads(synced.stdout)["unreadable"])
    assert registered(shared) == "Ferries"


def test_it_may_be_said_to_be_elsewhere(shared):
    setting(shared, "elsewhere")
    for command in (("plan",), ("catalog", "sync")):
        done = shared(*command)
        assert done.exit_code == 0, done.output
        assert WORDS not in done.output
    assert registered(shared) == "Ferries"


def test_it_may_be_said_to_be_here(shared):
    setting(shared, "here")
    assert shared("plan").exit_code == 0
    assert shared("catalog", "sync").exit_code == 0
    assert registered(shared) == "Corner Shops"
