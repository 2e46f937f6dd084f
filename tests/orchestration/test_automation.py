"""When Dagster's daemon would publish by itself."""

from datetime import UTC, datetime

import dagster as dg
import pytest

import mesh
from tests.orchestration.small_mesh import SmallMesh

READINGS = dg.AssetKey(["weather", "readings_v1"])
STATIONS = dg.AssetKey(["weather", "stations_v1"])
DAILY = dg.AssetKey(["reports", "daily_v1"])
BEFORE_SCHEDULE = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
AFTER_SCHEDULE = datetime(2026, 1, 1, 5, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def locations(tmp_path_factory):
    small = SmallMesh.at(tmp_path_factory.mktemp("automation"))
    return [mesh.definitions(small.definitions_file(name)) for name in ("weather", "reports")]


class Daemon:
    """Evaluates every condition of the workspace, tick by tick, as Dagster's daemon does."""

    def __init__(self, locations, instance):
        self.defs = dg.Definitions(assets=[a for defs in locations for a in defs.assets])
        self.instance = instance
        self.cursor = None

    def tick(self, at=None):
        """The assets that one tick asks to run."""
        result = dg.evaluate_automation_conditions(
            self.defs,
            self.instance,
            asset_selection=dg.AssetSelection.all(),
            cursor=self.cursor,
            evaluation_time=at,
        )
        self.cursor = result.cursor
        keys = (READINGS, STATIONS, DAILY)
        return {key for key in keys if result.get_num_requested(key)}

    def published(self, *keys, partition=None):
        for key in keys:
            event = dg.AssetMaterialization(key, partition=partition)
            self.instance.report_runless_asset_event(event)


@pytest.fixture
def daemon(locations):
    with dg.DagsterInstance.ephemeral() as instance:
        made = Daemon(locations, instance)
        for country in ("US", "CA"):
            made.published(STATIONS, partition=country)
        yield made


def test_every_location_has_a_sensor_that_runs_from_the_start(locations):
    for defs in locations:
        (sensor,) = defs.sensors
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_a_product_with_a_schedule_runs_when_its_time_has_come(daemon):
    assert daemon.tick(BEFORE_SCHEDULE) == set()
    assert READINGS in daemon.tick(AFTER_SCHEDULE)


def test_a_tick_of_the_schedule_asks_once(daemon):
    daemon.tick(BEFORE_SCHEDULE)
    assert READINGS in daemon.tick(AFTER_SCHEDULE)
    assert daemon.tick(AFTER_SCHEDULE.replace(minute=32)) == set()


def test_a_product_follows_its_inputs(daemon):
    daemon.published(READINGS, DAILY)
    assert daemon.tick() == set()
    daemon.published(READINGS)
    assert daemon.tick() == {DAILY}
    daemon.published(DAILY)
    assert daemon.tick() == set()


def test_a_product_waits_until_its_inputs_are_there(daemon):
    assert daemon.tick() == set()
    daemon.published(READINGS)
    assert daemon.tick() == {DAILY}


def test_a_new_product_whose_inputs_are_there_is_published(daemon):
    daemon.published(READINGS)
    assert daemon.tick() == {DAILY}


def test_a_refused_product_is_not_asked_for_again_before_its_inputs_have_news(daemon):
    daemon.published(READINGS)
    assert daemon.tick() == {DAILY}
    assert daemon.tick() == set()
    daemon.published(READINGS)
    assert daemon.tick() == {DAILY}


def test_what_only_a_rule_looks_at_is_no_occasion_to_publish(daemon):
    daemon.published(READINGS, DAILY)
    daemon.tick()
    daemon.published(STATIONS, partition="CA")
    assert daemon.tick() == set()


def test_a_product_without_schedule_and_inputs_waits_for_a_person(locations):
    spec = locations[0].get_assets_def(STATIONS).get_asset_spec(STATIONS)
    assert spec.automation_condition is None
