"""Last days and ends of products, as the catalog keeps them on each database."""

from dataclasses import replace
from datetime import UTC, date, datetime

from mesh.catalog.model import Deprecation, RetirementRecord
from tests.catalog.factories import domain, product

END = RetirementRecord(
    product="weather.observations_v1",
    retired_at=datetime(2026, 7, 1, 12, 30, 1, 5, tzinfo=UTC),
    retired_by="Ada Öwner",
    why="everybody has moved",
    keep_until=datetime(2026, 10, 1, 12, 30, 1, 5, tzinfo=UTC),
    successor="weather.observations_v2",
)


def test_an_end_is_recorded_once_and_stays(catalog):
    assert catalog.record_retirement(END)
    assert not catalog.record_retirement(replace(END, retired_by="bob"))
    assert catalog.retirements() == {"weather.observations_v1": END}
    assert RetirementRecord.from_json({**END.as_json(), "later": "words"}) == END


def test_last_days_are_read_from_declarations(catalog):
    ending = replace(
        product("weather.observations_v1"),
        deprecated=date(2026, 6, 30),
        successor="weather.observations_v2",
    )
    catalog.register(domain("weather", ending, product("weather.observations_v2")))
    asked = ["weather.observations_v1", "weather.observations_v2", "nobody.knows_v1"]

    found = catalog.deprecations(asked)
    told = Deprecation("weather.observations_v1", date(2026, 6, 30), "weather.observations_v2")
    assert found == {"weather.observations_v1": told}
    assert str(told) == ("deprecated, with 2026-06-30 as its last day: use weather.observations_v2")
    assert not told.is_over(date(2026, 6, 30))
    assert told.is_over(date(2026, 7, 1))
