"""A run reads one version of each input, whatever happens meanwhile, and says which."""

from __future__ import annotations

import importlib

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import InputVersion, Receipt, Refusal
from mesh.errors import TransformError, UnknownColumnError
from mesh.orchestration import execution
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.running import Blocked, run_products
from mesh.publishing import publish
from tests.orchestration.declared import Numbers, bound, empty_mesh

read = importlib.import_module("mesh.reading.read")  # the package has a function of that name


def squares(*numbers: int) -> pl.DataFrame:
    frame = pl.DataFrame({"n": numbers}, schema={"n": pl.Int64})
    return frame.with_columns(square=pl.col("n") ** 2)


@pytest.fixture
def workspace(tmp_path):
    return empty_mesh(tmp_path)


def declared(function, **options):
    return bound(mesh.data_product(contract=Numbers, **options)(function))


def source() -> pl.DataFrame:
    return squares(1, 2, 3)


def test_an_input_that_is_overwritten_meanwhile_is_read_as_it_was(workspace):
    upstream = declared(source)
    execute(upstream, workspace, Run("first"))

    def reader(rows: pl.LazyFrame) -> pl.LazyFrame:
        publish(upstream, squares(9), lake=workspace.lake, run_id="meanwhile")
        return rows

    downstream = declared(reader, inputs={"rows": mesh.Input("retail.source_v1")})
    receipt = execute(downstream, workspace, Run("second"))

    assert receipt.inputs == (InputVersion("retail.source_v1", 0, "rows", ("n", "square")),)
    assert workspace.lake.table(upstream.id).version() == 1
    found = workspace.lake.table(downstream.id).scan().collect()
    assert sorted(found["n"]) == [1, 2, 3]


def test_the_version_that_a_reference_was_checked_against_is_in_the_receipt(workspace):
    class Chosen(mesh.Contract):
        n: int = mesh.Field(key=True, references="retail.source_v1.n")

    def chosen() -> pl.DataFrame:
        return pl.DataFrame({"n": [2, 3]})

    def wrong() -> pl.DataFrame:
        return pl.DataFrame({"n": [2, 4]})

    products = [bound(mesh.data_product(contract=Chosen)(f)) for f in (chosen, wrong)]
    summary = run_products(workspace, [*products, declared(source)], Run("r"), workers=4)

    outcomes = {name: item.outcome for name, item in summary.results.items()}
    receipt = outcomes["retail.chosen_v1"]
    assert isinstance(receipt, Receipt)
    assert receipt.inputs == (InputVersion("retail.source_v1", 0, "", ("n",)),)
    refusal = outcomes["retail.wrong_v1"]
    assert isinstance(refusal, Refusal)
    (finding,) = refusal.verdict.failures
    assert (finding.failed, finding.samples) == (1, ({"n": 4},))
    assert next(iter(outcomes)) == "retail.source_v1"


def test_what_is_read_and_referred_to_is_looked_at_in_one_version(workspace, monkeypatch):
    upstream = declared(source)
    execute(upstream, workspace, Run("first"))
    looked_up = execution.referenced_values

    def overtaken(*what, **options):
        publish(upstream, squares(9), lake=workspace.lake, run_id="meanwhile")
        return looked_up(*what, **options)

    monkeypatch.setattr(execution, "referenced_values", overtaken)

    class Copies(mesh.Contract):
        n: int = mesh.Field(key=True, references="retail.source_v1.n")
        square: int = mesh.Field(references="retail.source_v1.square")

    def copies(rows: pl.LazyFrame, again: pl.LazyFrame) -> pl.LazyFrame:
        return rows

    ports = {name: mesh.Input("retail.source_v1") for name in ("rows", "again")}
    receipt = execute(
        bound(mesh.data_product(contract=Copies, inputs=ports)(copies)), workspace, Run("second")
    )

    assert isinstance(receipt, Receipt), str(receipt)
    assert {item.version for item in receipt.inputs} == {0}


