"""Small products to publish, declared as a domain team declares them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import mesh
from mesh.lake import Lake, Table
from mesh.products.declaration import DataProduct, declaration_of
from mesh.publishing import publish, receipts_in
from mesh.settings import PublishingSettings

SMALL_BATCHES = PublishingSettings(workers=2, batch_rows=4)
"""Several batches and threads, even for a handful of rows."""


class Orders(mesh.Contract):
    """One row per order."""

    order_id: int = mesh.Field(key=True)
    country: str
    amount: float = mesh.Field(ge=0, nullable=True)


class OrdersByCountry(Orders):
    """One row per country and order."""

    order_id: int = mesh.Field(key=True)
    country: str = mesh.Field(key=True)


class Notes(mesh.Contract):
    """Rows without a key."""

    country: str
    text: str = mesh.Field(nullable=True)


def product(
    contract: type[mesh.Contract] = Orders,
    *,
    name: str = "orders",
    function: Callable[..., Any] | None = None,
    domain: str = "shop",
    **options: Any,
) -> DataProduct:
    """A product of a domain, `shop` by default."""

    def transform() -> None:
        """Nothing: these tests bring the data themselves."""

    chosen = function or transform
    chosen.__name__ = name
    declared = declaration_of(mesh.data_product(contract=contract, **options)(chosen))
    return declared.bind(domain, Path(__file__).parent)


def orders(rows: Sequence[tuple[int, str, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={"order_id": pl.Int64, "country": pl.String, "amount": pl.Float64},
        orient="row",
    )


def publish_small(declared: DataProduct, data: Any, lake: Lake, run_id: str, **options: Any):
    """Publish in batches of four rows, on two threads."""
    return publish(declared, data, lake=lake, run_id=run_id, settings=SMALL_BATCHES, **options)


def rows_of(declared: DataProduct, lake: Lake, version: int | None = None) -> list[tuple]:
    """The published rows, in order of their values."""
    return sorted(lake.table(declared.id).scan(version).collect().rows(), key=repr)


def state_of(table: Table) -> object:
    """Everything that a table is: version, files it shows, and files that lie there.

    Contracts that are kept beside it are none of its data.
    """
    files = (file.path for file in table.store.list())
    lying = sorted(path for path in files if not path.startswith("_mesh/contracts/"))
    found = table.find()
    shown = sorted(file.path for file in found.files) if found else []
    return (found.version if found else None, shown, lying)


def history_of(declared: DataProduct, lake: Lake) -> list[tuple[int, str]]:
    """Version and run of every receipt in the table's history, oldest first."""
    found = receipts_in(lake.table(declared.id))
    return sorted((receipt.table_version, receipt.run_id) for receipt in found)
