"""Running one product: inputs are pinned, the outcome is recorded, and nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.catalog.receipts import InputVersion, Receipt, Refusal
from mesh.errors import NotPublishedError, TransformError, UndeclaredColumnError
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.workspace import Workspace
from mesh.publishing import publish
from tests.orchestration.declared import Numbers, bound, empty_mesh


@mesh.data_product(contract=Numbers)
def numbers() -> pl.LazyFrame:
    return pl.LazyFrame({"n": [1, 2, 3], "square": [1, 4, 9]})


@mesh.data_product(
    contract=Numbers, inputs={"numbers": mesh.Input("retail.numbers_v1", columns=["n"])}
)
def copies(numbers: pa.Table) -> pl.DataFrame:
    assert isinstance(numbers, pa.Table)
    return pl.DataFrame(numbers).with_columns(square=pl.col("n") ** 2)


@mesh.data_product(
    contract=Numbers, inputs={"numbers": mesh.Input("retail.numbers_v1", columns=["n"])}
)
def nosy(numbers: pl.LazyFrame) -> pl.LazyFrame:
    return numbers.select("n", "square")


@mesh.data_product(contract=Numbers)
def negative() -> pl.LazyFrame:
    return pl.LazyFrame({"n": [-1], "square": [1]})


@mesh.data_product(contract=Numbers)
def broken() -> pl.LazyFrame:
    raise RuntimeError("the till is on fire")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return empty_mesh(tmp_path)


def test_the_receipt_names_the_exact_version_of_each_input(workspace):
    for run in ("a", "b"):
        execute(bound(numbers), workspace, Run(run))
    receipt = execute(bound(copies), workspace, Run("c"))
    assert isinstance(receipt, Receipt)
    assert receipt.inputs == (InputVersion("retail.numbers_v1", 1, "numbers", ("n",)),)
    assert workspace.catalog.latest_receipt("retail.copies_v1") == receipt


def test_the_same_run_again_does_not_call_the_function(workspace):
    first = execute(bound(numbers), workspace, Run("a"))
    called = []

    @mesh.data_product(contract=Numbers)
    def numbers_again() -> pl.LazyFrame:
        called.append(1)
        return pl.LazyFrame()

    numbers_again.__name__ = "numbers"
    again = execute(bound(numbers_again), workspace, Run("a"))
    assert (again, again.is_repeated, called) == (first, True, [])


def test_an_input_that_was_never_published_is_named(workspace):
    with pytest.raises(NotPublishedError, match=r"mesh run retail\.numbers_v1"):
        execute(bound(copies), workspace, Run("a"))


def test_an_undeclared_column_is_a_clear_error(workspace):
    execute(bound(numbers), workspace, Run("a"))
    with pytest.raises(UndeclaredColumnError, match="add 'square' to the columns"):
        execute(bound(nosy), workspace, Run("a"))


def test_a_refusal_is_recorded_and_publishes_nothing(workspace):
    outcome = execute(bound(negative), workspace, Run("a"))
    assert isinstance(outcome, Refusal)
    assert not workspace.lake.table(bound(negative).id).exists()
    (refusal,) = workspace.catalog.refusals("retail.negative_v1")
    assert refusal.run_id == "a"


def test_a_function_that_fails_is_told_with_its_place(workspace):
    place = r"retail\.broken_v1: the transform failed at test_execution\.py:\d+: RuntimeError: the"
    with pytest.raises(TransformError, match=place) as caught:
        execute(bound(broken), workspace, Run("a"))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_the_next_run_records_what_an_earlier_one_could_not(workspace):
    product = bound(numbers)
    lost = publish(product, numbers(), lake=workspace.lake, run_id="died before recording")
    assert workspace.catalog.receipts(str(product.id)) == []
    execute(product, workspace, Run("next"))
    assert [r.run_id for r in workspace.catalog.receipts(str(product.id))] == ["next", lost.run_id]


class People(mesh.Contract):
    id: int = mesh.Field(key=True)
    surname: str = mesh.Field(classification="personal", str_length={"max_value": 3})


@mesh.data_product(contract=People)
def people() -> pl.LazyFrame:
    return pl.LazyFrame({"id": [1], "surname": ["Lovelace"]})


def test_the_catalog_keeps_no_personal_values_of_a_refusal(workspace):
    outcome = execute(bound(people), workspace, Run("a"))
    assert "Lovelace" in str(outcome)
    (kept,) = workspace.catalog.refusals("retail.people_v1")
    assert "Lovelace" not in f"{kept} {kept.verdict}"
    broken = next(item for item in kept.verdict["findings"] if item["outcome"] == "failed")
    assert broken["samples"] == [{"surname": "(hidden)", "id": 1}]


def test_nor_does_it_quote_one_that_does_not_fit_its_type(workspace):
    class Born(mesh.Contract):
        at: mesh.UTCDatetime = mesh.Field(classification="personal")

    @mesh.data_product(contract=Born)
    def births() -> pa.Table:
        return pa.table({"at": pa.array([1_234_567_891], pa.timestamp("ns", "UTC"))})

    outcome = execute(bound(births), workspace, Run("a"))
    assert "1234567891" in str(outcome)
    (kept,) = workspace.catalog.refusals("retail.births_v1")
    assert "1234567891" not in f"{kept} {kept.verdict}"


def test_what_a_run_reads_is_counted_for_its_product_and_only_once(workspace):
    execute(bound(numbers), workspace, Run("a"))
    for run in ("c", "c", "d"):
        execute(bound(copies), workspace, Run(run))
    (use,) = workspace.catalog.usage.of("retail.numbers_v1")
    assert (use.consumer, use.reads, use.columns) == ("retail.copies_v1", 2, ("n",))
    assert use.is_product


def test_the_profile_of_a_run_is_in_the_catalog(workspace):
    receipt = execute(bound(numbers), workspace, Run("a"))
    assert isinstance(receipt, Receipt)
    found = workspace.catalog.profiles.of("retail.numbers_v1")
    assert found is not None
    assert found.profile.as_json() == receipt.profile.as_json()
    assert found.profile.column("square").high == 9


def test_a_crash_before_the_record_loses_no_profile(workspace):
    publish(bound(numbers), numbers(), lake=workspace.lake, run_id="crashed")
    execute(bound(numbers), workspace, Run("next"))
    history = workspace.catalog.profiles.history("retail.numbers_v1", "n")
    assert [item.table_version for item in history] == [1, 0]