def test_columns_that_are_referred_to_are_looked_at_in_one_version(workspace, monkeypatch):
    upstream = declared(source)
    execute(upstream, workspace, Run("first"))
    pinning = read.pin

    def overtaken(*what, **options):
        pinned = pinning(*what, **options)
        publish(upstream, squares(9), lake=workspace.lake, run_id="meanwhile")
        return pinned

    monkeypatch.setattr(read, "pin", overtaken)

    class Chosen(mesh.Contract):
        n: int = mesh.Field(key=True, references="retail.source_v1.n")
        square: int = mesh.Field(references="retail.source_v1.square")

    def chosen() -> pl.DataFrame:
        return squares(2)

    receipt = execute(bound(mesh.data_product(contract=Chosen)(chosen)), workspace, Run("second"))
    assert isinstance(receipt, Receipt), str(receipt)
    assert receipt.inputs == (InputVersion("retail.source_v1", 0, "", ("n", "square")),)


def test_a_reference_to_what_was_never_published_refuses_and_says_so(workspace):
    class Chosen(mesh.Contract):
        n: int = mesh.Field(key=True, references="retail.source_v1.n")

    def chosen() -> pl.DataFrame:
        return pl.DataFrame({"n": [2]})

    refusal = execute(bound(mesh.data_product(contract=Chosen)(chosen)), workspace, Run("r"))
    assert isinstance(refusal, Refusal)
    assert "retail.source_v1 has no publication" in refusal.verdict.reasons[0]


def test_an_input_s_column_that_its_product_has_not_is_named_with_near_ones(workspace):
    execute(declared(source), workspace, Run("first"))

    def reader(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows

    port = mesh.Input("retail.source_v1", ["n", "squares"])
    with pytest.raises(UnknownColumnError, match="square") as raised:
        execute(declared(reader, inputs={"rows": port}), workspace, Run("second"))
    assert raised.value.near == ("square",)


def test_what_breaks_halfway_through_the_rows_names_the_product_and_blocks_what_follows(workspace):
    def halfway(frame: pl.DataFrame) -> pl.DataFrame:
        message = "no such luck"
        raise LookupError(message)

    def breaking(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.map_batches(halfway)

    def following(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows

    def last(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows

    chain = [
        declared(source),
        declared(breaking, inputs={"rows": mesh.Input("retail.source_v1")}),
        declared(following, inputs={"rows": mesh.Input("retail.breaking_v1")}),
        declared(last, inputs={"rows": mesh.Input("retail.following_v1")}),
    ]
    summary = run_products(workspace, chain[::-1], Run("r"), workers=2)
    outcomes = {name: item.outcome for name, item in summary.results.items()}

    assert isinstance(outcomes["retail.source_v1"], Receipt)
    error = outcomes["retail.breaking_v1"].error
    assert isinstance(error, TransformError)
    assert error.where == "retail.breaking_v1"
    assert "no such luck" in error.what
    assert outcomes["retail.following_v1"] == Blocked(("retail.breaking_v1",))
    assert outcomes["retail.last_v1"] == Blocked(("retail.following_v1",))
    assert not summary.is_successful


def test_a_run_that_was_blocked_goes_on_from_where_it_stopped(workspace):
    calls = []

    def counting() -> pl.DataFrame:
        calls.append("counting")
        return squares(1)

    def mended(rows: pl.LazyFrame) -> pl.LazyFrame:
        calls.append("mended")
        if calls.count("mended") == 1:
            message = "not yet"
            raise ValueError(message)
        return rows

    port = {"rows": mesh.Input("retail.counting_v1")}
    chain = [declared(counting), declared(mended, inputs=port)]
    assert not run_products(workspace, chain, Run("r"), workers=2).is_successful
    again = run_products(workspace, chain, Run("r"), workers=2)

    assert again.is_successful
    assert calls == ["counting", "mended", "mended"]
    assert again.results["retail.counting_v1"].outcome.is_repeated
