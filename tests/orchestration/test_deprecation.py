"""Dagster says of a product that has a last day when it is, and what to use instead."""

from datetime import UTC, datetime

import dagster as dg

import mesh
from mesh.catalog.model import RetirementRecord
from mesh.lake import Lake
from mesh.orchestration import metadata
from mesh.orchestration.execution import ending_inputs
from mesh.products.collection import load_organization
from tests.behaviour.products import product
from tests.catalog.factories import domain
from tests.orchestration.small_mesh import READINGS, STATIONS, SmallMesh


def test_a_last_day_is_in_description_tags_and_metadata(tmp_path):
    ending = product(deprecated="2027-06-30", successor="shop.orders_v2")
    home = domain("shop", ending)
    told = "its last day is 2027-06-30: use shop.orders_v2"

    assert metadata.description(ending).startswith(f"**Deprecated**: {told}")
    assert metadata.tags(ending, home)["mesh/deprecated"] == "2027-06-30"
    found = metadata.product_metadata(ending, home, Lake(str(tmp_path)))["mesh/deprecated"]
    assert found == dg.MetadataValue.md(told)


def test_a_product_without_one_says_nothing(tmp_path):
    declared = product()
    home = domain("shop", declared)
    assert "mesh/deprecated" not in metadata.tags(declared, home)
    assert "mesh/deprecated" not in metadata.product_metadata(declared, home, Lake(str(tmp_path)))
    assert "Deprecated" not in metadata.description(declared)


def spec_of(small):
    """The daily report as its code location declares it now."""
    key = dg.AssetKey(["reports", "daily_v1"])
    reports = mesh.definitions(small.definitions_file("reports"))
    return reports.get_assets_def(key).get_asset_spec(key)


def test_who_reads_what_ends_is_marked_in_its_own_code_location(tmp_path):
    small = SmallMesh.at(tmp_path)
    for name, source, day in (
        ("readings", READINGS, "2027-06-30"),
        ("stations", STATIONS, "2027-03-31"),
    ):
        words = f'deprecated="{day}", successor="weather.{name}_v2", contract='
        code = source.replace("    contract=", f"    {words}", 1)
        small.write(f"teams/weather/products/{name}.py", code)

    spec = spec_of(small)
    assert spec.tags["mesh/ending_inputs"] == "2027-03-31"
    told = spec.metadata["mesh/ending_inputs"].value
    assert "| weather.readings_v1 | 2027-06-30 | weather.readings_v2 |" in told
    assert "| weather.stations_v1 | 2027-03-31 | weather.stations_v2 |" in told
    assert spec.description.startswith(
        "**Reads what ends**: weather.readings_v1, whose last day is 2027-06-30: "
        "read weather.readings_v2\n\n**Reads what ends**: weather.stations_v1"
    )
    assert "mesh/deprecated" not in spec.tags


def test_who_reads_nothing_that_ends_is_not_marked(tmp_path):
    spec = spec_of(SmallMesh.at(tmp_path))
    assert "mesh/ending_inputs" not in spec.tags
    assert "mesh/ending_inputs" not in spec.metadata
    assert "Reads what ends" not in spec.description


def test_a_run_is_told_of_an_input_that_has_retired(tmp_path):
    small = SmallMesh.at(tmp_path)
    small.workspace.catalog.record_retirement(
        RetirementRecord(
            product="weather.readings_v1",
            retired_at=datetime(2026, 7, 1, tzinfo=UTC),
            retired_by="ada",
            why="moved",
            keep_until=datetime(2999, 1, 1, tzinfo=UTC),
            successor="weather.readings_v2",
        )
    )
    (line,) = ending_inputs(
        load_organization(small.settings).products["reports.daily_v1"], small.workspace
    )
    assert line == (
        "it reads a product that ended: weather.readings_v1 was retired on 2026-07-01 by ada: "
        "moved; its rows can be read until 2999-01-01: use weather.readings_v2"
    )
