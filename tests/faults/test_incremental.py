"""`kill -9` anywhere in a chain of incremental products: every row is consumed exactly once."""

import shutil

import pytest

from mesh.naming import ProductId
from mesh.orchestration.execution import Run
from mesh.orchestration.running import run_products
from mesh.products.collection import load_organization
from mesh.products.declaration import DataProduct
from mesh.reading import read
from tests.orchestration.small_mesh import SmallMesh

RUNNER = "tests.faults.chain_runner"
SENT = '''
"""What the shops sent: a row is corrected by sending it again."""
from pathlib import Path

import polars as pl

import mesh


class Sent(mesh.Contract):
    """One row per sale."""

    id: int = mesh.Field(key=True)
    amount: int


@mesh.data_product(contract=Sent, write=mesh.Upsert(on="id"))
def sent() -> pl.DataFrame:
    return pl.read_csv(Path(__file__).parents[3] / "sales.csv")
'''
COPIES = '''
"""Every sale once, by appending what is new."""
import polars as pl

import mesh


class Copies(mesh.Contract):
    """One row per sale; no key would notice a row that came twice."""

    id: int
    amount: int


@mesh.data_product(
    contract=Copies,
    write=mesh.Append(),
    inputs={"rows": mesh.Input("chain.sent_v1", incremental=True)},
)
def copies(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select("id", "amount")
'''
DOUBLED = '''
"""Sales as they are now, doubled."""
import polars as pl

import mesh


class Doubled(mesh.Contract):
    """One row per sale."""

    id: int = mesh.Field(key=True)
    amount: int


@mesh.data_product(
    contract=Doubled,
    write=mesh.Upsert(on="id"),
    inputs={"rows": mesh.Input("chain.copies_v1", incremental=True)},
)
def doubled(rows: pl.LazyFrame) -> pl.LazyFrame:
    is_now = ~pl.col("_change_type").is_in(["update_preimage", "delete"])
    return rows.filter(is_now).select("id", pl.col("amount") * 2)
'''
KILLS = [
    ("before the commit of chain.copies_v1", "killed"),
    ("after the commit of chain.copies_v1", "killed"),
    ("after the commit of chain.copies_v1", "another"),
    ("before the record of chain.copies_v1", "another"),
    ("before the record of chain.doubled_v1", "killed"),
]
"""Where the process is killed, and which run comes after it."""


@pytest.fixture
def small(tmp_path):
    made = SmallMesh.at(tmp_path)
    for domain in ("weather", "reports"):
        shutil.rmtree(tmp_path / "teams" / domain)
    made.write("teams/organization.yaml", "name: Small\ndomains: [chain]\n")
    made.add_domain("chain", "source-aligned", sent=SENT, copies=COPIES, doubled=DOUBLED)
    return made


def send(small, *rows: tuple[int, int]) -> None:
    lines = "".join(f"{key},{amount}\n" for key, amount in rows)
    small.write("sales.csv", f"id,amount\n{lines}")


def run(small, run_id: str) -> None:
    products: list[DataProduct] = list(load_organization(small.settings).products.values())
    summary = run_products(small.workspace, products, Run(run_id), workers=1)
    assert summary.is_successful


def rows_of(small, name: str) -> list[tuple[int, int]]:
    return sorted(read(f"chain.{name}_v1", settings=small.settings).collect().rows())


@pytest.mark.parametrize(("place", "again"), KILLS)
def test_a_chain_that_was_killed_goes_on_without_losing_or_doubling_a_row(
    small, start, place, again
):
    send(small, (1, 1), (2, 2))
    run(small, "first")
    send(small, (3, 3))
    run(small, "second")
    send(small, (4, 4), (5, 5))

    child = start(module=RUNNER, root=str(small.root), run_id="killed", stop_at=place)
    while (heard := child.hear())["says"] != "stopped":
        assert heard["outcome"] == "Receipt"
    assert heard["at"] == place
    child.kill()
    if again == "another":
        send(small, (6, 6))
    run(small, again)

    whole = [(n, n) for n in range(1, 7 if again == "another" else 6)]
    assert rows_of(small, "sent") == whole
    assert rows_of(small, "copies") == whole
    assert rows_of(small, "doubled") == [(n, 2 * n) for n, _ in whole]
    catalog = small.workspace.catalog
    for name in ("copies", "doubled"):
        product = ProductId("chain", name, 1)
        known = [r.table_version for r in catalog.receipts(str(product))]
        assert known == list(range(small.workspace.lake.table(product).version(), -1, -1))
