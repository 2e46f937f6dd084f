"""A contract's history is kept beside the table, so that a lost catalog gets it back."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.contracts.model import Column, Contract, Version
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.publishing import publish
from tests.catalog.factories import domain


def product_at(version: str) -> DataProduct:
    contract = Contract("Orders", Version.parse(version), "", (Column("id", "int64"),), ())
    return DataProduct(ProductId("sales", "orders", 1), contract, lambda: None)


def test_a_catalog_that_was_lost_knows_every_contract_that_was_published(
    tmp_path: Path, catalog_url: str
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    for number, version in enumerate(("1.0.0", "1.1.0", "1.2.0")):
        publish(product_at(version), pl.DataFrame({"id": [1]}), lake=lake, run_id=str(number))
    with Catalog.open(catalog_url) as catalog:
        catalog.register(domain("sales", product_at("1.2.0")))
        sync(catalog, lake)
        history = catalog.contract_versions("sales.orders_v1")
    assert sorted(str(record.version) for record in history) == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_contract_is_kept_once_however_often_it_is_published_under(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    for number in range(3):
        publish(product_at("1.0.0"), pl.DataFrame({"id": [1]}), lake=lake, run_id=str(number))
    kept = list(lake.table(ProductId("sales", "orders", 1)).store.list("_mesh/contracts"))
    assert len(kept) == 1


def test_a_contract_that_cannot_be_read_is_reported_and_stops_nothing(
    tmp_path: Path, catalog_url: str
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    publish(product_at("1.0.0"), pl.DataFrame({"id": [1]}), lake=lake, run_id="1")
    table = lake.table(ProductId("sales", "orders", 1))
    (Path(table.url) / "_mesh" / "contracts" / "bad.json").write_text("{")
    with Catalog.open(catalog_url) as catalog:
        catalog.register(domain("sales", product_at("1.0.0")))
        report = sync(catalog, lake)
    assert report.recorded == 1
    assert len(report.unreadable) == 1
