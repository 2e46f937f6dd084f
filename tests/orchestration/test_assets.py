"""What a run in Dagster shows: materialisations, verdicts, and what did not run."""

from pathlib import Path

import dagster as dg
import pytest

import mesh
from mesh.catalog.receipts import Receipt
from mesh.errors import CatalogUnavailableError, CommitConflictError
from mesh.orchestration import assets
from mesh.orchestration.assets import first_attempt
from tests.orchestration.small_mesh import GOOD, ONE_IMPOSSIBLE, STATIONS, TWO_IMPOSSIBLE, SmallMesh

READINGS_KEY = dg.AssetKey(["weather", "readings_v1"])
STATIONS_KEY = dg.AssetKey(["weather", "stations_v1"])
DAILY_KEY = dg.AssetKey(["reports", "daily_v1"])


class Locations:
    """Both code locations of a small mesh, on one instance."""

    def __init__(self, small: SmallMesh, instance: dg.DagsterInstance) -> None:
        self.small = small
        self.instance = instance
        self.assets = [
            asset
            for domain in ("weather", "reports")
            for asset in mesh.definitions(small.definitions_file(domain)).assets
        ]

    def run(self, *keys: dg.AssetKey, partition: str | None = None) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            self.assets,
            selection=list(keys),
            instance=self.instance,
            partition_key=partition,
            raise_on_error=False,
        )


@pytest.fixture(scope="module")
def locations(tmp_path_factory):
    with dg.DagsterInstance.ephemeral() as instance:
        made = Locations(SmallMesh.at(tmp_path_factory.mktemp("assets")), instance)
        for country in ("US", "CA"):
            assert made.run(STATIONS_KEY, partition=country).success
        yield made


@pytest.fixture(scope="module")
def accepted(locations):
    locations.small.send(ONE_IMPOSSIBLE)
    return locations.run(READINGS_KEY, DAILY_KEY)


@pytest.fixture(scope="module")
def refused(locations, accepted):
    locations.small.send(TWO_IMPOSSIBLE.replace(",c\n", ",secret\n"))
    return locations.run(READINGS_KEY, DAILY_KEY)


def evaluations(result, key):
    return {e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key == key}


def metadata_of(result, key):
    (event,) = result.asset_materializations_for_node("__".join(key.path))
    return {name: value.value for name, value in event.metadata.items()}


def test_a_publication_is_a_materialisation_with_its_evidence(locations, accepted):
    assert accepted.success
    shown = metadata_of(accepted, READINGS_KEY)
    (receipt,) = locations.small.workspace.catalog.receipts("weather.readings_v1")
    assert shown["dagster/row_count"] == shown["mesh/rows_published"] == 2
    assert shown["mesh/null_shares"] == {}
    assert shown["mesh/rows_rejected"] == 1
    assert shown["mesh/table_version"] == receipt.table_version
    assert shown["mesh/publication"] == receipt.publication_id
    assert Receipt.from_json(shown["mesh/receipt"]) == receipt
    assert receipt.publication_id in Path(shown["mesh/receipt_in_lake"]).read_text()


def test_the_versions_of_the_inputs_are_shown(accepted):
    shown = metadata_of(accepted, DAILY_KEY)["mesh/input_versions"]
    assert "| weather.readings_v1 | 0 | input |" in shown
    assert "| weather.stations_v1 | 1 | reference |" in shown


def test_the_table_version_is_the_data_version(locations, accepted):
    event = locations.instance.get_latest_materialization_event(DAILY_KEY)
    assert event.asset_materialization.tags["dagster/data_version"] == "0"


