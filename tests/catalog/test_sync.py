"""The lake is the truth: whatever the catalog lacks comes back from the commits."""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from mesh.catalog.receipts import RECEIPT_KEY, InputVersion
from mesh.catalog.retirements_in_lake import RETIREMENT_KEY
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.lake import Lake
from mesh.naming import ProductId
from tests.catalog.factories import domain, product, receipt

WEATHER = ProductId.parse("weather.observations_v1")
FLEET = ProductId.parse("fleet.aircraft_v1")
END = {
    "retired_at": "2026-07-01T00:00:00+00:00",
    "retired_by": "ada",
    "why": "moved",
    "keep_until": "2026-10-01T00:00:00+00:00",
}


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


def test_a_product_that_nobody_declares_is_found_in_the_lake(catalog, lake):
    made = publish(lake, WEATHER, 0)
    declared = publish(lake, FLEET, 0)
    report = sync(catalog, lake, [FLEET])
    assert (report.found, report.recorded, report.unreadable) == ((WEATHER,), 2, ())
    assert catalog.latest_receipt(str(WEATHER)) == made
    assert catalog.latest_receipt(str(FLEET)) == declared
    assert sync(catalog, lake, [FLEET]).found == ()


def test_folders_that_are_no_products_tables_are_passed_over(catalog, lake):
    publish(lake, WEATHER, 0)
    root = Path(lake.url)
    for name in ("_mesh_probe/x/v1", "weather/observations/v1_other", "a__b/c/v1", "weather/Ä/v1",
                 "select/x/v1", "weather/empty/v1", "weather/observations/v2/_delta_log", "x y/z"):  # fmt: skip
        (root / name).mkdir(parents=True)
    (root / "weather" / "file").write_text("")
    os.mkdir(os.fsencode(root) + b"/\xff\xfe")  # noqa: PTH102 -- a name that is no text
    report = sync(catalog, lake)
    assert (report.products, report.found, report.unreadable) == (1, (WEATHER,), ())


def test_a_table_of_somebody_else_is_no_product(catalog, lake):
    commit(lake, WEATHER, {"author": "somebody else"})
    report = sync(catalog, lake)
    assert (report.found, report.unreadable) == ((), ())
    assert catalog.product_ids() == []


def test_a_copy_of_a_table_speaks_for_nobody_and_is_told_once(catalog, lake):
    publish(lake, FLEET, 0)
    end = {**END, "product": str(FLEET)}
    commit(lake, FLEET, {RETIREMENT_KEY: json.dumps(end)})
    copy = Path(lake.url) / "backup" / "aircraft" / "v1"
    shutil.copytree(lake.table(FLEET).url, copy)
    shutil.rmtree(lake.table(FLEET).url)

    report = sync(catalog, lake)
    assert (report.found, report.recorded) == ((), 0)
    (problem,) = report.unreadable
    assert problem.where.startswith("backup.aircraft_v1, version ")
    assert "it is of fleet.aircraft_v1" in problem.what
    assert catalog.retirements() == {}


@pytest.mark.parametrize("file", ["_mesh/erasures/x.json", "_mesh/left/x.json"])
def test_evidence_beside_a_table_that_cannot_be_read_is_told(catalog, lake, file):
    made = publish(lake, FLEET, 0)
    table = lake.table(FLEET) if "erasures" in file else lake.quarantine(FLEET)
    for text in ("{", "[]", "{}", "null"):
        table.store.replace(file, text.encode())
        report = sync(catalog, lake)
        assert catalog.latest_receipt(str(FLEET)) == made
        assert [problem.where for problem in report.unreadable] == [str(FLEET)]


def test_a_store_that_cannot_be_listed_keeps_no_known_product_out(catalog, lake, monkeypatch):
    made = publish(lake, FLEET, 0)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    report = sync(catalog, lake, [FLEET])
    assert catalog.latest_receipt(str(FLEET)) == made
    assert report.unreadable[0].what.startswith("the products in it cannot be listed")
