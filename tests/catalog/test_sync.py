"""The lake is the truth: whatever the catalog lacks comes back from the commits."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from mesh.catalog.receipts import RECEIPT_KEY, InputVersion
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.lake import Lake
from mesh.naming import ProductId
from tests.catalog.factories import domain, product, receipt

WEATHER = ProductId.parse("weather.observations_v1")
FLEET = ProductId.parse("fleet.aircraft_v1")


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def commit(lake, key, metadata):
    """One more version of a real Delta table."""
    url = lake.table(key).url
    Path(url).mkdir(parents=True, exist_ok=True)
    properties = CommitProperties(custom_metadata=metadata)
    write_deltalake(url, pa.table({"speed": [1.0]}), mode="append", commit_properties=properties)


def publish(lake, key, version):
    """Commit as the write path does: the receipt does not know the table's version yet."""
    made = receipt(str(key), version, [InputVersion("network.airports_v1", version, "airports")])
    text = json.dumps(made.with_table_version(-1).as_json())
    commit(lake, key, {RECEIPT_KEY: text})
    return made


def test_a_lost_catalog_is_made_again_from_the_lake(sqlite_url, lake):
    made = [publish(lake, WEATHER, version) for version in range(3)]
    with Catalog.open(sqlite_url) as catalog:
        for item in made:
            catalog.record(item)
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()
    with Catalog.open(sqlite_url) as anew:
        report = sync(anew, lake, [WEATHER])
        assert (report.products, report.recorded, report.known, report.unreadable) == (1, 3, 0, ())
        assert anew.receipts(str(WEATHER)) == list(reversed(made))
        assert anew.lineage(str(WEATHER), "up").edges[0].versions == ((2, 2), (1, 1), (0, 0))


def test_a_crash_between_commit_and_record_loses_nothing(catalog, lake):
    catalog.register(domain("weather", product(str(WEATHER))))
    catalog.record(publish(lake, WEATHER, 0))
    made = publish(lake, WEATHER, 1)
    report = sync(catalog, lake)
    assert (report.recorded, report.known) == (1, 1)
    assert catalog.latest_receipt(str(WEATHER)) == made


def test_syncing_again_changes_nothing(catalog, lake):
    publish(lake, WEATHER, 0)
    sync(catalog, lake, [WEATHER])
    report = sync(catalog, lake, [WEATHER])
    assert (report.recorded, report.known) == (0, 1)


def test_a_product_that_is_known_only_by_its_receipts_is_looked_at_too(catalog, lake):
    catalog.record(publish(lake, FLEET, 0))
    publish(lake, FLEET, 1)
    assert sync(catalog, lake).recorded == 1


def test_a_product_without_a_table_is_passed_over(catalog, lake):
    catalog.register(domain("fleet", product(str(FLEET))))
    report = sync(catalog, lake, [WEATHER])
    assert (report.products, report.recorded, report.unreadable) == (0, 0, ())


def test_a_commit_without_a_receipt_is_passed_over(catalog, lake):
    commit(lake, WEATHER, {"author": "somebody else"})
    made = publish(lake, WEATHER, 1)
    report = sync(catalog, lake, [WEATHER])
    assert (report.recorded, report.unreadable) == (1, ())
    assert catalog.receipts(str(WEATHER)) == [made]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "null", "17", "{}", '{"publication_id": "x"}', '{"published_at": 5, "product": 1}'],
)
def test_a_receipt_that_cannot_be_read_is_reported_and_keeps_no_other_out(catalog, lake, text):
    first = publish(lake, WEATHER, 0)
    commit(lake, WEATHER, {RECEIPT_KEY: text})
    other = publish(lake, FLEET, 0)
    report = sync(catalog, lake, [WEATHER, FLEET])
    assert report.recorded == 2
    (problem,) = report.unreadable
    assert problem.where == "weather.observations_v1, version 1"
    assert "receipt cannot be read" in problem.what
    assert catalog.receipts(str(WEATHER)) == [first]
    assert catalog.receipts(str(FLEET)) == [other]


def test_a_receipt_of_another_product_is_reported(catalog, lake):
    text = json.dumps(receipt(str(FLEET)).as_json())
    commit(lake, WEATHER, {RECEIPT_KEY: text})
    report = sync(catalog, lake, [WEATHER])
    assert report.recorded == 0
    assert "fleet.aircraft_v1" in report.unreadable[0].what


def test_a_damaged_table_is_reported_and_keeps_no_other_out(catalog, lake):
    publish(lake, FLEET, 0)
    publish(lake, WEATHER, 0)
    (log,) = Path(lake.table(FLEET).url).glob("_delta_log/*.json")
    log.write_text("{ not a commit")
    made = publish(lake, WEATHER, 1)
    report = sync(catalog, lake, [FLEET, WEATHER])
    assert report.recorded == 2
    assert catalog.latest_receipt(str(WEATHER)) == made
    assert len(report.unreadable) == 1
