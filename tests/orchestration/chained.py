"""An upstream that tests publish to, and a product that reads it incrementally."""

from __future__ import annotations

import polars as pl
from deltalake import DeltaTable

import mesh
from mesh.catalog.receipts import Reading, Receipt
from mesh.orchestration.execution import Run, execute
from mesh.products.declaration import DataProduct
from mesh.publishing import publish
from tests.orchestration.declared import Numbers, bound

SCHEMA = {"n": pl.Int64, "square": pl.Int64}


def numbers(*pairs: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=SCHEMA, orient="row")


class Loose(mesh.Contract):
    """Rows without a key."""

    n: int
    square: int


class Upstream:
    """`retail.source_v1`, to which tests publish and foreign writers write."""

    def __init__(self, workspace, write: mesh.Append | None = None, **options) -> None:
        def source() -> None:
            """Tests bring the rows."""

        options = {"contract": Numbers, "write": write or mesh.Append(), **options}
        self.workspace = workspace
        self.product = bound(mesh.data_product(**options)(source))
        self.table = workspace.lake.table(self.product.id)
        self.runs = 0

    def publish(self, *pairs: tuple[int, int], product: DataProduct | None = None) -> Receipt:
        self.runs += 1
        outcome = publish(
            product or self.product,
            numbers(*pairs),
            lake=self.workspace.lake,
            run_id=f"up{self.runs}",
        )
        assert isinstance(outcome, Receipt), str(outcome)
        return outcome

    @property
    def delta(self) -> DeltaTable:
        return DeltaTable(self.table.url)


class Downstream:
    """A product that reads the upstream incrementally, and what it was handed."""

    def __init__(self, workspace, write=None, *, contract=Numbers, body=None, **inputs) -> None:
        def target(rows: pl.LazyFrame) -> pl.LazyFrame:
            self.handed.append(rows.collect())
            if self.broken:
                message = "no such luck"
                raise ValueError(message)
            return (body or (lambda frame: frame.select("n", "square")))(rows)

        ports = {"rows": mesh.Input("retail.source_v1", incremental=True), **inputs}
        declared = mesh.data_product(contract=contract, write=write or mesh.Append(), inputs=ports)
        self.product = bound(declared(target))
        self.workspace = workspace
        self.table = workspace.lake.table(self.product.id)
        self.handed: list[pl.DataFrame] = []
        self.broken = False
        self.runs = 0

    def run(self, **options) -> Receipt:
        self.runs += 1
        run = Run(options.pop("run_id", f"down{self.runs}"), **options)
        outcome = execute(self.product, self.workspace, run)
        assert isinstance(outcome, Receipt), str(outcome)
        return outcome

    @property
    def rows(self) -> list[tuple[int, int]]:
        return sorted(self.table.scan().collect().rows())

    @property
    def last_handed(self) -> list[tuple]:
        return sorted(self.handed[-1].select("n", "square", "_change_type").rows())


def used(receipt: Receipt) -> tuple[int | None, int, Reading | None]:
    (item,) = receipt.inputs
    return item.since, item.version, item.how


def current(frame: pl.LazyFrame) -> pl.LazyFrame:
    """What an upsert keeps: rows as they are now."""
    is_now = ~pl.col("_change_type").is_in(["update_preimage", "delete"])
    return frame.filter(is_now).select("n", "square")
