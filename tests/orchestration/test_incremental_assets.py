"""What Dagster shows of an incremental input: from which version to which, and why not less."""

import dagster as dg
import pytest

import mesh
from mesh.orchestration.assets import FULL_REFRESH_TAG
from tests.orchestration.small_mesh import GOOD, SmallMesh

READINGS = dg.AssetKey(["weather", "readings_v1"])
LOG = dg.AssetKey(["reports", "log_v1"])
MODULE = '''
"""Every reading once."""
import polars as pl

import mesh


class Log(mesh.Contract):
    """One row per reading."""

    station: str
    temperature_f: float


@mesh.data_product(
    contract=Log,
    write=mesh.Append(),
    inputs={"readings": mesh.Input("weather.readings_v1", incremental=True)},
)
def log(readings: pl.LazyFrame) -> pl.LazyFrame:
    return readings.select("station", "temperature_f")
'''


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The log's metadata after a first run, new rows, a row that was taken back, and a refresh."""
    small = SmallMesh.at(tmp_path_factory.mktemp("incremental"))
    small.add_domain("reports", "consumer-aligned", log=MODULE)
    (small.root / "teams" / "reports" / "products" / "daily.py").unlink()
    domains = ("weather", "reports")
    assets = [a for d in domains for a in mesh.definitions(small.definitions_file(d)).assets]
    more = GOOD + "BOS,2013-01-01T02:00:00Z,31.0,c\n"
    found = []
    with dg.DagsterInstance.ephemeral() as instance:
        for sent, tags in (
            (GOOD, {}),
            (more, {}),
            (GOOD, {}),
            (GOOD, {FULL_REFRESH_TAG: "true"}),
        ):
            small.send(sent)
            result = dg.materialize(assets, selection=[READINGS, LOG], instance=instance, tags=tags)
            (event,) = result.asset_materializations_for_node("reports__log_v1")
            found.append({name: value.value for name, value in event.metadata.items()})
    return found


def test_the_versions_from_and_to_are_shown(runs):
    assert "| weather.readings_v1 | 0 | all rows |" in runs[0]["mesh/input_versions"]
    assert "| weather.readings_v1 | 1 | changes since version 0 |" in runs[1]["mesh/input_versions"]
    assert (runs[1]["mesh/rows_published"], runs[1]["dagster/row_count"]) == (1, 3)


def test_a_full_read_says_why(runs):
    assert "mesh/notes" not in runs[1]
    assert "version 2 changed or removed rows, and Append takes nothing" in runs[2]["mesh/notes"]
    assert (runs[2]["mesh/rows_published"], runs[2]["dagster/row_count"]) == (2, 2)


def test_a_run_with_the_tag_makes_everything_anew(runs):
    assert (
        "| weather.readings_v1 | 3 | all rows: it was asked for |"
        in (runs[3]["mesh/input_versions"])
    )
    assert (runs[3]["mesh/rows_published"], runs[3]["dagster/row_count"]) == (2, 2)
