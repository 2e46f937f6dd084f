"""A backfill publishes chosen partitions in their order, and goes on where it ended."""

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.catalog.store import Catalog
from mesh.errors import MeshError
from mesh.lake import Lake
from mesh.orchestration.backfilling import downstream, partitions_among, partitions_since
from mesh.orchestration.execution import Run
from mesh.orchestration.running import run_products
from mesh.orchestration.workspace import Workspace
from mesh.products.choosing import Choice
from mesh.settings import load
from tests.behaviour.products import product
from tests.catalog.factories import manifest

MONTHS = ("2026-01", "2026-02", "2026-03")
SALES_INPUT = {"sales": mesh.Input("shop.sales_v1")}


class Sales(mesh.Contract):
    """One row a month and shop."""

    month: str = mesh.Field(key=True)
    shop: str = mesh.Field(key=True)
    amount: float = mesh.Field(ge=0)


class Totals(mesh.Contract):
    """One row a month."""

    month: str = mesh.Field(key=True)
    amount: float


def parted(name="sales", *, function=None, partitions=None, **options):
    def sold(partition):
        return pa.table({"month": [partition], "shop": ["a"], "amount": [1.0]})

    return product(
        Sales,
        name=name,
        function=function or sold,
        write=mesh.ReplacePartitions(by="month"),
        partitions=partitions or mesh.MonthlyPartitions(start="2026-01", end="2026-03"),
        **options,
    )


def totals():
    def totals(sales: pl.LazyFrame) -> pl.LazyFrame:
        return sales.group_by("month").agg(pl.col("amount").sum())

    return product(Totals, name="totals", function=totals, inputs=SALES_INPUT)


@pytest.fixture
def workspace(tmp_path):
    settings = load(tmp_path)
    made = Workspace(settings, Lake.of(settings), Catalog.open(settings.catalog_url))
    made._registered["shop"] = manifest("shop")
    return made


def run(workspace, products, run_id, partitions):
    chosen = {str(p.id): keys for p, keys in zip(products, [partitions], strict=False)}
    return run_products(workspace, products, Run(run_id, partitions=chosen), workers=2)


def test_only_the_chosen_partitions_are_published_in_their_order(workspace):
    sales = parted()
    chosen = partitions_among([sales], [sales.id], Choice.parse("2026-03,2026-02"))

    summary = run_products(workspace, [sales], Run("r", partitions=chosen), workers=1)

    receipts = summary.results["shop.sales_v1"].receipts
    assert [receipt.partition for receipt in receipts] == ["2026-02", "2026-03"]
    assert len({receipt.publication_id for receipt in receipts}) == 2


def test_the_same_run_goes_on_with_what_is_missing_and_makes_nothing_twice(workspace):
    made = []
    amounts = {"2026-02": -1.0}

    def sold(partition):
        made.append(partition)
        amount = amounts.get(partition, 1.0)
        return pa.table({"month": [partition], "shop": ["a"], "amount": [amount]})

    sales = parted(function=sold)
    first = run(workspace, [sales], "r", MONTHS).results["shop.sales_v1"]
    amounts.clear()
    second = run(workspace, [sales], "r", MONTHS).results["shop.sales_v1"]

    assert isinstance(first.outcome, Refusal)
    assert isinstance(second.outcome, Receipt)
    assert made == ["2026-01", "2026-02", "2026-02", "2026-03"]
    assert [receipt.is_repeated for receipt in second.receipts] == [True, False, False]
    assert workspace.lake.table(sales.id).version() == 2


def test_downstream_products_follow_to_any_depth(workspace):
    last = product(
        Totals,
        name="last",
        function=lambda totals: totals,
        inputs={"totals": mesh.Input("shop.totals_v1")},
    )
    other = product(Totals, name="other", function=lambda: None)

    found = downstream([parted()], [other, last, totals(), parted()])

    assert {p.id.name for p in found} == {"sales", "totals", "last"}
    summary = run(workspace, [parted(), totals()], "r", MONTHS[:2])
    assert summary.is_successful
    assert workspace.lake.table(totals().id).scan().collect().height == 2


def test_a_product_downstream_runs_the_partitions_that_it_shares():
    def later(sales: pl.LazyFrame, partition: str) -> pl.LazyFrame:
        return sales.filter(month=partition)

    months = mesh.MonthlyPartitions(start="2026-02", end="2026-03")
    below = parted("below", function=later, partitions=months, inputs=SALES_INPUT)
    sales = parted()

    chosen = partitions_among([sales, below], [sales.id], Choice.parse("..2026-02"))

    assert chosen == {"shop.sales_v1": MONTHS[:2], "shop.below_v1": ("2026-02",)}
    with pytest.raises(MeshError, match=r"shop\.below_v1: it has none of these partitions"):
        partitions_among([sales, below], [sales.id], Choice.parse("2026-01"))


def test_since_a_day_leaves_products_downstream_without_time_as_they_are():
    names = parted("names", partitions=mesh.StaticPartitions(["a", "b"]))
    sales = parted()

    assert partitions_since([sales, names, totals()], [sales.id], "2026-02-15") == {
        "shop.sales_v1": MONTHS[1:]
    }


def test_everything_that_cannot_be_run_is_told_at_once():
    sales, other = parted(), totals()

    with pytest.raises(MeshError) as raised:
        partitions_among([sales, other], [sales.id, other.id], Choice.parse("2027-01"))
    assert "shop.totals_v1: it has no partitions" in str(raised.value)
    assert "shop.sales_v1: there is no partition '2027-01'" in str(raised.value)
    with pytest.raises(MeshError, match="it has no partitions"):
        partitions_since([other], [other.id], "2026-01-01")
