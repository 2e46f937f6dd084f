"""An agreement covers what was decided, for whom and as long as it was, and nothing more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mesh.access.agreements import CatalogAgreements
from mesh.access.defaults import NoAgreements
from mesh.access.model import Principal, PrincipalKind
from mesh.access.rights import Rights
from mesh.contracts.model import Classification
from mesh.errors import DecisionError
from tests.access.parties import OWNER, PARTNER, a_port, a_product, ann
from tests.catalog.factories import contract

SOON = datetime.now(UTC) + timedelta(days=9)
V2 = "weather.observations_v2"


class One(NoAgreements):
    """A single agreement."""

    def __init__(self, record):
        self.record = record

    def of_port(self, product):
        return [self.record]


def classified(**classes):
    """The contract with other classes of its columns."""
    told = {name: Classification(value) for name, value in classes.items()}
    columns = tuple(
        replace(c, classification=told.get(c.name, c.classification)) for c in contract().columns
    )
    return replace(contract(), columns=columns)


def test_nothing_covers_who_has_agreed_to_nothing(mesh):
    assert mesh.covering() is None


def test_an_agreement_is_for_its_purpose(mesh):
    mesh.approve(mesh.request(), OWNER)
    assert mesh.covering(purpose="  PLANNING ") is not None
    assert mesh.covering(purpose="marketing") is None
    assert mesh.covering(purpose="").purpose == "planning"


def test_an_agreement_is_for_its_holder(mesh):
    mesh.approve(mesh.request(), OWNER)
    assert mesh.covering(Principal("andy@reports.org", roles=frozenset({"reports.member"}))) is None
    assert mesh.covering(replace(ann(), name="Ann@Reports.org")) is not None


@pytest.mark.parametrize(
    ("principal", "is_covered"),
    [
        (ann(), True),
        (Principal("ora@reports.org", domains=frozenset({"reports"})), True),
        (Principal("ida@fleet.org", domains=frozenset({"fleet"})), False),
        (a_product(), False),
        (Principal("dash", PrincipalKind.SERVICE, frozenset({"reports"})), False),
    ],
)
def test_a_teams_agreement_is_for_the_people_of_the_team(mesh, principal, is_covered):
    mesh.approve(mesh.request(holder="reports.member"), OWNER)
    # What decision rights give to products by themselves is another test's.
    strict = mesh.under({"decided_by": "owner"})
    assert (strict.covering(principal) is not None) == is_covered


@pytest.mark.parametrize(
    ("principal", "is_covered"),
    [
        (ann(), True),
        (Principal("dash", PrincipalKind.SERVICE, frozenset({"reports"})), True),
        (a_product(), True),
        (Principal("ida@fleet.org", domains=frozenset({"fleet"})), False),
        (Principal("reports", PrincipalKind.SERVICE, frozenset({"fleet"})), False),
        (replace(ann(), is_known=False), False),
    ],
)
def test_a_domains_agreement_is_for_its_people_services_and_products(mesh, principal, is_covered):
    mesh.approve(mesh.request(holder="reports"), OWNER)
    strict = mesh.under({"decided_by": "owner"})
    assert (strict.covering(principal) is not None) == is_covered


def test_a_services_agreement_is_not_for_the_domain_of_the_same_name(mesh):
    case = mesh.approve(mesh.request(holder="reports"), OWNER)
    whole = mesh.catalog.agreements.agreement(case.id)
    of_service = replace(whole, conditions={"onward_sharing": False})
    service = Principal("reports", PrincipalKind.SERVICE)
    for record, who, is_covered in (
        (whole, ann(), True),
        (whole, service, False),
        (of_service, ann(), False),
        (of_service, service, True),
    ):
        held = CatalogAgreements(One(record), Rights())
        found = held.covering(who, a_port(), "planning", None, datetime.now(UTC))
        assert (found is not None) == is_covered


def test_whoever_no_manifest_knows_is_covered_by_nothing(mesh):
    mesh.approve(mesh.request(), OWNER)
    assert mesh.covering(replace(ann(), is_known=False)) is None
    free = mesh.under({"decided_by": "automatic"})
    assert free.covering(replace(ann(), is_known=False)) is None


def test_of_several_the_one_that_covers_most_is_taken(mesh):
    mesh.approve(mesh.request(columns=("speed",)), OWNER)
    wide = mesh.approve(mesh.request(holder="reports.member"), OWNER)
    own = mesh.agreed(columns=("owner",))
    assert mesh.covering().id == wide.id
    assert mesh.covering(columns=["owner"]).id == own.id
    assert mesh.covering(columns=["owner", "speed", "origin"]).id == wide.id


def test_of_several_that_cover_the_same_the_one_that_ends_last_is_taken(mesh):
    mesh.approve(mesh.request(until=SOON), OWNER)
    longer = mesh.approve(mesh.request(holder="reports.member"), OWNER)
    assert mesh.covering().id == longer.id


def test_a_column_that_was_guarded_since_is_not_covered(mesh):
    mesh.approve(mesh.request(columns=("origin", "speed")), OWNER)
    for stricter in ("confidential", "personal"):
        port = a_port(promise=classified(speed=stricter))
        assert mesh.covering(port=port).columns == ("origin",)
        assert mesh.covering(port=port, columns=["speed"]) is None


def test_a_column_that_is_guarded_less_since_stays_covered(mesh):
    mesh.agreed(columns=("owner",))
    for milder in ("confidential", "internal"):
        port = a_port(promise=classified(owner=milder))
        assert mesh.covering(port=port).columns == ("owner",)


def test_an_agreement_without_columns_covers_all_that_are_not_guarded(mesh):
    mesh.approve(mesh.request(), OWNER)
    assert mesh.covering(columns=["origin", "speed"]).columns is None
    assert mesh.covering(columns=["owner"]) is None


def test_a_new_major_inherits_until_the_owner_says_otherwise(mesh):
    case = mesh.approve(mesh.request(columns=("speed",)), OWNER)
    second, third = a_port(V2), a_port("weather.observations_v3")
    assert (mesh.covering(port=second).id, mesh.covering(port=second).port) == (case.id, V2)
    with pytest.raises(DecisionError, match=f"{PARTNER} does not say that"):
        mesh.agreeing.separate(V2, PARTNER, "new terms")
    assert mesh.agreeing.separate(V2, OWNER, "new terms")
    assert not mesh.agreeing.separate(V2, OWNER, "again")
    assert mesh.covering(port=second) is None
    assert mesh.covering(port=third) is None
    assert mesh.covering() is not None
    assert mesh.catalog.decisions.verify().holds
    assert mesh.agreeing.unite(V2, OWNER, "old terms")
    assert mesh.covering(port=third).id == case.id
    assert mesh.catalog.decisions.verify().holds


def test_a_major_before_inherits_nothing(mesh):
    case = mesh.approve(mesh.request(product=V2), OWNER)
    assert mesh.covering(port=a_port(V2)).id == case.id
    assert mesh.covering() is None


def test_what_is_revoked_is_revoked_for_every_major(mesh):
    case = mesh.approve(mesh.request(), OWNER)
    mesh.agreeing.revoke(case.id, OWNER, "")
    assert mesh.covering(port=a_port(V2)) is None


def test_a_columns_name_that_means_something_else_in_the_next_major_is_not_covered(mesh):
    mesh.approve(mesh.request(columns=("origin", "speed")), OWNER)
    promise = classified(speed="personal")
    assert mesh.covering(port=a_port(V2, promise)).columns == ("origin",)


def test_a_products_input_without_personal_columns_is_covered_without_asking(mesh):
    found = mesh.covering(a_product(), columns=["origin", "speed"], purpose="totals")
    assert (found.id, found.columns, found.purpose) == (
        "automatic",
        ("origin", "speed"),
        "totals",
    )
    assert mesh.covering(a_product(), columns=["owner"]) is None
    assert mesh.covering(a_product()) is None  # it names no columns, and so reads all
    port = a_port(promise=classified(owner="confidential"))
    assert mesh.covering(a_product(), port).columns == ("origin", "speed", "owner")


def test_decision_rights_may_give_people_what_they_need_not_ask_for(mesh):
    free = mesh.under({"classifications": ["internal"], "decided_by": "automatic"})
    assert free.covering().id == "automatic"
    assert free.covering().columns is None
    assert mesh.covering() is None


def test_decision_rights_may_take_from_products_what_they_have_by_default(mesh):
    strict = mesh.under({"consumers": ["reports"], "decided_by": "owner"})
    assert strict.covering(a_product(), columns=["speed"]) is None
    assert strict.covering(a_product("fleet.planes_v1"), columns=["speed"]) is not None


def test_columns_that_are_not_there_are_covered_by_nothing(mesh):
    assert mesh.covering(a_product(), columns=["colour"]) is None
