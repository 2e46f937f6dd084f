"""Policies over rows become one expression, which hides what cannot be decided, and says itself."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import cedarpy
import polars as pl
import pytest

from mesh.access.model import Action, Ask, Principal
from mesh.access.policies import Policy
from mesh.access.reading_policies import policies_of
from mesh.access.row_filters import row_filter, row_problems
from mesh.errors import AccessDeniedError
from mesh.products.domain import AttributeType
from tests.access.ports import PORT, ROWS, agreement
from tests.access.small import domains, organizations

UNA = Principal("una@example.com", attributes={"carrier": "UA"}, domains=frozenset({"shop"}))
HEAD = '@id("x") @reason("x") forbid (principal, action == Mesh::Action::"see_row", resource)'


def policy(conditions: str, head: str = HEAD) -> Policy:
    """A policy over rows."""
    (found,) = [p for p in policies_of([organizations(f"{head} {conditions};")]) if p.id == "x"]
    return found


def balanced(condition: str, times: int) -> str:
    """A condition so often, in brackets that are not deep."""
    if times == 1:
        return condition
    return f"({balanced(condition, times // 2)} && {balanced(condition, times - times // 2)})"


def seen(conditions: str, principal: Principal = UNA, **options):
    """The filter, and the ids of the rows that it shows."""
    found = row_filter([policy(conditions)], Ask(principal, Action.READ, PORT, **options))
    if found is None:
        return None, ROWS["id"].to_list()
    return found.text, ROWS.filter(found.expression)["id"].to_list()


def test_what_is_known_of_who_asks_is_put_in():
    own = "when { principal has carrier } unless { resource has carrier && resource.carrier == principal.carrier }"
    assert seen(own) == ('carrier is there and carrier == "UA"', [1, 4])
    assert seen(own, replace(UNA, attributes={})) == (None, [1, 2, 3, 4])


def test_a_policy_that_fails_for_a_row_hides_it():
    assert seen('when { resource.carrier == "AA" }') == ('carrier != "AA"', [1, 4])
    assert seen("when { resource.seats > 149 }") == ("seats <= 149", [1, 2])
    assert seen("when { resource.id + 9223372036854775806 > 0 }")[1] == []


def test_a_policy_that_fails_whoever_asks_hides_every_row():
    assert seen("when { principal.region == resource.carrier }") == ("no row", [])


@pytest.mark.parametrize(
    ("condition", "text", "ids"),
    [
        ('["AA", "DL"].contains(resource.carrier)', 'carrier not in ["AA", "DL"]', [1, 4]),
        ('resource.carrier like "U*"', 'carrier not like "U*"', [2]),
        ("resource.is_late", "not is_late", [2, 4]),
        ("!(resource has day)", "day is there", [1, 2, 4]),
        (
            'resource.day < datetime("2013-01-31")',
            "day >= 2013-01-31T00:00:00.000Z",
            [2, 4],
        ),
        ('resource.fare.lessThan(decimal("0.0"))', "fare >= 0.0000", [2, 4]),
        (
            'resource.carrier == "AA" || resource.is_late',
            'carrier != "AA" and not is_late',
            [4],
        ),
        ("if resource.is_late then true else resource.seats == 150", None, [2]),
        ('principal in Mesh::Domain::"shop"', "no row", []),
        ('context.purpose == "billing"', None, [1, 2, 3, 4]),
        ("resource.left_at > context.now", "left_at <= 2013-02-01T00:00:00.000Z", [1]),
    ],
)  # fmt: skip
def test_a_filter_says_which_rows_are_seen(condition, text, ids):
    now = datetime(2013, 2, 1, 0, 0, 59, tzinfo=UTC)
    told, found = seen(f"when {{ {condition} }}", now=now, purpose="planning")
    assert found == ids
    assert text is None or told == text


def test_an_agreement_tells_which_rows():
    condition = 'unless { context has agreement && context.agreement.id == "a1" }'
    assert seen(condition)[1] == []
    assert seen(condition, agreement=agreement("a1")) == (None, [1, 2, 3, 4])


def test_several_policies_hide_together():
    ask = Ask(UNA, Action.READ, PORT)
    both = [
        policy("when { resource.seats > 149 }"),
        policy('when { resource.carrier == "AA" }'),
        policy("when { false }"),
    ]
    found = row_filter(both, ask)
    assert found.text == 'carrier != "AA" and seats <= 149'
    assert ROWS.filter(found.expression)["id"].to_list() == [1]
    assert row_filter(both[::-1], ask).text == found.text


def test_a_scope_that_is_not_about_the_rows_asks_for_nothing():
    for scope in (
        "principal is Mesh::Service, action, resource",
        'principal in Mesh::Role::"auditor", action, resource',
        "principal, action, resource is Mesh::Port",
        'principal, action, resource in Mesh::Port::"shop.trips_v1"',
        'principal, action in [Mesh::Action::"read", Mesh::Action::"see"], resource',
        'principal, action, resource in Mesh::Domain::"other"',
    ):  # fmt: skip
        text = f'@id("x") @reason("x") forbid ({scope}) when {{ resource.nothing }};'
        body = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]["policy0"]
        found = row_filter([replace(policy(""), body=body)], Ask(UNA, Action.READ, PORT))
        assert found is None, scope


def test_a_domains_policy_hides_rows_of_its_own_ports_alone():
    for domain, ids in (("shop", [1, 4]), ("other", [1, 2, 3, 4])):
        scope = f'action == Mesh::Action::"see_row", resource in Mesh::Domain::"{domain}"'
        text = f'@id("x") @reason("x") forbid (principal, {scope}) when {{ resource.id > 0 }}'
        rows = f'{text} unless {{ resource.carrier == "UA" }};'
        (own,) = [p for p in policies_of([domains(rows, domain)]) if p.domain]
        found = row_filter([own], Ask(UNA, Action.READ, PORT))
        shown = ROWS if found is None else ROWS.filter(found.expression)
        assert shown["id"].to_list() == ids


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("resource.delay_minutes > 1", "it asks for delay_minutes, which is float64"),
        ("resource has delay_minutes", "it asks for delay_minutes, which is float64"),
        ('resource.carier == "UA"', "it asks for carier, which is no column of"),
        ('false && resource.carier == "UA"', "it asks for carier, which is no column of"),
        ('resource == Mesh::Row::"1"', "it asks for resource as a whole"),
        ('resource in Mesh::Row::"1"', "it asks for one row by its name"),
        ('principal.domains.contains(Mesh::Domain::"a".parent)', "attributes of"),
        ("decimal(resource.carrier) == resource.fare", r"it asks for decimal\(\) of carrier"),
        ('ip("127.0.0.1").isLoopback()', "it asks for isLoopback, which policies over rows"),
        ('principal.hasTag("a")', "it asks for hasTag, which policies over rows"),
        ('(if resource.is_late then "a" else 1) == 1', "two sides are of different kinds"),
        ("(if resource.is_late then [1] else [2]) == [1]", "chooses between two of the kind set"),
        (balanced("resource.seats == 1", 200), "more than 500 things"),
    ],
)  # fmt: skip
def test_what_cannot_be_compiled_is_said_and_shows_nothing(condition, why):
    told = policy(f"when {{ {condition} }}")
    (problem,) = row_problems(told, PORT, {"carrier": AttributeType.TEXT})
    assert re.search(why, problem)
    with pytest.raises(AccessDeniedError, match="policy x: it "):
        row_filter([told], Ask(UNA, Action.READ, PORT))


def test_attributes_that_principals_may_have_are_no_problem():
    told = policy("when { principal has level && principal.level > resource.seats }")
    assert row_problems(told, PORT, {"level": AttributeType.NUMBER}) == ()


def test_as_many_parts_as_are_allowed_can_be_run():
    many = " || ".join(f"resource.seats == {n}" for n in range(160))
    text, ids = seen(f"when {{ {many} }}")
    assert ids == [1]
    assert text.startswith("seats != 0 and seats != 1 and ")
    rows = pl.concat([ROWS.lazy()] * 10)
    found = row_filter([policy(f"when {{ {many} }}")], Ask(UNA, Action.READ, PORT))
    assert rows.filter(found.expression).collect(engine="streaming").height == 10


def test_columns_whose_names_are_words_are_told_from_words():
    column = replace(PORT.contract.column("carrier"), name="is there or x")
    port = replace(PORT, contract=replace(PORT.contract, columns=(column,)))
    ask = Ask(UNA, Action.READ, port)
    found = row_filter([policy('when { resource["is there or x"] == "a" }')], ask)
    assert found.text == '["is there or x"] != "a"'
