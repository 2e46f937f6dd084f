"""Profiles are recorded with their receipts, found by version and column, and come from the lake."""

from datetime import timedelta

import polars as pl
import pytest

import mesh
from mesh.catalog.profiles_in_lake import forget_profiles
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.contracts.profiling.measuring import profile
from mesh.errors import UnknownColumnError
from mesh.lake import Lake
from tests.behaviour.products import orders, product, publish_small
from tests.catalog.factories import receipt

NAME = "weather.observations_v1"


def measured(*speeds):
    frame = pl.DataFrame({"speed": speeds}, schema={"speed": pl.Float64})
    return profile(frame.schema, [frame])


def recorded(catalog, version, *speeds):
    made = receipt(NAME, version).with_profile(measured(*speeds))
    catalog.record(made)
    return made


def test_a_profile_is_recorded_with_its_receipt(catalog):
    made = recorded(catalog, 0, 1.0, 3.0, None)
    found = catalog.profiles.of(NAME)
    assert (found.publication_id, found.table_version) == (made.publication_id, 0)
    assert found.profiled_at == made.published_at
    assert found.profile.as_json() == made.profile.as_json()
    assert catalog.receipts(NAME)[0].profile is None


def test_the_latest_is_told_unless_a_version_is_named(catalog):
    recorded(catalog, 0, 1.0)
    recorded(catalog, 1, 2.0)
    catalog.record(receipt(NAME, 2))
    assert catalog.profiles.of(NAME).table_version == 1
    assert catalog.profiles.of(NAME, 0).profile.column("speed").low == 1.0
    assert catalog.profiles.of(NAME, 2) is None
    assert catalog.profiles.of("weather.nothing_v1") is None


def test_recording_again_changes_nothing(catalog):
    made = recorded(catalog, 0, 1.0)
    catalog.record(made.with_profile(measured(9.0)))
    assert catalog.profiles.record([made]) == 0
    assert catalog.profiles.of(NAME).profile.column("speed").low == 1.0


def test_a_column_has_a_history_newest_first(catalog):
    for version, speed in enumerate([1.0, 5.0, 3.0]):
        recorded(catalog, version, speed, None)
    history = catalog.profiles.history(NAME, "speed")
    assert [item.table_version for item in history] == [2, 1, 0]
    assert [item.column.mean for item in history] == [3.0, 5.0, 1.0]
    assert history[0].profiled_at - history[1].profiled_at == timedelta(hours=1)
    assert catalog.profiles.history("weather.nothing_v1", "speed") == []
    with pytest.raises(UnknownColumnError, match="speeed"):
        catalog.profiles.history(NAME, "speeed")


def test_a_lost_catalog_has_its_profiles_back_from_the_lake(catalog, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    declared = product(write=mesh.Append())
    made = [publish_small(declared, orders([(n, "A", n)]), lake, f"run {n}") for n in range(3)]
    sync(catalog, lake, [declared.id])
    history = catalog.profiles.history(str(declared.id), "amount")
    assert [item.column.low for item in history] == [2.0, 1.0, 0.0]

    with Catalog.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        for item in made:
            other.record(item)
        assert other.profiles.latest(str(declared.id)) == catalog.profiles.latest(str(declared.id))


def test_what_the_lake_keeps_no_longer_is_forgotten_and_a_damaged_one_is_named(catalog, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    declared = product(write=mesh.Append())
    made = [publish_small(declared, orders([(n, "A", n)]), lake, f"run {n}") for n in range(2)]
    table = lake.table(declared.id)
    table.store.replace(f"_mesh/profiles/{made[1].publication_id}.json", b"{torn")
    report = sync(catalog, lake, [declared.id])
    assert [problem.where for problem in report.unreadable] == ["shop.orders_v1, version 1"]
    assert catalog.profiles.publications(str(declared.id)) == {made[0].publication_id}

    forget_profiles(table, [made[0].publication_id])
    sync(catalog, lake, [declared.id])
    assert catalog.profiles.of(str(declared.id)) is None
    assert len(catalog.receipts(str(declared.id))) == 2
