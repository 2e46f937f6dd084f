"""Serving decides by what was registered: the same text, without any folder."""

from dataclasses import replace

import pytest

from mesh.access.model import Action, Ask
from mesh.access.registered import RegisteredAccess, port_of_record
from mesh.access.row_filters import row_filter
from mesh.errors import AccessDeniedError, PolicyError
from mesh.products.declaration import DataProduct
from mesh.products.policy_files import PolicyFile
from mesh.products.ports import Access
from tests.access.small import NOW
from tests.catalog.factories import domain, product

WEATHER = "weather.observations_v1"
GUEST = "guest@example.com"
ORGANIZATION = {
    "name": "A Mesh",
    "domains": ["weather"],
    "people": [{"name": "Guest", "email": GUEST, "roles": ["analyst"], "attributes": {}}],
    "of_a_later_mesh": True,
}
CLOSED = PolicyFile(
    "domains/weather/policies/own.cedar",
    '@id("weather.closed") @reason("not in May")\n'
    'forbid (principal, action == Mesh::Action::"read", resource in Mesh::Domain::"weather");',
    "weather",
)


def public(name: str) -> DataProduct:
    return replace(product(name), access=Access.PUBLIC)


@pytest.fixture
def access(catalog):
    catalog.policies.register_organization(ORGANIZATION, ())
    catalog.register(domain("weather", public(WEATHER)))
    return RegisteredAccess(catalog, row_filter)


def reading(access, name: str = GUEST) -> Ask:
    decider = access.decider()
    port = port_of_record(access.catalog.product(WEATHER))
    return Ask(decider.directory.principal(name), Action.READ, port, now=NOW)


def test_who_is_registered_reads_what_policy_permits(access):
    assert access.decider().view(reading(access)).columns
    with pytest.raises(AccessDeniedError, match="whom no manifest names"):
        access.decider().view(reading(access, "eve@example.com"))


def test_the_decision_point_is_kept_until_something_is_registered(access, catalog):
    before = access.decider()
    assert access.decider() is before

    closing = domain("weather", public(WEATHER))
    catalog.register(replace(closing, policies=(CLOSED,)))
    assert catalog.policies.files() == [CLOSED]
    with pytest.raises(AccessDeniedError, match="not in May"):
        access.decider().view(reading(access))

    catalog.register(closing)
    assert catalog.policies.files() == []
    assert access.decider().view(reading(access))


def test_people_who_are_taken_out_are_unknown_at_once(access, catalog):
    assert access.decider().view(reading(access))
    catalog.policies.register_organization({**ORGANIZATION, "people": []}, ())
    with pytest.raises(AccessDeniedError):
        access.decider().view(reading(access))


def test_a_domain_whose_policies_cannot_be_read_is_closed_and_no_other(access, catalog):
    others = "fleet.aircraft_v1"
    catalog.register(domain("fleet", public(others)))
    broken = replace(CLOSED, text="this is no policy")
    closing = domain("weather", public(WEATHER))
    catalog.register(replace(closing, policies=(broken,)))

    decider = access.decider()
    with pytest.raises(AccessDeniedError, match="the policies of weather cannot be read"):
        decider.view(reading(access))
    port = port_of_record(catalog.product(others))
    assert decider.view(Ask(decider.directory.principal(GUEST), Action.READ, port, now=NOW))


def test_nothing_is_shown_while_the_organization_s_policies_cannot_be_read(access, catalog):
    broken = PolicyFile("domains/policies/all.cedar", "this is no policy")
    catalog.policies.register_organization(ORGANIZATION, [broken])
    with pytest.raises(PolicyError, match="it is no policy of Cedar"):
        access.decider()
