"""Definitions become what everyone can find, and what was once known stays known."""

import pytest

from mesh.catalog.model import InputRecord, Role
from mesh.contracts.model import Classification
from mesh.errors import UnknownProductError
from mesh.products.domain import DomainKind
from mesh.products.ports import Access, Input
from tests.catalog.factories import contract, domain, product, receipt

WEATHER = "weather.observations_v1"


def test_a_product_comes_back_as_it_was_declared(catalog):
    declared = product(WEATHER)
    catalog.register(domain("weather", declared))
    found = catalog.product(WEATHER)
    assert found.id == declared.id
    assert found.contract == declared.contract
    assert found.contract.digest == declared.contract.digest
    assert found.description == "What weather.observations_v1 is."
    assert (found.engine, found.access, found.freshness) == ("python", Access.PROTECTED, "1d")
    assert (found.write_mode, found.partition_by, found.tolerance) == (
        "overwrite",
        ("origin",),
        0.01,
    )
    assert (found.schedule, found.tags) == ("0 5 * * *", {"season": "all"})
    assert (found.source, found.code_version) == (
        "domains/weather/products/observations.py",
        "abc123",
    )
    assert found.is_declared
    assert not found.is_published
    assert found.table_version is None


def test_a_product_names_its_owner_and_team(catalog):
    catalog.register(domain("weather", product(WEATHER)))
    found = catalog.product(WEATHER)
    assert (found.owner.name, found.owner.email) == ("Ada Öwner", "ada@example.org")
    assert found.team == "Team weather"
    assert found.kind is DomainKind.SOURCE_ALIGNED


def test_a_domain_comes_back_with_its_roles_contact_and_terms(catalog):
    catalog.register(domain("weather", product(WEATHER)))
    (found,) = catalog.domains()
    assert (found.name, found.title, found.purpose) == ("weather", "Weather", "Knows the weather.")
    assert [person.role for person in found.people] == [
        Role.PRODUCT_OWNER,
        Role.BUSINESS_TECHNOLOGY_PARTNER,
        Role.DATA_STEWARD,
        Role.MEMBER,
        Role.MEMBER,
    ]
    assert [person.name for person in found.people_in(Role.MEMBER)] == ["Di", "Ed"]
    assert (found.contact_email, found.contact_channel) == ("weather@example.org", "#weather")
    assert (found.usage, found.limitations) == ("anything", "not for safety")


def test_inputs_come_back_with_columns_purpose_and_references(catalog):
    flights = Input("operations.flights_v1", ["origin"], "punctuality")
    declared = product(
        WEATHER,
        contract(references="network.airports_v1.origin"),
        flights=flights,
        all_of_it="fleet.aircraft_v1",
    )
    catalog.register(domain("weather", declared))
    assert catalog.product(WEATHER).inputs == (
        InputRecord("flights", "operations.flights_v1", ("origin",), "punctuality"),
        InputRecord("all_of_it", "fleet.aircraft_v1"),
        InputRecord(
            "", "network.airports_v1", ("origin",), "origin is in network.airports_v1.origin"
        ),
    )


def test_registering_the_same_definitions_again_changes_nothing(catalog):
    weather = domain("weather", product(WEATHER))
    catalog.register(weather)
    before = (catalog.domains(), catalog.products(), catalog.contract_versions(WEATHER))
    catalog.register(weather)
    after = (catalog.domains(), catalog.products(), catalog.contract_versions(WEATHER))
    assert after == before


def test_a_changed_definition_replaces_the_old_one(catalog):
    catalog.register(domain("weather", product(WEATHER, flights="operations.flights_v1")))
    first = catalog.product(WEATHER)
    catalog.register(domain("weather", product(WEATHER), purpose="Forecasts."))
    found = catalog.product(WEATHER)
    assert found.inputs == ()
    assert found.domain.purpose == "Forecasts."
    assert found.registered_at == first.registered_at
    assert found.domain.changed_at > first.domain.changed_at


