"""The one decision: who may read, use and publish what, and what of it they see."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from mesh.access.model import Action, Mask, MaskKind
from mesh.access.reading_policies import narrowed
from mesh.errors import AccessDeniedError, PolicyError, UnknownColumnError
from tests.access.small import (
    FLIGHTS,
    NOW,
    agreement,
    ask,
    decider,
    domains,
    organizations,
    policies,
    port,
)

ADA, NADIA, UNA, EVE = (
    "ada@example.com",
    "nadia@example.com",
    "una@carrier.example.com",
    "eve@example.com",
)
PRODUCT = "analytics.delays_v1"
UNGUARDED = ["flight_number", "carrier", "departed_at", "delay_minutes"]
TAILS_HASHED = """
    @id("flights.tails")
    @reason("tails are for joining")
    @mask("hash")
    forbid (principal, action == Mesh::Action::"see", resource in Mesh::Domain::"flights")
    when { resource.name == "tail_number" }
    unless { principal in resource.domain };
"""
OWN_CARRIER = """
    @id("flights.own-carrier")
    @reason("a carrier sees its own flights")
    forbid (principal, action == Mesh::Action::"see_row", resource in Mesh::Port::"flights.departures_v1")
    when { principal has carrier }
    unless { resource has carrier && resource.carrier == principal.carrier };
