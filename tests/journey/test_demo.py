"""`make demo`: eleven products with the truths that are known of their data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt
from mesh.catalog.store import Catalog
from mesh.settings import load
from tests.journey import governed
from tests.journey.conftest import Newcomer

PRODUCTS = {
    "network.carriers_v1": 16,
    "network.airports_v1": 1_458,
    "fleet.aircraft_v1": 3_322,
    "weather.observations_v1": 26_114,
    "operations.flights_v1": 336_776,
    "punctuality.departures_v1": 336_776,
}


def read(newcomer: Newcomer, product: str) -> pl.DataFrame:
    return mesh.read(product, settings=load(newcomer.folder)).collect()


def last_receipt(newcomer: Newcomer, product: str) -> Receipt:
    with Catalog.open(load(newcomer.folder).catalog_url) as catalog:
        found = catalog.latest_receipt(product)
    assert found is not None
    return found


@pytest.mark.parametrize(("product", "rows"), PRODUCTS.items())
def test_every_product_has_the_rows_that_its_source_has(
    newcomer: Newcomer, product: str, rows: int
) -> None:
    assert read(newcomer, product).height == rows
    assert last_receipt(newcomer, product).rows_accepted == rows


def test_the_one_impossible_wind_waits_in_quarantine(newcomer: Newcomer) -> None:
    said = newcomer.types("quarantine", "show", "weather.observations_v1")
    assert "1 row of weather.observations_v1 broke `wind_speed_mph in [0, 254)`" in said
    assert "2013-02-12 08:00:00" in said
    assert "1048.36" in said
    assert last_receipt(newcomer, "weather.observations_v1").rows_rejected == 1


def test_flights_that_refer_to_nothing_are_counted_and_published(newcomer: Newcomer) -> None:
    tallies = {
        tally.rule: tally.failed
        for tally in last_receipt(newcomer, "operations.flights_v1").tallies
    }
    assert tallies["destination_references"] == 7_602
    assert tallies["tail_number_references"] == 50_094


@pytest.mark.parametrize(
    ("product", "gap", "rows"),
    [
        ("network.airports_v1", pl.col("time_zone").is_null(), 3),
        ("fleet.aircraft_v1", pl.col("manufactured_year").is_null(), 70),
        ("operations.flights_v1", pl.col("is_cancelled"), 8_255),
    ],
)
def test_known_gaps_are_as_they_are_in_the_source(
    newcomer: Newcomer, product: str, gap: pl.Expr, rows: int
) -> None:
    assert read(newcomer, product).filter(gap).height == rows


def test_sql_products_agree_with_what_they_are_made_from(newcomer: Newcomer) -> None:
    for product in ("punctuality.daily_on_time_v1", "punctuality.delay_drivers_v1"):
        made = read(newcomer, product)
        assert made["scheduled_departures"].sum() == 336_776
        assert made["cancelled_departures"].sum() == 8_255


def test_strong_winds_can_be_read(newcomer: Newcomer) -> None:
    said = newcomer.types("read", "weather.observations_v1", "--where", "wind_speed_mph > 40")
    assert "EWR" in said


def test_lineage_leads_from_delay_drivers_back_to_every_source(newcomer: Newcomer) -> None:
    said = newcomer.types("lineage", "punctuality.delay_drivers_v1", "--up")
    for product in PRODUCTS:
        assert product in said


def test_the_catalog_is_published_as_products(newcomer: Newcomer) -> None:
    assert set(read(newcomer, "platform.products_v1")["product"]) >= set(PRODUCTS)
    assert "punctuality.departures_v1" in read(newcomer, "platform.lineage_v1")["product"]


def test_every_product_has_an_owner(newcomer: Newcomer) -> None:
    listed = json.loads(newcomer.types("list", "--json"))
    assert len(listed) == 11
    assert all(row["owner"] for row in listed)


def test_a_second_demo_publishes_nothing_again(newcomer: Newcomer) -> None:
    before = [last_receipt(newcomer, product) for product in PRODUCTS]
    said = newcomer.types("run", "--all", "--run-id", "demo", "--no-report")
    assert said.count("unchanged") >= 11
    assert [last_receipt(newcomer, product) for product in PRODUCTS] == before


ROSA, NOOR = "rosa.delgado@example.com", "noor.rahman@united.example.com"
GRACE, INGRID = "grace.adeyemi@example.com", "ingrid.falk@example.com"


def test_each_sees_by_four_ways_what_policy_says_until_it_is_revoked(
    newcomer: Newcomer, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(newcomer.folder, tmp_path / "mesh"))
    with governed.serving(folder) as addresses:
        walk = governed.Walk(folder, addresses)
        walk.follow(until="mesh access revoke")
        walk.shares(INGRID)
        rosa, noor, grace = walk.sees(ROSA), walk.sees(NOOR), walk.sees(GRACE)
        assert _refused(walk.sees(INGRID)) == set(governed.WAYS)
        agreement = walk.agreement(NOOR)
        walk.follow(until="curl")
        assert _refused(walk.sees(NOOR)) == set(governed.WAYS)
        walk.finish()
        assert _refused(walk.sees(ROSA)) == set()
    tails = {_tail(seen) for seen in noor.values()}
    for way in governed.WAYS:
        assert (rosa[way].flights, noor[way].flights, grace[way].flights) == (
            336_776,
            58_665,
            336_776,
        )
        assert "tail_number" not in rosa[way].one
        assert (len(rosa[way].one), len(noor[way].one), len(grace[way].one)) == (16, 7, 17)
        assert _tail(grace[way]) == "N14228"
    (tail,) = tails
    assert len(tail) == 32
    _the_log_tells_all_of(walk.exported(), agreement)
    assert not any(value in json.dumps(walk.exported()) for value in ("N14228", tail, "IAH"))


def _refused(seen: dict[str, governed.Seen]) -> set[str]:
    return {way for way, found in seen.items() if found.is_refused}


def _tail(seen: governed.Seen) -> str:
    return str(seen.one["tail_number"])


def _the_log_tells_all_of(entries: list[dict[str, object]], agreement: str) -> None:
    steps = [(e["kind"], e["who"]) for e in entries if str(e["kind"]).startswith("access.")]
    for kind, who in [
        ("access.requested", ROSA),
        ("access.approved", GRACE),
        ("access.requested", NOOR),
        ("access.vote", GRACE),
        ("access.approved", "hannah.goldberg@example.com"),
        ("access.revoked", GRACE),
    ]:
        assert (kind, who) in steps
    reads = [entry for entry in entries if entry["kind"] == "read"]
    assert {entry["who"] for entry in reads} == {ROSA, NOOR, GRACE}
    for way in ("rest", "flight-sql", "delta-sharing"):
        assert any(way in json.dumps(e) and agreement in json.dumps(e) for e in reads)


def test_a_lost_catalog_comes_back_from_the_lake(newcomer: Newcomer) -> None:
    before = last_receipt(newcomer, "weather.observations_v1")
    for file in (newcomer.folder / ".mesh" / "dev").glob("catalog.db*"):
        file.unlink()
    newcomer.types("catalog", "sync")
    assert last_receipt(newcomer, "weather.observations_v1") == before
