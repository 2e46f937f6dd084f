"""Running many products: in order, side by side, and each with its own fate."""

from __future__ import annotations

import threading
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.errors import CyclicInputsError, TransformError
from mesh.orchestration import running
from mesh.orchestration.execution import Run
from mesh.orchestration.running import Blocked, Failed, Finished, Started, run_products
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import DataProduct
from tests.orchestration.declared import Numbers, bound, empty_mesh

ROWS = pl.LazyFrame({"n": [1, 2], "square": [1, 4]})


def product(name: str, *inputs: str, rows: pl.LazyFrame = ROWS) -> DataProduct:
    """A product that reads others of its domain, and publishes the same rows whatever they hold."""

    def function(**ports: pl.LazyFrame) -> pl.LazyFrame:
        return rows

    text = f"def {name}({', '.join(inputs)}): return function()"
    scope: dict[str, object] = {"function": function}
    exec(text, scope)
    ports = {port: mesh.Input(f"retail.{port}_v1") for port in inputs}
    return bound(mesh.data_product(contract=Numbers, inputs=ports)(scope[name]))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return empty_mesh(tmp_path)


def test_each_product_runs_after_those_that_it_reads(workspace):
    chain = [product("c", "b"), product("b", "a"), product("a")]
    events = []
    summary = run_products(workspace, chain, Run("r"), workers=4, on_event=events.append)
    told = [(type(event), event.product.id.name) for event in events]
    assert told == [(kind, name) for name in "abc" for kind in (Started, Finished)]
    assert list(summary.results) == ["retail.a_v1", "retail.b_v1", "retail.c_v1"]
    assert summary.is_successful


def test_products_that_do_not_need_each_other_run_side_by_side(workspace):
    meeting = threading.Barrier(2, timeout=20)

    def meets() -> pl.LazyFrame:
        meeting.wait()
        return ROWS

    def left_one() -> pl.LazyFrame:
        return meets()

    def right_one() -> pl.LazyFrame:
        return meets()

    declared = [bound(mesh.data_product(contract=Numbers)(f)) for f in (left_one, right_one)]
    assert run_products(workspace, declared, Run("r"), workers=2).is_successful


def test_what_stands_on_a_refused_product_is_not_run(workspace):
    refused = product("a", rows=pl.LazyFrame({"n": [-1], "square": [1]}))
    others = [product("b", "a"), product("c", "b"), product("d")]
    results = run_products(workspace, [refused, *others], Run("r"), workers=2).results
    assert isinstance(results["retail.a_v1"].outcome, Refusal)
    assert results["retail.b_v1"].outcome == Blocked(("retail.a_v1",))
    assert results["retail.c_v1"].outcome == Blocked(("retail.b_v1",))
    assert isinstance(results["retail.d_v1"].outcome, Receipt)


def test_a_failed_product_stops_only_what_stands_on_it(workspace):
    failing = product("a", rows=ROWS.select(pl.col("nothing")))
    results = run_products(workspace, [failing, product("b")], Run("r"), workers=1).results
    assert isinstance(results["retail.a_v1"].outcome.error, TransformError)
    assert isinstance(results["retail.b_v1"].outcome, Receipt)


def test_a_bug_met_by_one_product_hides_nothing_of_the_others(workspace, monkeypatch):
    working = running.execute

    def buggy(product: DataProduct, *rest: object) -> object:
        if product.id.name == "a":
            raise ZeroDivisionError
        return working(product, *rest)

    monkeypatch.setattr(running, "execute", buggy)
    results = run_products(workspace, [product("a"), product("b")], Run("r"), workers=2).results
    assert isinstance(results["retail.a_v1"].outcome, Failed)
    assert isinstance(results["retail.a_v1"].outcome.error, ZeroDivisionError)
    assert isinstance(results["retail.b_v1"].outcome, Receipt)


def test_a_circle_of_inputs_is_refused_before_anything_runs(workspace):
    events = []
    with pytest.raises(CyclicInputsError, match="circle"):
        run_products(
            workspace,
            [product("a", "b"), product("b", "a")],
            Run("r"),
            workers=1,
            on_event=events.append,
        )
    assert events == []
