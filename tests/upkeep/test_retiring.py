"""A product that retired is published to no more, is read for a while, and then its rows go."""

from datetime import UTC, datetime, timedelta

import pytest

import mesh
from mesh.catalog.retirements_in_lake import retirement_of
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.errors import DefinitionError, NotPublishedError, RetiredError, VersionRemovedError
from mesh.products.retention import Retention
from mesh.publishing import receipts_in
from mesh.reading.snapshot import pin
from mesh.upkeep.products import products_of
from tests.behaviour.products import orders, publish_small, rows_of
from tests.behaviour.upkeep import Keeper, actions
from tests.catalog.factories import product as other
from tests.faults.retirer import ended, retiring

ROWS = orders([(n, "DE", 1.0) for n in range(10)])


def retired(lake, catalog, **options):
    declared = ended(write=mesh.Append(), on_violation=mesh.Quarantine(0.9), **options)
    data = orders([*ROWS.rows(), (50, "DE", -1.0)])
    catalog.record(publish_small(declared, data, lake, "first"))
    return declared, retiring(lake, catalog, declared).retire(declared, by="ada", why="moved")


def test_the_end_is_in_the_log_and_in_the_catalog_and_nothing_follows(lake, catalog):
    declared, found = retired(lake, catalog)

    assert (found.retired_by, found.why, found.successor) == ("ada", "moved", "shop.orders_v2")
    assert retirement_of(lake.table(declared.id).snapshot()) == found
    assert catalog.retirements() == {"shop.orders_v1": found}
    with pytest.raises(RetiredError, match=r"retired on .* by ada: moved") as raised:
        publish_small(declared, ROWS, lake, "second")
    assert raised.value.hint.startswith("publish shop.orders_v2, and delete its module")
    assert len(rows_of(declared, lake)) == 10


def test_a_catalog_that_was_lost_knows_the_end_again(lake, catalog, tmp_path):
    declared, found = retired(lake, catalog)
    with Catalog.open(f"sqlite:///{tmp_path / 'new.db'}") as anew:
        assert sync(anew, lake).found == (declared.id,)
        assert anew.retirements() == {"shop.orders_v1": found}


def test_rows_go_though_the_product_is_declared_nowhere_and_the_catalog_was_lost(
    lake, catalog, tmp_path
):
    declared, _ = retired(lake, catalog)
    with Catalog.open(f"sqlite:///{tmp_path / 'new.db'}") as anew:
        sync(anew, lake)
        looked = products_of(retiring(lake, anew).organization, anew)
        assert looked.declared == {declared.id: None}
        upkeep = Keeper(lake, anew)
        assert "remove retired rows" not in actions(upkeep.at(89).apply(declared.id, None))
        assert len(rows_of(declared, lake)) == 10
        assert actions(upkeep.at(91).apply(declared.id, None)) == ["remove retired rows"]
        assert rows_of(declared, lake) == []


def test_rows_stay_for_the_time_that_settings_say_and_then_go_with_their_versions(
    lake, catalog, keeper
):
    declared, found = retired(lake, catalog)
    table = lake.table(declared.id)
    assert found.keep_until - found.retired_at == timedelta(days=90)
    assert "remove retired rows" not in {w.action for w in keeper.plan(declared, 89).works}
    assert len(rows_of(declared, lake)) == 10

    planned = keeper.plan(declared, 91)
    assert {(w.action, w.part) for w in planned.works} == {
        ("remove retired rows", "table"),
        ("remove retired rows", "quarantine"),
        ("remove profiles", "profiles"),
    }
    assert len(rows_of(declared, lake)) == 10
    keeper.apply(declared, 91)
    assert rows_of(declared, lake) == []
    assert not [f for f in table.store.list() if f.path.endswith(".parquet")
                and not f.path.startswith("_delta_log/")]  # fmt: skip
    assert [receipt.run_id for receipt in receipts_in(table)] == ["first"]
    with pytest.raises(VersionRemovedError, match="removed with its product, which was retired on"):
        pin("read", mesh.Input("shop.orders_v1"), lake, version=0)
    assert keeper.apply(declared, 92).works == ()


def test_a_product_that_says_how_long_it_keeps_things_is_kept_for_so_long(lake, catalog):
    _, found = retired(lake, catalog, retention=Retention("400d"))
    assert found.keep_until - found.retired_at == timedelta(days=400)


def test_everything_that_stands_against_it_is_told_at_once_and_nothing_is_done(lake, catalog):
    declared = ended(write=mesh.Append())
    publish_small(declared, ROWS, lake, "first")
    reader = other("shop.days_v1", source="shop.orders_v1")
    early = datetime(2025, 12, 31, 12, tzinfo=UTC)
    with pytest.raises(DefinitionError) as raised:
        retiring(lake, catalog, declared, reader, now=early).retire(declared, by="ada", why="x")

    told = [problem.what for problem in raised.value.problems]
    assert told == [
        "the last day of shop.orders_v1 is 2026-01-01: readers count on it",
        "shop.days_v1 still reads shop.orders_v1",
    ]
    assert retirement_of(lake.table(declared.id).snapshot()) is None
    assert catalog.retirements() == {}


def test_a_reader_that_only_the_shared_catalog_knows_counts_too(lake, catalog):
    from tests.catalog.factories import domain

    declared = ended(write=mesh.Append())
    publish_small(declared, ROWS, lake, "first")
    catalog.register(domain("shop", other("shop.orders_v1")))
    catalog.register(domain("afar", other("afar.days_v1", source="shop.orders_v1")))
    with pytest.raises(DefinitionError, match=r"afar\.days_v1 still reads shop\.orders_v1, as the"):
        retiring(lake, catalog, declared).retire(declared, by="ada", why="x")


def test_a_product_without_a_table_cannot_retire(lake, catalog):
    declared = ended()
    with pytest.raises(NotPublishedError, match="it was never published"):
        retiring(lake, catalog, declared).retire(declared, by="ada", why="x")
