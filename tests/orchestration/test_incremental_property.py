"""A chain of incremental products is, after any history, what a run on everything would make."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import polars as pl
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

import mesh
from mesh.catalog.receipts import Receipt
from mesh.orchestration import execution
from mesh.orchestration.execution import Run, execute
from mesh.products.declaration import DataProduct
from mesh.publishing import publish, receipts_in
from tests.orchestration.declared import bound, empty_mesh

SCHEMA = {"id": pl.Int64, "day": pl.String, "amount": pl.Int64}


class Orders(mesh.Contract):
    """One row per order."""

    id: int = mesh.Field(key=True)
    day: str
    amount: int


class OrdersOfDays(Orders):
    """One row per order and day: an order that moves leaves the day it was in as it is."""

    day: str = mesh.Field(key=True)


class Totals(mesh.Contract):
    """One row per day that has orders."""

    day: str = mesh.Field(key=True)
    amount: int


def source() -> None:
    """The test brings the rows."""


def copies(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Append: only ever handed what is new."""
    return rows.select("id", "day", pl.col("amount") * 2)


def merged(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Upsert: rows as they are now."""
    is_now = ~pl.col("_change_type").is_in(["update_preimage", "delete"])
    return rows.filter(is_now).select("id", "day", pl.col("amount") + 1)


def followed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Upsert that deletes: all changes, but for what rows were before."""
    return rows.filter(pl.col("_change_type") != "update_preimage")


def summed(changed: pl.LazyFrame, everything: pl.LazyFrame) -> pl.LazyFrame:
    """Groups that changed, made anew; one without rows has no total, and goes."""
    total = everything.group_by("day").agg(pl.col("amount").sum())
    return changed.select("day").unique().join(total, on="day", how="left")


def replaced(changed: pl.LazyFrame, everything: pl.LazyFrame) -> pl.LazyFrame:
    """ReplacePartitions: the days that changed, made anew."""
    return everything.join(changed.select("day").unique(), on="day", how="semi")


SOURCE = bound(mesh.data_product(contract=Orders, write=mesh.Append())(source))
UPSERTING = bound(mesh.data_product(contract=Orders, write=mesh.Upsert(on="id"))(source))
OVERWRITING = bound(mesh.data_product(contract=Orders)(source))


def reading(upstream: str) -> dict[str, mesh.Input]:
    return {"rows": mesh.Input(f"retail.{upstream}_v1", incremental=True)}


COPIES = bound(
    mesh.data_product(contract=Orders, write=mesh.Append(), inputs=reading("source"))(copies)
)
MERGED = bound(
    mesh.data_product(contract=Orders, write=mesh.Upsert(on="id"), inputs=reading("copies"))(merged)
)
TWICE = {
    "changed": mesh.Input("retail.source_v1", incremental=True),
    "everything": mesh.Input("retail.source_v1"),
}
REPLACED = bound(
    mesh.data_product(contract=OrdersOfDays, write=mesh.ReplacePartitions(by="day"), inputs=TWICE)(
        replaced
    )
)
FOLLOWED = bound(
    mesh.data_product(
        contract=Orders,
        write=mesh.Upsert(on="id", delete_when=pl.col("_change_type") == "delete"),
        inputs=reading("source"),
    )(followed)
)
SUMMED = bound(
    mesh.data_product(
        contract=Totals,
        write=mesh.Upsert(on="day", delete_when=pl.col("amount").is_null()),
        inputs=TWICE,
    )(summed)
)

ROWS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from("ab"), st.integers(0, 3)),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row[0],
)
STEP = st.tuples(
    st.sampled_from(
        ["append", "upsert", "overwrite", "delete", "foreign append", "compact", "restore"]
    ),
    ROWS,
    st.sampled_from(["run all", "run first", "die", "wait"]),
)


