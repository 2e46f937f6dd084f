"""Products with partitions, run without Dagster."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import mesh
from mesh.catalog.receipts import Receipt
from mesh.catalog.store import Catalog
from mesh.errors import UnknownPartitionError
from mesh.lake import Lake
from mesh.orchestration.execution import Run
from mesh.orchestration.running import Failed, partitions_of, run_products
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import DataProduct, declaration_of
from mesh.settings import load


class Sales(mesh.Contract):
    """One row a month and shop."""

    month: str = mesh.Field(key=True)
    shop: str = mesh.Field(key=True)
    amount_usd: float = mesh.Field(ge=0)


@mesh.data_product(
    contract=Sales,
    write=mesh.ReplacePartitions(by="month"),
    partitions=mesh.MonthlyPartitions(start="2013-01", end="2013-03"),
)
def sales(partition: str) -> pa.Table:
    """Sales of a month."""
    return pa.table({"month": [partition] * 2, "shop": ["a", "b"], "amount_usd": [1.0, 2.0]})


@pytest.fixture
def product() -> DataProduct:
    """The product, bound to its domain."""
    declaration = declaration_of(sales)
    assert declaration is not None
    return declaration.bind("retail", Path(__file__).parent)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A mesh in an empty folder."""
    settings = load(tmp_path)
    return Workspace(settings, Lake.of(settings), Catalog.open(settings.catalog_url))


def test_a_run_without_a_partition_makes_all_of_them(
    product: DataProduct, workspace: Workspace
) -> None:
    summary = run_products(workspace, [product], Run("r1"), workers=1)
    assert summary.is_successful
    rows = workspace.lake.table(product.id).scan().collect()
    assert rows.group_by("month").len().sort("month").rows() == [
        ("2013-01", 2),
        ("2013-02", 2),
        ("2013-03", 2),
    ]
    assert len(workspace.catalog.receipts(str(product.id))) == 3


def test_a_run_of_one_partition_leaves_the_others_as_they_are(
    product: DataProduct, workspace: Workspace
) -> None:
    run_products(workspace, [product], Run("r1"), workers=1)
    summary = run_products(workspace, [product], Run("r2", "2013-02"), workers=1)
    outcome = summary.results[str(product.id)].outcome
    assert isinstance(outcome, Receipt)
    assert outcome.partition == "2013-02"
    assert workspace.lake.table(product.id).scan().collect().height == 6


def test_an_unknown_partition_is_named_with_those_that_look_like_it(
    product: DataProduct, workspace: Workspace
) -> None:
    with pytest.raises(UnknownPartitionError, match="did you mean"):
        partitions_of(product, Run("r1", "2013-04"))
    summary = run_products(workspace, [product], Run("r1", "2012-01"), workers=1)
    assert isinstance(summary.results[str(product.id)].outcome, Failed)
