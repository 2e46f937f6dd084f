"""A pipeline whose token only publishes runs what was deployed, and deploys nothing itself."""

import pytest

from mesh.catalog.tokens import Scope
from tests.serving.live import served


@pytest.fixture
def pipeline(empty_mesh, tmp_path, monkeypatch):
    """A mesh whose catalog is served, and a way to be somebody with a token of a scope."""
    with served(f"sqlite:///{tmp_path / 'there.db'}") as there:
        monkeypatch.setenv("MESH_CATALOG__URL", there.url)

        def having(scope):
            made = there.behind.tokens.create("pipeline", [Scope(scope)], lasting=600)
            monkeypatch.setenv("MESH_CATALOG__TOKEN", made.secret)
            return empty_mesh

        yield having


def test_it_runs_what_was_registered_and_is_told_what_was_not(pipeline):
    assert pipeline("write")("catalog", "sync").exit_code == 0
    mesh = pipeline("publish")
    run = mesh("run", "shop.sales", "--run-id", "first", "--no-report")
    assert run.exit_code == 0, run.output
    policy = 'forbid (principal, action, resource in Mesh::Domain::"shop");'
    mesh.write("domains/shop/policies/own.cedar", f'@id("shop.mine") @reason("mine") {policy}')
    refused = mesh("run", "shop.sales", "--run-id", "second", "--no-report")
    assert refused.exit_code == 1
    assert "the token is not good for write" in refused.output
    assert "`mesh catalog sync` with a token for write" in refused.output
