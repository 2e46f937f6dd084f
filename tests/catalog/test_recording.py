"""Publications and refusals are recorded once, and come back whole."""

import math
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from mesh.catalog.receipts import InputVersion, publication_id
from tests.catalog.factories import NOON, domain, later, product, receipt, refusal

WEATHER = "weather.observations_v1"


def test_a_receipt_comes_back_as_it_was_recorded(catalog):
    made = receipt(WEATHER, 3, [InputVersion("fleet.aircraft_v1", 7, "aircraft", ("speed",))])
    catalog.record(made)
    assert catalog.latest_receipt(WEATHER) == made
    assert catalog.latest_receipt(WEATHER).bytes == 5_000_000_000


def test_a_receipt_needs_no_registered_product(catalog):
    catalog.record(receipt(WEATHER))
    assert catalog.receipts(WEATHER) == [receipt(WEATHER)]
    assert catalog.products() == []


def test_a_receipt_is_recorded_once(catalog):
    made = receipt(WEATHER)
    assert catalog.record_all([made, made]) == 1
    catalog.record(made.as_repeated())
    assert catalog.record_all([made, receipt(WEATHER, 1)]) == 1
    assert [found.table_version for found in catalog.receipts(WEATHER)] == [1, 0]


def test_receipts_come_newest_first_and_no_more_than_asked_for(catalog):
    for version in (2, 0, 1):
        catalog.record(receipt(WEATHER, version))
    assert [found.table_version for found in catalog.receipts(WEATHER)] == [2, 1, 0]
    assert [found.table_version for found in catalog.receipts(WEATHER, limit=2)] == [2, 1]


def test_the_newest_is_the_newest_in_any_time_zone(catalog):
    west = timezone(timedelta(hours=-8))
    catalog.record(replace(receipt(WEATHER, 1), published_at=NOON + timedelta(hours=1)))
    catalog.record(
        replace(receipt(WEATHER, 2), published_at=(NOON + timedelta(hours=2)).astimezone(west))
    )
    assert catalog.latest_receipt(WEATHER).table_version == 2


def test_a_product_shows_its_latest_receipt(catalog):
    catalog.register(domain("weather", product(WEATHER), product("weather.stations_v1")))
    for version in range(3):
        catalog.record(receipt(WEATHER, version))
    found = {record.name: record for record in catalog.products()}
    assert found[WEATHER].latest_receipt == receipt(WEATHER, 2)
    assert found[WEATHER].table_version == 2
    assert found[WEATHER].published_at == NOON + timedelta(hours=2)
    assert found["weather.stations_v1"].latest_receipt is None


def test_nothing_recorded_is_none_and_empty(catalog):
    assert catalog.latest_receipt(WEATHER) is None
    assert catalog.receipts(WEATHER) == []
    assert catalog.refusals(WEATHER) == []


def test_a_time_without_a_zone_is_not_guessed_at(catalog):
    with pytest.raises(Exception, match="has no time zone"):
        catalog.record(replace(receipt(WEATHER), published_at=NOON.replace(tzinfo=None)))
    assert catalog.receipts(WEATHER) == []


def test_many_receipts_are_recorded_together(catalog):
    many = [receipt(WEATHER, version) for version in range(1_200)]
    assert catalog.record_all(many) == 1_200
    assert catalog.record_all(many) == 0
    assert catalog.latest_receipt(WEATHER).table_version == 1_199


def test_a_refusal_comes_back_with_its_words_and_its_samples(catalog):
    refused = refusal(WEATHER)
    catalog.record_refusal(refused)
    (found,) = catalog.refusals(WEATHER)
    assert str(found) == str(refused)
    assert found.publication_id == publication_id(WEATHER, "run-0")
    assert (found.run_id, found.partition, found.refused_at) == ("run-0", "2013-01", NOON)
    assert found.reasons == ("1 of 3 rows is rejected",)
    assert found.inputs == refused.inputs
    sample = found.verdict["findings"][0]["samples"][0]
    assert math.isnan(sample["speed"])
    assert sample["origin"] == "E\0W\ud800R"


def test_a_refusal_is_recorded_once_and_a_refused_retry_is_another(catalog):
    refused = refusal(WEATHER)
    for _ in range(2):
        catalog.record_refusal(refused)
    catalog.record_refusal(later(refused, 1))
    assert [found.refused_at for found in catalog.refusals(WEATHER)] == [
        NOON + timedelta(hours=1),
        NOON,
    ]
    assert len(catalog.refusals(WEATHER, limit=1)) == 1
