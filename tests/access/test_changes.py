"""Breaking changes and waivers are decided as access is, for exactly what was asked."""

from datetime import UTC, datetime, timedelta

import pytest

from mesh.access import changes
from mesh.access.changes import Changes
from mesh.access.docket import Ballot
from mesh.catalog.cases import CaseState, Verdict
from mesh.errors import DecisionError, MeshError
from mesh.products.plans.model import Action, Plan, ProductPlan
from tests.access.parties import BOARD, OWNER, PORT, STEWARD

DIGEST = f"{'a' * 32}-{'b' * 32}"
MEMBER = "mia@weather.org"
SOON = datetime.now(UTC) + timedelta(days=9)


def breaking(mesh, by=MEMBER, plan=DIGEST):
    return Changes(mesh.docket).request_breaking(PORT, plan, "units were wrong", by)


def waiver(mesh, by=MEMBER, until=SOON):
    return Changes(mesh.docket).request_waiver(PORT, "described", "in June", until, by)


def plan(digest=DIGEST):
    item = ProductPlan(name=PORT, action=Action.CHANGED, failures=("it breaks",))
    other = ProductPlan(name="weather.gusts_v1", action=Action.CHANGED, failures=("so does it",))
    return Plan(before="here", after="there", digest=digest, products=(item, other))


def decided(mesh, of):
    return changes.decided(of, mesh.catalog.decisions.cases())


def test_an_owner_decides_about_a_breaking_change_of_one_plan(mesh):
    case = breaking(mesh)
    assert decided(mesh, plan()) == plan()
    assert mesh.approve(case, OWNER).state is CaseState.APPROVED
    found = decided(mesh, plan())
    assert found.failures == (("weather.gusts_v1", "so does it"),)
    (warning,) = found.warnings
    assert warning[1].startswith(f"it breaks; approved by {OWNER} on ")
    other = plan(DIGEST.replace("b", "c"))
    assert decided(mesh, other) == other


def test_a_breaking_change_that_was_denied_still_breaks(mesh):
    mesh.deny(breaking(mesh), OWNER)
    assert decided(mesh, plan()) == plan()


def test_another_plan_is_another_case(mesh):
    first, again = breaking(mesh), breaking(mesh)
    other = breaking(mesh, plan=DIGEST.replace("b", "c"))
    assert first == again
    assert other.id != first.id


def test_owner_and_steward_decide_about_a_waiver_that_ends_by_itself(mesh):
    case = waiver(mesh)
    mesh.approve(case, OWNER)
    now = datetime.now(UTC)
    assert changes.waivers(mesh.catalog, now) == []
    mesh.approve(case, STEWARD)
    (found,) = changes.waivers(mesh.catalog, now, PORT)
    assert (found.guardrail, found.why, found.until) == ("described", "in June", SOON)
    assert found.approved_by == (OWNER, STEWARD)
    assert changes.waivers(mesh.catalog, SOON) == []
    assert changes.waivers(mesh.catalog, now, "weather.gusts_v1") == []
    assert mesh.catalog.decisions.verify().holds


def test_decision_rights_say_who_decides_about_which_kind(mesh):
    rule = {"changes": ["waiver"], "decided_by": "board", "board": "data"}
    ruled = mesh.under(rule, data=BOARD)
    with pytest.raises(DecisionError, match="does not decide this"):
        ruled.approve(waiver(ruled), OWNER)
    assert ruled.approve(breaking(ruled), OWNER).state is CaseState.APPROVED


def test_nobody_decides_about_their_own_change(mesh):
    case = breaking(mesh, by=OWNER)
    with pytest.raises(DecisionError, match="who asks does not decide"):
        mesh.docket.vote(case.id, Ballot(Verdict.APPROVE, OWNER), lambda _: None)


def test_what_cannot_be_decided_is_not_asked(mesh):
    with pytest.raises(MeshError, match="is not the digest of a plan"):
        breaking(mesh, plan="soon")
    with pytest.raises(DecisionError, match=r"its end, .*, is over"):
        waiver(mesh, until=datetime(2020, 1, 1, tzinfo=UTC))
    desk = Changes(mesh.docket)
    with pytest.raises(DecisionError, match="for no reason"):
        desk.request_waiver(PORT, "described", " ", SOON, MEMBER)
    with pytest.raises(DecisionError, match="a waiver is of a guardrail"):
        desk.request_waiver(PORT, "", "in June", SOON, MEMBER)
    assert mesh.catalog.decisions.cases() == []
