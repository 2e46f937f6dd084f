"""Manifests, and what an identity provider adds to them, become principals."""

import pytest

from mesh.access.model import PrincipalKind
from mesh.products.domain import OrganizationManifest
from mesh.products.people import people_problems
from tests.access.small import directory


def test_a_team_s_people_have_their_roles_in_their_domain():
    ada = directory().principal("ada@example.com")

    assert ada.is_known
    assert ada.kind is PrincipalKind.PERSON
    assert ada.domains == {"flights"}
    assert ada.roles == {"flights.product_owner"}


def test_somebody_in_two_roles_has_both():
    found = directory().principal("ada@example.com", groups=["flights-team", "mesh-analysts"])
    assert found.roles == {"flights.product_owner", "flights.member", "analyst"}


def test_an_address_means_the_same_however_it_is_capitalised():
    assert directory().principal("Ada@Example.COM") == directory().principal("ada@example.com")


def test_people_of_the_organization_have_roles_and_attributes():
    una = directory().principal("una@carrier.example.com")
    assert (una.roles, una.domains, una.attributes) == ({"analyst"}, frozenset(), {"carrier": "UA"})
    service = directory().principal("dashboards")
    assert (service.kind, service.domains) == (PrincipalKind.SERVICE, {"analytics"})


def test_nobody_whom_no_manifest_names_is_known():
    found = directory().principal("eve@example.com", groups=["others"])
    assert not found.is_known
    assert not found.roles


def test_a_mapped_group_makes_somebody_known_and_gives_its_roles():
    found = directory().principal("new@example.com", groups=["flights-team", "others"])
    assert found.is_known
    assert (found.roles, found.domains) == ({"flights.member"}, {"flights"})


def test_claims_add_declared_attributes_of_the_right_type_and_no_others():
    said = {"carrier": "DL", "clearance": True, "is_external": True, "shoe_size": 43}
    found = directory().principal("new@example.com", ["mesh-analysts"], said)
    assert found.attributes == {"carrier": "DL", "is_external": True}


def test_what_the_organization_says_goes_before_what_a_provider_claims():
    found = directory().principal("una@carrier.example.com", attributes={"carrier": "DL"})
    assert found.attributes == {"carrier": "UA"}


def test_a_product_belongs_to_its_domain():
    found = directory().principal("analytics.delays_v2")
    assert (found.kind, found.domains) == (PrincipalKind.PRODUCT, {"analytics"})
    assert not directory().principal("elsewhere.delays_v2").is_known


def problems(**parts) -> list[str]:
    manifest = OrganizationManifest.model_validate({"name": "A", "domains": ["flights"], **parts})
    return [str(problem) for problem in people_problems(manifest, "organization.yaml")]


PERSON = {"name": "Una", "email": "una@example.com"}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"people": [PERSON, {**PERSON, "email": "UNA@example.com"}]}, "una@example.com is there 2 times"),
        ({"people": [{**PERSON, "roles": ["fligths.member"]}]}, "there is no domain 'fligths'\n  try: did you mean flights?"),
        ({"people": [{**PERSON, "attributes": {"carrier": "UA"}}]}, "attribute 'carrier' is not declared"),
        ({"people": [{**PERSON, "attributes": {"carrier": 1}}], "attributes": {"carrier": "text"}}, "carrier is 1, and is declared as text"),
        ({"attributes": {"known": "flag"}}, "every principal has 'known' already"),
        ({"attributes": {"a b": "flag"}}, "'a b' cannot be asked for in a policy"),
        ({"services": [{"name": "x@y"}]}, "a service's name has no @"),
        ({"services": [{"name": "x", "domain": "sea"}]}, "there is no domain 'sea'"),
        ({"groups": {"g": ["sea.member"]}}, "groups, g: there is no domain 'sea'"),
    ],
)  # fmt: skip
def test_people_and_services_hold_together_or_are_told(parts, words):
    (problem,) = problems(**parts)
    assert words in problem