def test_rows_in_quarantine_make_a_warning_with_samples_of_the_rows(accepted):
    checks = evaluations(accepted, READINGS_KEY)
    broken = checks.pop("temperature_f_in_range")
    assert (broken.passed, broken.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert broken.metadata["mesh/failed"].value == 1
    (row,) = broken.metadata["mesh/sample_rows"].records
    assert row.data["temperature_f"] == 451.0
    assert row.data["station"] == "NYC"
    assert all(check.passed for check in checks.values())


def test_check_results_are_of_the_materialisation_that_they_checked(locations, accepted):
    latest = locations.instance.fetch_materializations(DAILY_KEY, limit=1).records[0]
    for check in evaluations(accepted, DAILY_KEY).values():
        assert check.target_materialization_data.storage_id == latest.storage_id


def test_a_refusal_fails_the_step_with_the_verdict_in_words(refused):
    assert not refused.success
    failure = refused.failure_data_for_node("weather__readings_v1").user_failure_data
    assert "2 of 4 rows (50.00%) break the contract" in failure.description
    assert "temperature_f = 451.0" in failure.description


def test_a_refused_product_is_not_materialised_and_downstream_does_not_run(refused):
    assert refused.get_asset_materialization_events() == []
    assert not evaluations(refused, DAILY_KEY)
    skipped = [e.step_key for e in refused.all_events if e.event_type_value == "STEP_START"]
    assert skipped == ["weather__readings_v1"]


def test_a_refusal_shows_which_rules_failed_with_samples_of_the_rows(refused):
    checks = evaluations(refused, READINGS_KEY)
    broken = checks["temperature_f_in_range"]
    assert (broken.passed, broken.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "2 of 4 rows break `temperature_f in [-60, 140]`" in broken.description
    assert [r.data["temperature_f"] for r in broken.metadata["mesh/sample_rows"].records] == [
        451.0,
        999.0,
    ]
    assert checks["station_isin"].passed


def test_personal_values_are_not_shown(refused):
    broken = evaluations(refused, READINGS_KEY)["reporter_str_length"]
    assert not broken.passed
    assert broken.metadata["mesh/sample_rows"].records[0].data["reporter"] == "(hidden)"
    assert "secret" not in str(refused.all_events)


def test_columns_that_are_not_as_promised_fail_their_check(tmp_path):
    small = SmallMesh.at(tmp_path)
    code = STATIONS.replace('"station": names}', '"stations": names}')
    small.write("teams/weather/products/stations.py", code)
    with dg.DagsterInstance.ephemeral() as instance:
        result = Locations(small, instance).run(STATIONS_KEY, partition="US")
    assert not result.success
    (check,) = evaluations(result, STATIONS_KEY).values()
    assert (check.check_name, check.passed) == ("columns", False)
    columns = {record.data["column"] for record in check.metadata["mesh/differences"].records}
    assert columns == {"station", "stations"}


def test_a_partition_replaces_its_own_rows_only(locations):
    result = locations.run(STATIONS_KEY, partition="US")
    assert metadata_of(result, STATIONS_KEY)["dagster/row_count"] == 3
    assert metadata_of(result, STATIONS_KEY)["dagster/partition_row_count"] == 2
    stations = mesh.read("weather.stations_v1", settings=locations.small.settings).collect()
    assert sorted(stations["station"]) == ["BOS", "NYC", "YUL"]


def test_what_a_retry_can_mend_is_tried_again(locations, monkeypatch):
    locations.small.send(GOOD)
    attempts = []

    def conflicted_once(*given):
        attempts.append(given)
        if len(attempts) == 1:
            raise CommitConflictError("another writer committed first")
        return execute(*given)

    execute = assets.execute
    monkeypatch.setattr(assets, "execute", conflicted_once)
    assert locations.run(READINGS_KEY).success
    assert len(attempts) == 2


def test_a_catalog_that_is_away_when_a_run_begins_is_asked_again(locations, monkeypatch):
    locations.small.send(GOOD)
    attempts = []

    def away_once(settings):
        attempts.append(settings)
        if len(attempts) == 1:
            raise CatalogUnavailableError("the server restarts")
        return opened(settings)

    opened = assets.Workspace.open
    monkeypatch.setattr(assets.Workspace, "open", away_once)
    assert locations.run(READINGS_KEY).success
    assert len(attempts) == 2


def test_a_retry_publishes_as_the_first_attempt_and_a_new_run_as_itself(locations):
    instance = locations.instance
    first = instance.add_run(dg.DagsterRun(job_name="job"))
    retry = instance.add_run(continued(first, {"dagster/is_resume_retry": "true"}))
    automatic = instance.add_run(continued(retry, {"dagster/retry_number": "2"}))
    again = instance.add_run(continued(automatic, {}))
    resumed = instance.add_run(continued(again, {"dagster/is_resume_retry": "true"}))
    assert first_attempt(automatic, instance) == first.run_id
    assert first_attempt(again, instance) == again.run_id
    assert first_attempt(resumed, instance) == again.run_id


def continued(run: dg.DagsterRun, tags: dict[str, str]) -> dg.DagsterRun:
    root = run.root_run_id or run.run_id
    return dg.DagsterRun(job_name="job", root_run_id=root, parent_run_id=run.run_id, tags=tags)
