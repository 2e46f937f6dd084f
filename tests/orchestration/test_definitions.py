"""What Dagster knows of a domain before anything runs."""

import dagster as dg
import pytest

import mesh
from mesh.errors import CyclicInputsError, DefinitionError
from mesh.orchestration.partitions import partitions_definition
from mesh.products.ports import DailyPartitions, MonthlyPartitions, StaticPartitions
from tests.orchestration.small_mesh import READINGS, SmallMesh

READINGS_KEY = dg.AssetKey(["weather", "readings_v1"])
DAILY_KEY = dg.AssetKey(["reports", "daily_v1"])

LOOP = '''
import polars as pl
import mesh


class {contract}(mesh.Contract):
    """One row."""

    value: int{field}


@mesh.data_product(contract={contract}, inputs={inputs})
def {name}({parameters}) -> pl.DataFrame:
    return pl.DataFrame({{"value": [1]}})
'''


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return SmallMesh.at(tmp_path_factory.mktemp("definitions"))


@pytest.fixture(scope="module")
def weather(small):
    return mesh.definitions(small.definitions_file("weather"))


@pytest.fixture(scope="module")
def readings(weather):
    return weather.get_assets_def(READINGS_KEY).get_asset_spec(READINGS_KEY)


@pytest.fixture(scope="module")
def reports(small):
    return mesh.definitions(small.definitions_file("reports"))


def test_loading_a_domain_writes_nothing(small, weather, reports):
    assert not (small.root / ".mesh").exists()


def test_a_product_is_an_asset_in_the_group_of_its_domain(readings):
    assert readings.group_name == "weather"
    assert readings.kinds == {"python", "polars", "delta"}
    assert readings.code_version.startswith("1.2.0-")


def test_the_team_and_its_product_owner_own_the_asset(readings):
    assert list(readings.owners) == ["team:Weather Team", "ada@example.com"]


def test_the_description_says_what_it_is_and_what_a_row_is(readings):
    assert "Everything that the stations sent." in readings.description
    assert "One row per station and hour." in readings.description
    assert "1.2.0" in readings.description


def test_tags_are_as_dagster_takes_them(readings):
    assert readings.tags["mesh/domain"] == "weather"
    assert readings.tags["mesh/access"] == "protected"
    assert readings.tags["mesh/domain_kind"] == "source-aligned"
    assert readings.tags["mesh/classification"] == "personal"
    assert readings.tags["source_system"] == "stations_satellites"


def test_the_freshness_that_a_product_promises_is_its_policy(readings):
    assert readings.freshness_policy.fail_window.to_timedelta().days == 1


def test_columns_have_their_constraints_in_words(readings):
    schema = readings.metadata["dagster/column_schema"].value
    station, observed_at, temperature, reporter = schema.columns
    assert station.constraints.other == [
        "part of the key (station, observed_at)",
        "station in {BOS, NYC}",
    ]
    assert (observed_at.type, observed_at.constraints.nullable) == ("timestamp", False)
    assert temperature.constraints.other == ["temperature_f in [-60, 140]"]
    assert temperature.description == "Air temperature. Unit: degF. Classification: public"
    assert reporter.tags == {"classification": "personal"}
    assert schema.constraints.other == ["(station, observed_at) is unique"]


def test_metadata_tells_where_the_table_is_who_answers_and_on_which_terms(small, readings):
    known = {name: value.value for name, value in readings.metadata.items()}
    assert known["dagster/uri"] == small.workspace.lake.table(mesh_id("weather.readings_v1")).url
    assert known["dagster/table_name"] == "weather.readings_v1"
    assert known["mesh/contract_version"] == "1.2.0"
    assert "| data steward | Cleo | cleo@example.com |" in known["mesh/owners"]
    assert known["mesh/terms_of_use"] == "For tests."


def test_inputs_and_what_rules_look_at_are_upstream_across_code_locations(reports):
    asset = reports.get_assets_def(DAILY_KEY)
    assert asset.dependency_keys == {READINGS_KEY, dg.AssetKey(["weather", "stations_v1"])}
    assert [a.key for a in reports.assets] == [DAILY_KEY]


def test_every_rule_is_a_check_that_keeps_its_severity(reports):
    specs = {spec.name: spec for spec in reports.get_assets_def(DAILY_KEY).check_specs}
    assert set(specs) == {
        "columns",
        "row_count",
        "station_not_null",
        "station_references",
        "station_unique",
        "warmest_f_less_than_or_equal_to",
        "warmest_f_not_null",
    }
    warning = specs.pop("warmest_f_less_than_or_equal_to")
    assert (warning.description, warning.blocking) == ("warmest_f ≤ 40", False)
    assert warning.metadata["mesh/severity"] == "warning"
    assert all(spec.blocking for spec in specs.values())


