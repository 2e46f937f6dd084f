"""A SQL product reads an incremental input as the changed rows, under the product's own name."""

from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Reading
from mesh.catalog.store import Catalog
from mesh.errors import DefinitionError
from mesh.lake import Lake
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import declaration_of
from mesh.publishing import publish
from tests.engines.sql_mesh import SqlMesh

SQL = """
select order_id, amount * 2 as doubled
from {{ source('shop', 'orders_v1') }}
where _change_type in ('insert', 'update_postimage')
"""
YAML = """
models:
  - name: doubled
    description: Orders, doubled.
    config:
      contract: {enforced: true}
      meta:
        mesh:
          version: "1.0.0"
          write: upsert
          inputs:
            - {product: shop.orders_v1, columns: [order_id, amount], incremental: true}
    constraints: [{type: primary_key, columns: [order_id]}]
    columns:
      - {name: order_id, data_type: bigint}
      - {name: doubled, data_type: double}
"""


class Orders(mesh.Contract):
    """One row per order."""

    order_id: int = mesh.Field(key=True)
    amount: float


def source() -> None:
    """The test brings the rows."""


@pytest.fixture
def small(tmp_path) -> SqlMesh:
    made = SqlMesh(tmp_path)
    made.model("doubled.sql", SQL)
    made.model("doubled.yml", YAML)
    return made


def test_it_is_handed_what_changed(small):
    settings = small.settings
    workspace = Workspace(settings, Lake.of(settings), Catalog.open(settings.catalog_url))
    source.__name__ = "orders"
    declared = declaration_of(
        mesh.data_product(contract=Orders, write=mesh.Upsert("order_id"))(source)
    )
    upstream = declared.bind("shop", Path(__file__).parent)

    def sell(run_id: str, *rows: tuple[int, float]) -> None:
        frame = pl.DataFrame(
            rows, schema={"order_id": pl.Int64, "amount": pl.Float64}, orient="row"
        )
        assert isinstance(
            publish(upstream, frame, lake=workspace.lake, run_id=run_id), mesh.Receipt
        )

    product = small.product("doubled")
    sell("a", (1, 1.0), (2, 2.0))
    execute(product, workspace, Run("first"))
    sell("b", (2, 5.0), (3, 3.0))
    receipt = execute(product, workspace, Run("second"))

    assert isinstance(receipt, mesh.Receipt), str(receipt)
    (read,) = receipt.inputs
    assert (read.since, read.version, read.how) == (0, 1, Reading.CHANGES)
    assert receipt.rows_accepted == 2
    found = workspace.lake.table(product.id).scan().sort("order_id").collect()
    assert found.rows() == [(1, 2.0), (2, 10.0), (3, 6.0)]


def test_one_that_is_written_as_a_whole_cannot_read_changes(small):
    small.change("doubled.yml", "write: upsert", "write: overwrite")
    with pytest.raises(DefinitionError, match="each publication is the whole"):
        small.products()
