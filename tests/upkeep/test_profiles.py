"""Profiles go with what they tell of: a crash's, old rows, and those of a person."""

import polars as pl

import mesh
from mesh.catalog.profiles_in_lake import kept_profiles
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.settings import PublishingSettings
from mesh.upkeep.erasure import Erasure
from tests.behaviour.products import orders, product, publish_small
from tests.behaviour.upkeep import actions


class Accounts(mesh.Contract):
    """One row per account; nobody said that a nickname is personal."""

    account_id: int = mesh.Field(key=True)
    nickname: str


def published(lake, catalog, times=2, **options):
    declared = product(write=mesh.Append(), **options)
    for run in range(times):
        catalog.record(publish_small(declared, orders([(run, "A", 1.0)]), lake, f"run {run}"))
    return declared


def test_a_profile_whose_publication_never_landed_goes_once_it_is_old(lake, catalog, keeper):
    declared = published(lake, catalog)
    table = lake.table(declared.id)
    known = kept_profiles(table)
    table.store.replace(f"_mesh/profiles/{'0' * 32}.json", b"{}")
    assert actions(keeper.plan(declared), "profiles") == []
    assert actions(keeper.plan(declared, days=3), "profiles") == ["remove leftovers"]

    keeper.apply(declared, days=3)

    assert kept_profiles(table) == known
    assert catalog.profiles.publications(str(declared.id)) == known


def test_profiles_are_kept_no_longer_than_the_rows(lake, catalog, keeper):
    declared = published(lake, catalog, retention=mesh.Retention("90d"))
    assert actions(keeper.plan(declared, days=80), "profiles") == []
    done = keeper.apply(declared, days=100)
    (work,) = [work for work in done.works if work.part == "profiles"]
    assert (work.action, work.files) == ("remove profiles", 2)
    assert kept_profiles(lake.table(declared.id)) == frozenset()
    assert catalog.profiles.of(str(declared.id)) is None
    assert len(catalog.receipts(str(declared.id))) == 2


def test_without_a_retention_they_stay(lake, catalog, keeper):
    declared = published(lake, catalog)
    keeper.apply(declared, days=1000)
    assert len(kept_profiles(lake.table(declared.id))) == 2


def test_an_erasure_leaves_no_value_of_the_person_in_any_profile(lake, catalog, tmp_path):
    declared = product(Accounts, name="accounts", write=mesh.Append())
    for run, names in enumerate((["adam", "zoe-planted"], ["bob", "cora"])):
        rows = pl.DataFrame({"account_id": [10 * run, 10 * run + 1], "nickname": names})
        catalog.record(publish_small(declared, rows, lake, f"run {run}"))
    other = Catalog.open(f"sqlite:///{tmp_path / 'other.db'}")
    sync(other, lake, [declared.id])
    assert "zoe-planted" in str(catalog.profiles.latest(str(declared.id)))

    settings = PublishingSettings(workers=2, batch_rows=4)
    erasure = Erasure(lake, catalog, declared.id, "nickname = 'zoe-planted'", settings)
    record = erasure.apply(why="asked", by="ada")

    assert record.content["profiles"] == 2
    assert kept_profiles(lake.table(declared.id)) == frozenset()
    assert catalog.profiles.latest(str(declared.id)) == []
    for file in lake.table(declared.id).store.list():
        assert b"zoe-planted" not in lake.table(declared.id).store.read(file.path)
    sync(other, lake, [declared.id])
    assert other.profiles.latest(str(declared.id)) == []
    other.close()

    rows = pl.DataFrame({"account_id": [99], "nickname": ["dan"]})
    publish_small(declared, rows, lake, "after")
    assert len(kept_profiles(lake.table(declared.id))) == 1


def test_a_profile_that_is_being_written_is_not_a_leftover(lake, catalog, keeper):
    declared = published(lake, catalog, times=1)
    table = lake.table(declared.id)
    table.store.replace(f"_mesh/profiles/{'1' * 32}.json", b"{}")
    keeper.apply(declared)
    assert "1" * 32 in kept_profiles(table)
