"""The platform's own products: the catalog, published by the same rules as everything else."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import mesh
from assets import sources
from assets.products import lineage, products, publications
from mesh.catalog.receipts import Receipt
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_domain
from mesh.settings import find_root, load

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """This repository's mesh, with a lake and a catalog of its own."""
    monkeypatch.setenv("MESH_STATE", str(tmp_path))
    monkeypatch.setenv("MESH_STORAGE", str(tmp_path / "lake"))
    return Workspace.open(load(find_root()))


@pytest.fixture
def platform(workspace):
    folder = workspace.settings.path(workspace.settings.platform)
    return {p.id.name: p for p in load_domain(folder, workspace.settings).products}


def published(workspace, product, run_id="one"):
    outcome = execute(product, workspace, Run(run_id))
    assert isinstance(outcome, Receipt), str(outcome)
    return mesh.read(str(product.id), settings=workspace.settings).collect()


def test_the_catalog_has_all_it_takes_to_fill_the_contracts(workspace, platform):
    known = published(workspace, platform["products"])
    ours = known.filter(product="platform.products_v1").row(0, named=True)
    assert ours["team"] == "Data Platform"
    assert ours["classification"] == "personal"
    assert ours["freshness_hours"] == 24.0
    assert ours["column_count"] == len(platform["products"].contract.columns)
    assert ours["is_declared"]
    assert ours["last_published_at"] is None


def test_a_mesh_that_has_published_nothing_has_no_publications(workspace, platform):
    assert published(workspace, platform["publications"]).is_empty()
    assert sources.inputs().collect().is_empty()


def test_publications_and_lineage_follow_the_receipts(workspace, platform):
    published(workspace, platform["products"])
    made = published(workspace, platform["publications"])
    (row,) = made.filter(product="platform.products_v1").to_dicts()
    assert row["run_id"] == "one"
    assert row["partition"] is None
    assert row["rows_published"] == 3
    assert row["rules_broken"] == row["rules_skipped"] == 0
    assert row["rules_checked"] >= len(platform["products"].contract.rules)

    (edge,) = published(workspace, platform["lineage"]).to_dicts()
    assert edge["product"] == "platform.publications_v1"
    assert edge["input_product"] == "platform.products_v1"
    assert edge["is_reference"]
    assert (edge["table_version"], edge["input_version"]) == (0, 0)


def test_the_most_careful_classification_speaks_for_a_product(monkeypatch):
    row = {
        "product": "sales.orders_v1",
        "classifications": ["public", "confidential", "internal"],
        "rules": ["a", "b"],
        "freshness": timedelta(minutes=90),
        "schedule": "",
    }
    frame = pl.LazyFrame([row], schema=sources.PRODUCTS)
    monkeypatch.setattr(sources, "products", lambda: frame)
    (made,) = products.products().collect().to_dicts()
    assert made["classification"] == "confidential"
    assert (made["column_count"], made["rule_count"]) == (3, 2)
    assert made["freshness_hours"] == 1.5
    assert made["schedule"] is None


def test_rules_are_counted_by_what_became_of_them(monkeypatch):
    tallies = [
        {"severity": "error", "outcome": "failed"},
        {"severity": "warning", "outcome": "failed"},
        {"severity": "warning", "outcome": "failed"},
        {"severity": "error", "outcome": "skipped"},
        {"severity": "error", "outcome": "passed"},
    ]
    frame = pl.LazyFrame([{"tallies": tallies}, {"tallies": []}], schema=sources.PUBLICATIONS)
    monkeypatch.setattr(sources, "publications", lambda: frame)
    made = publications.publications().collect()
    assert made["rules_checked"].to_list() == [5, 0]
    assert made["rules_broken"].to_list() == [1, 0]
    assert made["rules_warned"].to_list() == [2, 0]
    assert made["rules_skipped"].to_list() == [1, 0]


def test_an_input_without_port_is_a_reference(monkeypatch):
    rows = [{"input": "a.b_v1", "port": port, "published_at": MOMENT} for port in ("flights", "")]
    monkeypatch.setattr(sources, "inputs", lambda: pl.LazyFrame(rows, schema=sources.INPUTS))
    assert lineage.lineage().collect()["is_reference"].to_list() == [False, True]