"""  # fmt: skip


def names(columns) -> list[str]:
    return [column.name for column in columns]


def test_the_own_domain_sees_everything():
    view = decider().view(ask(ADA))

    assert view.is_whole
    assert names(view.columns) == list(FLIGHTS.column_names)
    assert [note.id for note in view.notes] == ["mesh.own-domain"]


def test_others_may_not_read_a_protected_product_and_are_told_how_to_ask():
    with pytest.raises(AccessDeniedError) as told:
        decider().view(ask(NADIA, purpose="plan"))
    assert str(told.value) == (
        "flights.departures_v1: nadia@example.com may not read flights.departures_v1: no agreement "
        'covers it, and it is protected\n  try: `mesh access request flights.departures_v1 --purpose "plan"`'
    )  # fmt: skip


def test_an_agreement_without_columns_shows_what_is_not_guarded():
    view = decider(agreed=[agreement(NADIA)]).view(ask(NADIA))

    assert names(view.columns) == UNGUARDED
    assert names(view.hidden) == ["tail_number", "pilot"]
    assert view.agreement is not None
    assert {note.id for column in view.hidden for note in column.notes} == {
        "mesh.guarded",
        "mesh.not-agreed",
    }


def test_a_guarded_column_is_seen_when_the_agreement_names_it_and_others_are_not():
    view = decider(agreed=[agreement(NADIA, "pilot", "carrier")]).view(ask(NADIA))
    assert names(view.columns) == ["carrier", "pilot"]


def test_an_agreement_that_ended_covers_nothing():
    over = agreement(NADIA).__class__("A-2", "flights.departures_v1", NADIA, "p", None, NOW)
    asking = decider(agreed=[over])
    assert asking.view(ask(NADIA, now=NOW - timedelta(minutes=2)))
    with pytest.raises(AccessDeniedError):
        asking.view(ask(NADIA))


def test_an_agreement_that_was_taken_away_covers_nothing_at_once():
    asking = decider(agreed=[agreement(NADIA)])
    assert asking.view(ask(NADIA))
    asking._agreements.agreements.clear()
    with pytest.raises(AccessDeniedError):
        asking.view(ask(NADIA))


def test_a_public_product_is_open_to_whom_the_organization_knows():
    view = decider().view(ask(UNA, of=port(access="public")))
    assert names(view.columns) == UNGUARDED
    with pytest.raises(AccessDeniedError, match=r"whom no manifest names \(policy mesh.unknown\)"):
        decider().view(ask(EVE, of=port(access="public")))


def test_an_agreement_over_a_public_product_takes_nothing_away():
    asking = decider(agreed=[agreement(NADIA, "pilot")])
    view = asking.view(ask(NADIA, of=port(access="public")))
    assert names(view.columns) == [*UNGUARDED, "pilot"]


def test_a_private_product_is_for_its_domain_whatever_is_agreed():
    asking = decider(agreed=[agreement(NADIA)])
    assert asking.view(ask(ADA, of=port(access="private"))).is_whole
    with pytest.raises(AccessDeniedError) as told:
        asking.view(ask(NADIA, of=port(access="private")))
    assert told.value.policies == ("mesh.private",)


def test_a_mask_of_a_domain_holds_for_others_with_the_column_in_their_agreement():
    asking = decider(domains(TAILS_HASHED), agreed=[agreement(NADIA, "tail_number")])

    (tail,) = asking.view(ask(NADIA)).columns
    assert tail.mask == Mask(MaskKind.HASH)
    assert [note.id for note in tail.notes] == ["flights.tails"]
    assert asking.view(ask(ADA)).is_whole


def test_of_several_masks_the_most_hiding_wins():
    weaker = TAILS_HASHED.replace("flights.tails", "flights.more").replace("hash", "partial:4")
    stronger = TAILS_HASHED.replace("flights.tails", "flights.most").replace("hash", "null")
    asking = decider(
        domains(TAILS_HASHED + weaker + stronger), agreed=[agreement(NADIA, "tail_number")]
    )
    (tail,) = asking.view(ask(NADIA)).columns
    assert tail.mask == Mask(MaskKind.NULL)
    assert len(tail.notes) == 3


def test_rows_are_filtered_by_what_is_known_of_who_asks():
    asking = decider(domains(OWN_CARRIER), agreed=[agreement(UNA), agreement(NADIA)])

    view = asking.view(ask(UNA))
    assert view.rows is not None
    assert view.rows.text == 'carrier is there and carrier == "UA"'
    assert "flights.own-carrier" in [note.id for note in view.notes]
    assert asking.view(ask(NADIA)).rows is None


def test_only_columns_that_are_asked_for_are_looked_at():
    asking = decider(agreed=[agreement(NADIA)])
    view = asking.view(ask(NADIA, columns=("carrier", "pilot")))
    assert (names(view.columns), names(view.hidden)) == (["carrier"], ["pilot"])
    with pytest.raises(UnknownColumnError, match="did you mean carrier"):
        asking.view(ask(NADIA, columns=("carier",)))


def test_an_input_is_used_as_it_is_declared_or_not_at_all():
    use = ask(PRODUCT, Action.USE, columns=("carrier", "tail_number"), purpose="delays")
    assert decider().check(use).is_allowed

    masked = decider(domains(TAILS_HASHED)).check(use)
    assert not masked.is_allowed
    with pytest.raises(AccessDeniedError, match=r"tail_number hashed \(policy flights.tails"):
        masked.require()

    filtered = decider(domains(OWN_CARRIER.replace("principal has carrier", "true").replace("principal.carrier", '"UA"')))  # fmt: skip
    with pytest.raises(AccessDeniedError, match=r'rows only where carrier is there and .* "UA"'):
        filtered.check(use).require()


def test_a_personal_input_waits_for_an_agreement():
    use = ask(PRODUCT, Action.USE, columns=("pilot",))
    with pytest.raises(AccessDeniedError, match=r"--columns pilot --as analytics\.delays_v1"):
        decider().check(use).require()
    assert decider(agreed=[agreement(PRODUCT, "pilot")]).check(use).is_allowed


def test_a_product_is_published_by_its_own_domain_unless_a_policy_forbids_it():
    publish = ask("flights.departures_v1", Action.PUBLISH)
    assert decider().check(publish).is_allowed
    assert not decider().check(ask(PRODUCT, Action.PUBLISH)).is_allowed

    rule = organizations("""
        @id("air.no-personal") @reason("personal data stays at its source")
        forbid (principal, action == Mesh::Action::"publish", resource)
        when { resource.classifications.contains("personal") };
    """)
    denied = decider(rule).check(publish)
    with pytest.raises(AccessDeniedError) as told:
        denied.require()
    assert told.value.what == (
        "flights.departures_v1 may not be published: personal data stays at its source "
        "(policy air.no-personal)"
    )
    assert told.value.hint == "ask Ada <ada@example.com>, who owns it"


def test_data_with_a_residency_stays_in_its_region():
    european = port(residency="eu")
    with pytest.raises(AccessDeniedError, match=r"policy mesh\.residency"):
        decider().view(ask(ADA, of=european))
    assert decider(region="eu").view(ask(ADA, of=european)).is_whole
    assert decider().view(ask(ADA, of=european, region="eu")).is_whole
    assert not decider(region="us").check(ask("flights.x_v1", Action.PUBLISH, european)).is_allowed


def test_what_a_policy_fails_to_decide_is_denied():
    failing = organizations("""
        @id("air.failing") @reason("carriers are checked")
        forbid (principal, action == Mesh::Action::"read", resource)
        when { principal.carrier == "UA" };
    """)
    with pytest.raises(AccessDeniedError, match=r"a policy cannot be decided: .*air.failing"):
        decider(failing).view(ask(ADA))

    column = organizations("""
        @id("air.failing") @reason("carriers are checked")
        forbid (principal, action == Mesh::Action::"see", resource)
        when { resource.name == "pilot" && principal.carrier == "UA" };
    """)
    with pytest.raises(AccessDeniedError, match="column pilot: a policy cannot be decided"):
        decider(column).view(ask(ADA))

    row = organizations("""
        @id("air.failing") @reason("carriers are checked")
        forbid (principal, action == Mesh::Action::"see_row", resource)
        when { principal.carrier == "UA" };
    """)
    rows = decider(row).view(ask(ADA)).rows
    assert pl.DataFrame({"carrier": ["UA", None]}).filter(rows.expression).is_empty()


def test_a_remedy_of_the_policy_is_told():
    rule = organizations("""
        @id("air.hours") @reason("not in May") @remedy("come back in June")
        forbid (principal, action == Mesh::Action::"read", resource)
        when { context.now >= datetime("2026-05-01") && context.now < datetime("2026-06-01") };
    """)
    with pytest.raises(AccessDeniedError) as told:
        decider(rule).view(ask(ADA))
    assert told.value.hint == "come back in June"
    assert decider(rule).view(ask(ADA, now=NOW + timedelta(days=40)))


def test_a_domain_narrows_its_own_ports_alone_whatever_its_policy_says():
    wide = domains(TAILS_HASHED.replace('Mesh::Domain::"flights"', 'Mesh::Domain::"analytics"'))
    with pytest.raises(PolicyError, match="a domain narrows its own ports"):
        decider(wide)
    (own,) = [p for p in policies(domains(TAILS_HASHED)) if p.id == "flights.tails"]
    assert own.body == narrowed({**own.body, "conditions": own.body["conditions"][1:]}, "flights")


def test_kept_decisions_are_told_apart_by_everything_that_goes_in():
    asking = decider(domains(OWN_CARRIER), agreed=[agreement(UNA)])
    una = ask(UNA).principal
    first = asking.view(ask(UNA))
    other = asking.view(ask(UNA, principal=replace(una, attributes={"carrier": "DL"})))
    assert first is asking.view(ask(UNA, now=NOW + timedelta(seconds=20)))
    assert other.rows.text == 'carrier is there and carrier == "DL"'
    assert first.digest != other.digest
