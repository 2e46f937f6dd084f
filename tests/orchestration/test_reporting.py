"""What Dagster shows of a `mesh run` that it had no part in."""

import dagster as dg
import pytest

from mesh.orchestration.execution import Run
from mesh.orchestration.reporting import open_instance, report_outcomes
from mesh.orchestration.running import run_products
from mesh.products.collection import load_organization
from tests.orchestration.small_mesh import ONE_IMPOSSIBLE, TWO_IMPOSSIBLE, SmallMesh

READINGS_KEY = dg.AssetKey(["weather", "readings_v1"])
DAILY_KEY = dg.AssetKey(["reports", "daily_v1"])
STATIONS = '''\
"""Every station."""
import polars as pl

import mesh


class Stations(mesh.Contract):
    """One row per station."""

    station: str = mesh.Field(key=True)


@mesh.data_product(contract=Stations)
def stations() -> pl.DataFrame:
    return pl.DataFrame({"station": ["NYC", "BOS"]})
'''


@pytest.fixture
def small(tmp_path):
    made = SmallMesh.at(tmp_path)
    made.write("teams/weather/products/stations.py", STATIONS)
    return made


def run(small, run_id):
    """Run everything, as `mesh run --all` does, and report it."""
    organization = load_organization(small.settings)
    products = list(organization.products.values())
    summary = run_products(small.workspace, products, Run(run_id), workers=1)
    report_outcomes(small.settings, organization, summary)
    return summary


def materialisations(small, key):
    with open_instance(small.settings.dagster_folder) as instance:
        records = instance.fetch_materializations(key, limit=10).records
        return [record.asset_materialization for record in records]


def checks(small, key, name):
    with open_instance(small.settings.dagster_folder) as instance:
        history = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key, name), limit=10
        )
        return [record.event.dagster_event.asset_check_evaluation_data for record in history]


def test_a_run_shows_as_materialisations_with_their_evidence(small):
    small.send(ONE_IMPOSSIBLE)
    receipt = run(small, "one").results["weather.readings_v1"].outcome
    (shown,) = materialisations(small, READINGS_KEY)
    assert shown.metadata["dagster/row_count"].value == 2
    assert shown.metadata["mesh/rows_rejected"].value == 1
    assert shown.metadata["mesh/rows_deleted"].value == 0
    assert shown.metadata["mesh/publication"].value == receipt.publication_id
    assert shown.tags["dagster/data_version"] == "0"
    (check,) = checks(small, READINGS_KEY, "temperature_f_in_range")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    (check,) = checks(small, DAILY_KEY, "columns")
    assert (check.passed, check.blocking) == (True, True)


def test_a_publication_is_reported_once(small):
    first, again = run(small, "one"), run(small, "one")
    assert not first.results["weather.readings_v1"].outcome.is_repeated
    assert again.results["weather.readings_v1"].outcome.is_repeated
    assert len(materialisations(small, READINGS_KEY)) == 1
    assert len(checks(small, READINGS_KEY, "columns")) == 1


def test_an_old_publication_does_not_pass_for_the_latest(small):
    run(small, "one")
    newer = run(small, "two").results["weather.readings_v1"].outcome
    run(small, "one")
    latest, _ = materialisations(small, READINGS_KEY)
    assert latest.metadata["mesh/publication"].value == newer.publication_id


def test_what_dagster_has_lost_is_reported_again(small):
    run(small, "one")
    with open_instance(small.settings.dagster_folder) as instance:
        instance.wipe_assets([READINGS_KEY])
    run(small, "one")
    assert len(materialisations(small, READINGS_KEY)) == 1


def test_a_refusal_shows_as_failed_checks_without_materialisation(small):
    small.send(TWO_IMPOSSIBLE)
    assert not run(small, "one").is_successful
    assert materialisations(small, READINGS_KEY) == []
    assert materialisations(small, DAILY_KEY) == []
    (check,) = checks(small, READINGS_KEY, "temperature_f_in_range")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert len(check.metadata["mesh/sample_rows"].records) == 2


def test_the_instance_that_is_made_calls_nobody(small):
    with open_instance(small.settings.dagster_folder) as instance:
        assert instance.telemetry_enabled is False
        assert instance.is_persistent
