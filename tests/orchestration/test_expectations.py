"""An input that is not as its consumer expects is a verdict: nothing runs, and everyone can see it."""

import dagster as dg
import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.contracts.verdict import Outcome
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.running import Blocked, run_products
from tests.orchestration.declared import Numbers, bound, empty_mesh
from tests.orchestration.small_mesh import DAILY, SmallMesh

CALLS: list[str] = []


@mesh.data_product(contract=Numbers)
def numbers() -> pl.LazyFrame:
    return pl.LazyFrame({"n": [1, 2, 3], "square": [1, 4, 9]})


@mesh.data_product(
    contract=Numbers,
    inputs={
        "numbers": mesh.Input(
            "retail.numbers_v1",
            columns=["n", "square"],
            expects={"n": {"max": 2}, "square": {"unique": True}, "*": {"min_rows": 3}},
        )
    },
)
def strict(numbers: pl.LazyFrame) -> pl.LazyFrame:
    CALLS.append("strict")
    return numbers


@mesh.data_product(
    contract=Numbers,
    inputs={
        "numbers": mesh.Input(
            "retail.numbers_v1", expects={"n": {"max": 2, "severity": "warning"}, "*": {"min_rows": 1}}
        )
    },
)  # fmt: skip
def lenient(numbers: pl.LazyFrame) -> pl.LazyFrame:
    return numbers


@mesh.data_product(contract=Numbers, inputs={"strict": mesh.Input("retail.strict_v1")})
def below(strict: pl.LazyFrame) -> pl.LazyFrame:
    return strict


@pytest.fixture
def workspace(tmp_path):
    made = empty_mesh(tmp_path)
    execute(bound(numbers), made, Run("first"))
    CALLS.clear()
    return made


def test_an_unmet_expectation_refuses_before_the_transform(workspace):
    outcome = execute(bound(strict), workspace, Run("r"))

    assert isinstance(outcome, Refusal)
    assert CALLS == []
    assert outcome.verdict.reasons == (
        "input 'numbers': of retail.numbers_v1, n ≤ 2: found 3 as the highest",
    )
    told = {item.rule.text.partition(", ")[2]: item.outcome for item in outcome.verdict.findings}
    assert told == {
        "n ≤ 2": Outcome.FAILED,
        "square is unique": Outcome.PASSED,
        "at least 3 rows": Outcome.PASSED,
    }
    assert [(item.product, item.version) for item in outcome.inputs] == [("retail.numbers_v1", 0)]
    assert "try: ask who answers for retail.numbers_v1 (`mesh show retail.numbers_v1`)" in str(
        outcome
    )
    assert not workspace.lake.table(bound(strict).id).exists()


def test_the_catalog_keeps_the_refusal(workspace):
    execute(bound(strict), workspace, Run("r"))

    (kept,) = workspace.catalog.refusals("retail.strict_v1")
    assert "found 3 as the highest" in kept.text
    assert kept.verdict["findings"][0]["message"] == "found 3 as the highest"


def test_a_warning_is_told_and_publishes(workspace):
    outcome = execute(bound(lenient), workspace, Run("r"))

    assert isinstance(outcome, Receipt)
    told = {tally.rule: (tally.outcome, str(tally.severity)) for tally in outcome.tallies}
    assert told["expects_numbers_n_max"] == (Outcome.FAILED, "warning")
    assert told["expects_numbers_min_rows"] == (Outcome.PASSED, "error")


def test_nothing_downstream_runs(workspace):
    products = [bound(strict), bound(below)]
    summary = run_products(workspace, products, Run("all"), workers=1)

    assert isinstance(summary.results["retail.strict_v1"].outcome, Refusal)
    assert summary.results["retail.below_v1"].outcome == Blocked(("retail.strict_v1",))


def test_a_producer_sees_what_is_expected(tmp_path):
    small = SmallMesh.at(tmp_path)
    expecting = DAILY.replace(
        'purpose="what to wear"',
        'purpose="what to wear", expects={"temperature_f": {"max_null_share": 0.1}}',
    )
    small.write("teams/reports/products/daily.py", expecting)
    from mesh.products.collection import load_organization

    workspace = small.workspace
    workspace.register(load_organization(small.settings).domains)

    (found,) = workspace.catalog.expectations("weather.readings_v1")
    assert found.consumer == "reports.daily_v1"
    assert found.expectation.text == "temperature_f is null in at most 0.1 of rows"
    assert found.as_json()["value"] == 0.1
    assert workspace.catalog.expectations("reports.daily_v1") == []


def test_dagster_shows_an_expectation_as_a_check_of_the_product(tmp_path):
    small = SmallMesh.at(tmp_path)
    expecting = DAILY.replace(
        'purpose="what to wear"',
        'purpose="what to wear", expects={"temperature_f": {"max": 38.5}, "*": {"min_rows": 1}}',
    )
    small.write("teams/reports/products/daily.py", expecting)
    assets = [
        asset
        for domain in ("weather", "reports")
        for asset in mesh.definitions(small.definitions_file(domain)).assets
    ]
    keys = [dg.AssetKey(["weather", "readings_v1"]), dg.AssetKey(["reports", "daily_v1"])]
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(assets, selection=keys, instance=instance, raise_on_error=False)

    assert not done.success
    checks = {
        item.check_name: item
        for item in done.get_asset_check_evaluations()
        if item.asset_key == keys[1]
    }
    assert not checks["expects_readings_temperature_f_max"].passed
    assert "found 39.0 as the highest" in (
        checks["expects_readings_temperature_f_max"].description or ""
    )
    assert checks["expects_readings_min_rows"].passed
    assert keys[1] not in {event.asset_key for event in done.get_asset_materialization_events()}