def test_a_product_that_vanishes_is_kept_and_marked(catalog):
    other = product("weather.stations_v1")
    catalog.register(domain("weather", product(WEATHER), other))
    catalog.record(receipt(WEATHER))
    catalog.register(domain("weather", other))
    found = {record.name: record for record in catalog.products()}
    assert not found[WEATHER].is_declared
    assert found[WEATHER].contract == contract()
    assert found[WEATHER].is_published
    assert found["weather.stations_v1"].is_declared
    catalog.register(domain("weather", product(WEATHER), other))
    assert catalog.product(WEATHER).is_declared


def test_a_domain_without_products_keeps_those_it_had(catalog):
    catalog.register(domain("weather", product(WEATHER)))
    catalog.register(domain("weather"))
    assert not catalog.product(WEATHER).is_declared


def test_a_domain_leaves_other_domains_alone(catalog):
    catalog.register(domain("weather", product(WEATHER)))
    catalog.register(domain("fleet", product("fleet.aircraft_v1")))
    assert [record.name for record in catalog.products()] == ["fleet.aircraft_v1", WEATHER]
    assert all(record.is_declared for record in catalog.products())


def test_every_contract_that_a_product_has_had_is_kept(catalog):
    promises = [contract("1.0.0"), contract("1.1.0", "gust"), contract("1.2.0", "gust", "rain")]
    for promise in promises:
        catalog.register(domain("weather", product(WEATHER, promise)))
    history = catalog.contract_versions(WEATHER)
    assert [record.contract for record in history] == promises
    assert [record.sequence for record in history] == [1, 2, 3]
    assert [record.version for record in history] == ["1.0.0", "1.1.0", "1.2.0"]
    assert [record.is_current for record in history] == [False, False, True]
    assert [record.digest for record in history] == [promise.digest for promise in promises]


def test_a_contract_changed_without_a_new_version_is_kept_beside_the_first(catalog):
    for promise in (contract(), contract(description="other"), contract()):
        catalog.register(domain("weather", product(WEATHER, promise)))
    history = catalog.contract_versions(WEATHER)
    assert [record.version for record in history] == ["1.0.0", "1.0.0"]
    assert [record.contract.description for record in history] == ["", "other"]
    assert [record.is_current for record in history] == [True, False]


def test_a_column_keeps_its_classification_unit_and_key(catalog):
    catalog.register(domain("weather", product(WEATHER)))
    found = catalog.product(WEATHER).contract
    assert found.key == ("origin",)
    assert found.column("speed").unit == "mph"
    assert found.column("owner").classification is Classification.PERSONAL


def test_the_major_may_be_left_out(catalog):
    catalog.register(domain("weather", product(WEATHER), product("weather.observations_v2")))
    assert catalog.product("weather.observations").name == "weather.observations_v2"
    assert catalog.contract_versions("weather.observations")[0].version == "2.0.0"
    catalog.register(domain("weather", product(WEATHER)))
    assert catalog.product("weather.observations").name == WEATHER


@pytest.mark.parametrize("ask", ["product", "contract_versions"])
def test_an_unknown_product_suggests_near_names(catalog, ask):
    catalog.register(domain("weather", product(WEATHER)))
    with pytest.raises(UnknownProductError) as caught:
        getattr(catalog, ask)("weather.observation_v1")
    assert caught.value.near == (WEATHER,)


@pytest.mark.parametrize(
    "name", ["", "../x", "'; DROP TABLE products; --", "a" * 100_000, "é.ü_v1"]
)
def test_a_hostile_name_is_an_unknown_product(catalog, name):
    catalog.register(domain("weather", product(WEATHER)))
    with pytest.raises(UnknownProductError):
        catalog.product(name)
    with pytest.raises(UnknownProductError):
        catalog.lineage(name, "up")
    assert catalog.receipts(name) == []
    assert len(catalog.products()) == 1
