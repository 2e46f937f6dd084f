"""Last days and ends of products, as the catalog keeps them on each database."""

from dataclasses import replace
from datetime import UTC, date, datetime

from mesh.catalog.model import Deprecation, RetirementRecord
from mesh.naming import ProductId
from tests.catalog.factories import contract, domain, product

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


def test_who_reads_what_is_known_of_every_repository_that_has_the_catalog(catalog):
    catalog.register(domain("weather", product("weather.observations_v1")))
    reads = {"old": "weather.observations_v1", "new": "weather.observations_v2"}
    catalog.register(
        domain(
            "afar", product("afar.mixed_v1", **reads), product("afar.early_v1", old=reads["old"])
        )
    )
    referring = replace(
        product("afar.rules_v1"), contract=contract(references="weather.observations_v1.origin")
    )
    catalog.register(domain("near", replace(referring, id=ProductId.parse("near.rules_v1"))))
    assert catalog.declared_uses(reads.values()) == {
        "afar.mixed_v1": frozenset(reads.values()),
        "afar.early_v1": frozenset([reads["old"]]),
        "near.rules_v1": frozenset([reads["old"]]),
    }
    assert list(catalog.declared_uses([reads["new"]])) == ["afar.mixed_v1"]

    catalog.register(domain("afar", product("afar.mixed_v1", new=reads["new"])))
    assert list(catalog.declared_uses([reads["old"]])) == ["near.rules_v1"]
    assert catalog.declared_uses([]) == {}


def test_an_end_is_known_of_a_product_of_which_nothing_else_is(catalog):
    catalog.record_retirement(END)
    assert catalog.product_ids() == [ProductId.parse(END.product)]


def test_readers_are_told_of_an_end_while_rows_are_kept_and_after():
    told = "weather.observations_v1 was retired on 2026-07-01 by Ada Öwner: everybody has moved; "
    assert END.told(datetime(2026, 9, 30, tzinfo=UTC)) == (
        f"{told}its rows can be read until 2026-10-01: use weather.observations_v2"
    )
    without = replace(END, successor="").told(datetime(2026, 10, 2, tzinfo=UTC))
    assert without == f"{told}its rows were kept until 2026-10-01"