def change(workspace, what: str, rows: list[tuple[int, str, int]], run_id: str) -> None:
    """One commit to the source, by Mesh or by somebody else."""
    table = workspace.lake.table(SOURCE.id)
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    known = table.scan().select("id").collect().to_series()
    fresh = frame.filter(~pl.col("id").is_in(known.implode()))
    products = {"append": SOURCE, "upsert": UPSERTING, "overwrite": OVERWRITING}
    if what in products:
        data = fresh if what == "append" else frame
        outcome = publish(products[what], data, lake=workspace.lake, run_id=run_id)
        assert isinstance(outcome, Receipt), str(outcome)
        return
    delta = DeltaTable(table.url)
    if what == "delete":
        delta.delete(f"id = {rows[0][0]}")
    elif what == "foreign append":
        write_deltalake(table.url, fresh, mode="append")
    elif what == "compact":
        delta.optimize.compact()
    elif delta.version():
        delta.restore(rows[0][0] % delta.version())


class DiedError(Exception):
    """Stands in for a process that ends after its commit, before the catalog hears of it."""


def run(product: DataProduct, workspace, run_id: str, *, dies: bool) -> None:
    if not dies:
        outcome = execute(product, workspace, Run(run_id))
        assert isinstance(outcome, Receipt), str(outcome)
        return
    original = execution.publish

    def dying(*arguments, **options):
        original(*arguments, **options)
        raise DiedError

    execution.publish = dying
    try:
        execute(product, workspace, Run(run_id))
    except DiedError:
        pass
    finally:
        execution.publish = original


def rows_of(workspace, product: DataProduct) -> list[tuple]:
    return sorted(workspace.lake.table(product.id).scan().collect().rows())


def names() -> Iterator[str]:
    return (f"r{number}" for number in count())


@settings(max_examples=10)
@given(steps=st.lists(STEP, min_size=1, max_size=6))
def test_after_any_history_a_chain_has_what_a_run_on_everything_has(tmp_path_factory, steps):
    workspace, name = empty_mesh(tmp_path_factory.mktemp("chain")), names()
    first = pl.DataFrame([(0, "a", 0), (1, "b", 1)], schema=SCHEMA, orient="row")
    publish(SOURCE, first, lake=workspace.lake, run_id=next(name))
    for product in (COPIES, MERGED):
        run(product, workspace, next(name), dies=False)
    for what, rows, then in steps:
        change(workspace, what, rows, next(name))
        chain = {"run all": (COPIES, MERGED), "wait": ()}.get(then, (COPIES,))
        for product in chain:
            run(product, workspace, next(name), dies=then == "die")
    for product in (COPIES, MERGED):
        run(product, workspace, next(name), dies=False)

    whole = rows_of(workspace, SOURCE)
    assert rows_of(workspace, COPIES) == [(k, day, n * 2) for k, day, n in whole]
    assert rows_of(workspace, MERGED) == [(k, day, n * 2 + 1) for k, day, n in whole]


@settings(max_examples=8)
@given(steps=st.lists(STEP, min_size=1, max_size=5))
def test_deletes_are_followed_and_groups_that_changed_are_made_anew(tmp_path_factory, steps):
    workspace, name = empty_mesh(tmp_path_factory.mktemp("parts")), names()
    first = pl.DataFrame([(0, "a", 0), (1, "b", 1)], schema=SCHEMA, orient="row")
    publish(SOURCE, first, lake=workspace.lake, run_id=next(name))
    for what, rows, then in [*steps, ("compact", [], "run all")]:
        change(workspace, what, rows, next(name))
        for product in (FOLLOWED, SUMMED, REPLACED) if then != "wait" else ():
            run(product, workspace, next(name), dies=then == "die")

    whole = rows_of(workspace, SOURCE)
    days = sorted({day for _, day, _ in whole})
    assert rows_of(workspace, FOLLOWED) == whole
    assert rows_of(workspace, SUMMED) == [
        (day, sum(amount for _, other, amount in whole if other == day)) for day in days
    ]
    # A day without rows has nothing that its partition could be replaced by.
    assert [row for row in rows_of(workspace, REPLACED) if row[1] in days] == whole
    for product in (FOLLOWED, SUMMED):
        assert not any(receipt.notes for receipt in receipts_in(workspace.lake.table(product.id)))
