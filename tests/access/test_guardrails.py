"""Guardrails are policies over how a product is declared: errors, warnings, or waived for a while."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from mesh.access.guardrails import broken_guardrails, with_broken
from mesh.contracts.model import Classification
from mesh.errors import PolicyError
from mesh.products.plans import make
from mesh.products.state import MeshState, ProductState
from tests.access.small import NOW, decider, organizations
from tests.catalog.factories import product

DECLARE = 'principal, action == Mesh::Action::"declare", resource'
RULES = organizations(f"""
    @id("air.fresh") @reason("freshness is told") @remedy("declare freshness") @level("warning")
    forbid ({DECLARE}) unless {{ resource has freshness }};
    @id("air.owned") @reason("somebody answers for it")
    forbid ({DECLARE}) unless {{ resource has owner }};
    @id("air.described") @reason("columns are described")
    forbid ({DECLARE}) when {{ resource.described < 50 }};
    @id("air.ended") @reason("what ended is not read")
    forbid ({DECLARE}) unless {{ resource.reads_ended.isEmpty() }};
""")
FLIGHTS, DELAYS = "flights.departures_v1", "analytics.delays_v1"


@dataclass(frozen=True)
class Waived:
    product: str
    guardrail: str
    until: datetime


def described(name: str, **inputs):
    found = product(name, **inputs)
    columns = [replace(column, description="What it is") for column in found.contract.columns]
    return replace(found, contract=replace(found.contract, columns=tuple(columns)))


def broken(*products, waivers=(), rules=RULES):
    by_name = {str(p.id): p for p in products}
    return list(broken_guardrails(decider(rules), by_name, waivers, NOW))


def told(*products, **options) -> list[tuple[str, str, bool]]:
    found = broken(*products, **options)
    return [(str(item.product.id), item.policy.id, item.is_error) for item in found]


def test_a_product_that_keeps_them_all_is_not_spoken_of():
    assert told(described(FLIGHTS)) == []


def test_each_guardrail_that_is_not_kept_is_an_error_or_a_warning():
    bare = replace(product(FLIGHTS), freshness=None)
    assert told(bare) == [(FLIGHTS, "air.described", True), (FLIGHTS, "air.fresh", False)]
    texts = [item.text for item in broken(bare)]
    assert texts[1] == "freshness is told (policy air.fresh): declare freshness"


def test_a_domain_without_an_owner_is_told():
    assert told(described("nowhere.things_v1")) == [("nowhere.things_v1", "air.owned", True)]


def test_an_input_whose_last_day_is_over_is_told():
    ended = replace(described(FLIGHTS), deprecated=(NOW - timedelta(days=2)).date())
    reader = described(DELAYS, flights=FLIGHTS)
    assert told(ended, reader) == [(DELAYS, "air.ended", True)]
    last_day = replace(ended, deprecated=NOW.date())
    assert told(last_day, reader) == []


CLASSIFIED = organizations(f"""
    @id("air.classified") @reason("columns beside personal data have a class") @level("warning")
    forbid ({DECLARE}) when {{ resource.in_personal_domain && !resource.unclassified.isEmpty() }};
""")


def classed(name: str, **classes: str):
    """A product whose columns are classified so; those that are not named, nobody spoke of."""
    found = product(name)
    columns = [
        replace(c, classification=Classification(classes[c.name]), is_class_said=True)
        if c.name in classes
        else replace(c, classification=Classification.INTERNAL)
        for c in found.contract.columns
    ]
    return replace(found, contract=replace(found.contract, columns=tuple(columns)))


def test_columns_of_which_nobody_said_a_class_are_named_where_a_domain_has_personal_data():
    first, *others = product(FLIGHTS).contract.column_names
    pilots = classed("flights.pilots_v1", **{first: "personal"} | dict.fromkeys(others, "internal"))
    delays = classed(DELAYS)
    assert told(classed(FLIGHTS), delays, rules=CLASSIFIED) == []

    (item,) = broken(classed(FLIGHTS), pilots, delays, rules=CLASSIFIED)
    assert (str(item.product.id), item.is_error) == (FLIGHTS, False)
    names = ", ".join(sorted([first, *others]))
    assert (
        item.text == f"columns beside personal data have a class: {names} (policy air.classified)"
    )


def test_a_waiver_lifts_one_guardrail_from_one_product_until_it_ends():
    bare = product(FLIGHTS)
    until = NOW + timedelta(days=1)
    assert told(bare, waivers=[Waived(FLIGHTS, "air.described", until)]) == [
        (FLIGHTS, "air.described", False)
    ]
    (item,) = broken(bare, waivers=[Waived(FLIGHTS, "air.described", until)])
    assert item.text.endswith("waived until 2026-05-02 12:00 UTC")
    for other in (
        Waived(FLIGHTS, "air.described", NOW),
        Waived(FLIGHTS, "air.owned", until),
        Waived(DELAYS, "air.described", until),
    ):
        assert told(bare, waivers=[other]) == [(FLIGHTS, "air.described", True)]


def test_a_plan_fails_on_errors_and_warns_of_the_rest():
    bare = replace(product(FLIGHTS), freshness=None)
    state = ProductState(FLIGHTS, bare.as_json(), bare.contract.as_json())
    nothing = MeshState.made("before", [], {}, frozenset())
    plan = make(nothing, MeshState.made("after", [state], {}, frozenset()))

    judged = with_broken(plan, broken(bare))
    assert judged.failures == ((FLIGHTS, "columns are described (policy air.described)"),)
    assert judged.warnings[-1][1].startswith("freshness is told (policy air.fresh)")


def test_a_guardrail_that_fails_decides_nothing_and_says_so():
    failing = organizations(f'@id("air.failing") @reason("x") forbid ({DECLARE}) when {{ resource.freshness == "1d" }};')  # fmt: skip
    with pytest.raises(PolicyError, match="a guardrail cannot be decided"):
        broken(replace(product(FLIGHTS), freshness=None), rules=failing)
