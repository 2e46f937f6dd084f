"""Every method of a catalog can be called from afar, and values come back as they went."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from mesh.catalog.database import Database
from mesh.catalog.declared import DeclaredDomain
from mesh.catalog.model import ExpectationRecord, RefusalRecord
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.catalog.remote.operations import facets_of, operations_of
from mesh.catalog.remote.plain import codec_of
from mesh.catalog.store import Catalog
from mesh.contracts.model import Contract
from mesh.products.expectations import Expectation
from tests.catalog.factories import contract, domain, product, receipt, refusal

WEATHER = "weather.observations_v1"


def test_every_method_of_the_catalog_and_its_facets_has_a_plain_form():
    catalog = Catalog(Database("sqlite:////nowhere/catalog.db"))
    assert {"record", "register_declared", "lineage"} <= operations_of(Catalog).keys()
    assert {"browsing", "tokens"} <= facets_of(catalog).keys()
    for facet in facets_of(catalog).values():
        assert operations_of(type(facet))


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Receipt, receipt(WEATHER, 3, [InputVersion("fleet.aircraft_v1", 3, "a", ("speed",))])),
        (RefusalRecord, RefusalRecord.of(refusal(WEATHER))),
        (DeclaredDomain, DeclaredDomain.of(domain("weather", product(WEATHER)))),
        (Contract, contract("1.2.3", "gust", references="network.airports_v1.origin")),
        (
            ExpectationRecord,
            ExpectationRecord("a.b_v1", Expectation("p", "c.d_v1", "*", "age", timedelta(days=1))),
        ),
        (tuple[int, str], (3, "three")),
        (list[tuple[Contract, datetime]], [(contract(), datetime(2026, 1, 1, tzinfo=UTC))]),
        (float | str | None, 1.5),
        (float | str | None, None),
        (Mapping[tuple[str, str], int], {("a.b_v1", "x"): 1, ("a.b_v1", "y"): 2}),
        (Mapping[str, Any], {"$": "date", "value": "2026-01-01", "at": [date(2026, 1, 1)]}),
        (object, {"at": date(2026, 1, 1), "much": Decimal("1.10"), "list": [1, None]}),
    ],
)
def test_a_value_comes_back_as_it_went(hint, value):
    codec = codec_of(hint)
    found = codec.decode(codec.encode(value))
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, 5),
        (int, True),
        (int, 2**63),
        (int, "5"),
        (datetime, "2026-01-01T00:00:00"),
        (datetime, "yesterday"),
        (list[str], "abc"),
        (Receipt, {"product": WEATHER}),
        (Receipt, []),
    ],
)
def test_what_is_not_of_the_type_is_refused(hint, value):
    with pytest.raises(ValueError, match=r".+"):
        codec_of(hint).decode(value)


def test_fields_of_a_later_mesh_are_passed_over():
    codec = codec_of(InputVersion)
    data = {**codec.encode(InputVersion("a.b_v1", 3)), "colour": "red"}
    assert codec.decode(data) == InputVersion("a.b_v1", 3)