def test_a_product_without_data_to_wait_for_has_its_partitions(weather):
    key = dg.AssetKey(["weather", "stations_v1"])
    assert list(weather.get_assets_def(key).partitions_def.get_partition_keys()) == ["US", "CA"]


@pytest.mark.parametrize(
    "declared",
    [
        MonthlyPartitions("2013-11", "2014-02"),
        MonthlyPartitions("2025-01"),
        DailyPartitions("2013-02-27", "2013-03-01"),
        DailyPartitions("2026-01-01"),
        StaticPartitions(["US", "CA"]),
    ],
    ids=str,
)
def test_dagster_counts_the_partitions_that_were_declared(declared):
    assert tuple(partitions_definition(declared).get_partition_keys()) == declared.keys()


def test_a_rule_that_dagster_cannot_name_gets_a_name_that_it_can(tmp_path):
    small = SmallMesh.at(tmp_path)
    source = READINGS.replace("temperature_f", "température")
    small.write("teams/weather/products/readings.py", source)
    defs = mesh.definitions(small.definitions_file("weather"))
    names = [spec.name for spec in defs.get_assets_def(READINGS_KEY).check_specs]
    assert len(names) == len(set(names)) == 10
    assert "temp_rature_in_range" in names


def test_everything_that_is_wrong_with_a_domain_is_said_at_once(tmp_path):
    small = SmallMesh.at(tmp_path)
    manifest = (small.root / "teams/weather/domain.yaml").read_text()
    small.write("teams/weather/domain.yaml", manifest.replace("purpose", "purpos"))
    small.write("teams/weather/products/stations.py", "import no_such_library\n")
    with pytest.raises(DefinitionError) as error:
        mesh.definitions(small.definitions_file("weather"))
    assert "unknown key 'purpos'" in str(error.value)
    assert "no_such_library" in str(error.value)


def test_a_schedule_that_is_none_is_a_clear_error(tmp_path):
    small = SmallMesh.at(tmp_path)
    small.write("teams/weather/products/readings.py", READINGS.replace("30 5 * * *", "at dawn"))
    with pytest.raises(DefinitionError, match=r"weather\.readings_v1: schedule 'at dawn' is not"):
        mesh.definitions(small.definitions_file("weather"))


def test_products_that_need_each_other_across_domains_are_refused_by_both(tmp_path):
    small = SmallMesh.at(tmp_path)
    small.write("teams/weather/products/east.py", looped("east", reads="reports.west_v1"))
    small.write("teams/reports/products/west.py", looped("west", reads="weather.east_v1"))
    for domain in ("weather", "reports"):
        with pytest.raises(DefinitionError) as error:
            mesh.definitions(small.definitions_file(domain))
        assert "inputs lead in a circle" in str(error.value)
    assert issubclass(CyclicInputsError, DefinitionError)


def test_a_reference_that_would_close_a_circle_is_no_dependency(tmp_path):
    small = SmallMesh.at(tmp_path)
    small.write("teams/weather/products/east.py", looped("east", refers="reports.west_v1.value"))
    small.write("teams/reports/products/west.py", looped("west", reads="weather.east_v1"))
    east, west = dg.AssetKey(["weather", "east_v1"]), dg.AssetKey(["reports", "west_v1"])
    weather = mesh.definitions(small.definitions_file("weather"))
    reports = mesh.definitions(small.definitions_file("reports"))
    assert weather.get_assets_def(east).dependency_keys == set()
    assert reports.get_assets_def(west).dependency_keys == {east}


def test_a_broken_neighbour_does_not_keep_a_domain_from_loading(tmp_path):
    small = SmallMesh.at(tmp_path)
    small.write("teams/weather/products/readings.py", "raise RuntimeError('no')\n")
    reports = mesh.definitions(small.definitions_file("reports"))
    assert READINGS_KEY in reports.get_assets_def(DAILY_KEY).dependency_keys


def looped(name: str, *, reads: str = "", refers: str = "") -> str:
    """A product that reads one product, or refers to a column of one."""
    return LOOP.format(
        name=name,
        contract=name.title(),
        field=f' = mesh.Field(references="{refers}")' if refers else "",
        inputs=f'{{"source": mesh.Input("{reads}")}}' if reads else "None",
        parameters="source: pl.LazyFrame" if reads else "",
    )


def mesh_id(name: str):
    from mesh.naming import ProductId

    return ProductId.parse(name)
