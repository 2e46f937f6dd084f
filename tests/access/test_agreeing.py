"""Access is asked for, decided by those who may, and ended; nothing of it twice, or by accident."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from mesh.access import bodies, docket
from mesh.access.terms import Terms, parse_until, shown
from mesh.catalog.cases import CaseState
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import LogQuery, state_of
from mesh.contracts.model import Classification
from mesh.errors import DecisionError, NotAllowedError, UnknownColumnError, UnknownPersonError
from tests.access.parties import (
    ANDY,
    ANN,
    BOARD,
    IDA,
    OWNER,
    PARTNER,
    PORT,
    STEWARD,
    a_product,
    domain,
)
from tests.catalog.factories import contract, product
from tests.house.repository import ROOT

IN_A_YEAR = datetime.now(UTC) + timedelta(days=365)


def kinds(mesh):
    return [e.kind.partition(".")[2] for e in reversed(mesh.catalog.decisions.entries(LogQuery()))]


def test_an_owner_decides_about_columns_that_are_not_guarded(mesh):
    case = mesh.request(columns=("origin", "speed"), until=IN_A_YEAR)
    assert (case.state, mesh.covering()) == (CaseState.OPEN, None)
    decided = mesh.approve(case, OWNER, note="as agreed")
    assert decided.state is CaseState.APPROVED
    found = mesh.covering()
    assert (found.id, found.holder, found.purpose) == (case.id, ANN, "planning")
    assert (found.columns, found.until) == (("origin", "speed"), IN_A_YEAR)
    assert found.conditions == {"onward_sharing": False}
    assert kinds(mesh) == ["requested", "vote", "approved"]
    assert mesh.catalog.decisions.verify().holds


def test_guarded_columns_need_owner_and_steward(mesh):
    case = mesh.request(columns=("origin", "owner"))
    assert mesh.approve(case, OWNER).state is CaseState.OPEN
    assert mesh.approve(case, STEWARD).state is CaseState.APPROVED
    assert mesh.covering(columns=["owner"]).columns == ("origin", "owner")


def test_one_no_of_two_who_are_needed_denies(mesh):
    case = mesh.request(columns=("owner",))
    mesh.approve(case, OWNER)
    assert mesh.deny(case, STEWARD, note="why?").state is CaseState.DENIED
    assert mesh.covering(columns=["owner"]) is None
    with pytest.raises(DecisionError, match=r"it was denied already, by .*stan@weather\.org"):
        mesh.approve(case, OWNER)


@pytest.mark.parametrize("by", [ANDY, IDA, PARTNER, "mia@weather.org"])
def test_who_does_not_decide_is_told_who_does(mesh, by):
    case = mesh.request()
    with pytest.raises(DecisionError, match=f"{by} does not decide this") as caught:
        mesh.approve(case, by)
    assert caught.value.hint == f"owner: product owner {OWNER} may"
    assert mesh.catalog.decisions.case(case.id).votes == ()


def test_nobody_approves_what_they_asked_for(mesh):
    board = BOARD.model_copy(update={"members": (IDA, *BOARD.members)})
    ruled = mesh.under({"decided_by": "board", "board": "data"}, data=board)
    case = ruled.request(by=IDA)
    with pytest.raises(DecisionError, match="who asks does not decide"):
        ruled.approve(case, IDA)
    assert ruled.approve(case, BOARD.members[0]).state is CaseState.OPEN


def test_somebody_stands_in_for_an_owner_who_asks(mesh):
    mesh.catalog.register(domain("fleet", members=[OWNER]))
    case = mesh.request(by=OWNER, holder="fleet.member", columns=("owner",))
    with pytest.raises(DecisionError, match="who asks does not decide") as caught:
        mesh.approve(case, OWNER)
    assert f"business technology partner {PARTNER}, data steward {STEWARD}" in caught.value.hint
    mesh.approve(case, PARTNER)
    assert mesh.approve(case, STEWARD).state is CaseState.APPROVED


def test_a_person_whom_no_manifest_names_neither_asks_nor_decides(mesh):
    with pytest.raises(UnknownPersonError, match=r"ana@reports\.org") as caught:
        mesh.request(by="ana@reports.org")
    assert ANN in caught.value.near
    with pytest.raises(UnknownPersonError):
        mesh.approve(mesh.request(), "eve@weather.org")


def test_a_login_is_a_person_when_only_one_has_it(mesh):
    assert mesh.request(by="ann").requested_by == ANN
    with pytest.raises(DecisionError, match="'stan' may be several people"):
        mesh.request(by="stan")


def test_addresses_mean_the_same_in_any_case(mesh):
    case = mesh.request(by="Ann@Reports.org")
    assert case.requested_by == ANN
    assert mesh.approve(case, OWNER.upper()).state is CaseState.APPROVED


def test_asking_and_deciding_again_changes_nothing(mesh):
    first = mesh.request(columns=("owner",))
    assert mesh.request(columns=("owner",)) == first
    once = mesh.approve(first, OWNER)
    assert mesh.approve(first, OWNER) == once
    done = mesh.approve(first, STEWARD)
    assert mesh.approve(first, STEWARD) == done
    assert mesh.approve(first, OWNER) == done
    assert kinds(mesh) == ["requested", "vote", "vote", "approved"]


def test_a_request_that_was_changed_has_to_be_decided_anew(mesh):
    case = mesh.request(columns=("owner",))
    mesh.approve(case, OWNER)
    changed = mesh.request(columns=("owner", "speed"))
    assert changed.id == case.id
    assert changed.digest != case.digest
    assert mesh.approve(case, STEWARD).state is CaseState.OPEN
    assert mesh.approve(case, OWNER).state is CaseState.APPROVED
    assert mesh.covering().columns == ("owner", "speed")


def test_who_decides_may_say_what_exactly_they_looked_at(mesh):
    case = mesh.request(columns=("speed",))
    mesh.request(columns=("owner", "speed"))
    with pytest.raises(DecisionError, match="it is not what you looked at"):
        mesh.approve(case, OWNER, digest=case.digest)
    now = mesh.catalog.decisions.case(case.id)
    assert mesh.approve(case, OWNER, digest=now.digest[:12]).votes[0].digest == now.digest


def test_a_request_that_changes_while_somebody_decides_is_not_approved(mesh, monkeypatch):
    case = mesh.request(columns=("speed",))
    body_of = bodies.body_of

    def slowly(*asked):
        monkeypatch.setattr(docket, "body_of", body_of)
        mesh.request(columns=("owner", "speed"))
        return body_of(*asked)

    monkeypatch.setattr(docket, "body_of", slowly)
    with pytest.raises(DecisionError, match="changed meanwhile"):
        mesh.approve(case, OWNER)
    assert mesh.covering() is None


def test_two_who_decide_at_once_are_both_counted(mesh, monkeypatch):
    case = mesh.request(columns=("owner",))
    body_of = bodies.body_of

    def slowly(*asked):
        monkeypatch.setattr(docket, "body_of", body_of)
        mesh.approve(case, STEWARD)
        return body_of(*asked)

    monkeypatch.setattr(docket, "body_of", slowly)
    assert mesh.approve(case, OWNER).state is CaseState.APPROVED
    assert kinds(mesh) == ["requested", "vote", "vote", "approved"]


APPROVE = """
import sys
from mesh.access.agreeing import Agreeing
from mesh.access.docket import Ballot, Docket
from mesh.access.rights import Rights
from mesh.access.roster import Roster
from mesh.catalog.cases import Verdict
from mesh.catalog.store import Catalog
from mesh.products.decision_rights import DecisionRight
from tests.access.parties import BOARD

with Catalog.open(sys.argv[1]) as catalog:
    rule = DecisionRight.model_validate({"decided_by": "board", "board": "data"})
    rights = Rights((rule,), {"data": BOARD.model_copy(update={"quorum": 3})})
    desk = Agreeing(Docket(catalog, rights, Roster.of_domains(catalog.domains())))
    print("ready", flush=True)
    sys.stdin.readline()
    desk.vote(sys.argv[2], Ballot(Verdict.APPROVE, sys.argv[3]))
"""


def test_processes_that_decide_at_once_lose_no_vote(stored_mesh, catalog_url):
    all_of_them = BOARD.model_copy(update={"quorum": 3})
    ruled = stored_mesh.under({"decided_by": "board", "board": "data"}, data=all_of_them)
    case = ruled.request()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", APPROVE, catalog_url, case.id, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for name in BOARD.members
    ]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    decided = ruled.catalog.decisions.case(case.id)
    assert (decided.state, len(decided.votes)) == (CaseState.APPROVED, 3)
    assert kinds(ruled) == ["requested", "vote", "vote", "vote", "approved"]
    assert ruled.catalog.decisions.verify().holds


def test_an_approver_may_narrow_and_then_the_others_decide_anew(mesh):
    case = mesh.request(columns=("origin", "owner", "speed"))
    mesh.approve(case, OWNER)
    terms = Terms.from_json(case.asked)
    less = terms.narrowed(columns=("origin", "owner"), until=IN_A_YEAR)
    assert mesh.approve(case, STEWARD, narrowed=less.as_json()).state is CaseState.OPEN
    assert mesh.approve(case, OWNER).state is CaseState.APPROVED
    found = mesh.covering()
    assert (found.columns, found.until) == (("origin", "owner"), IN_A_YEAR)
    for more in ({"columns": ("origin", "gust")}, {"until": IN_A_YEAR + timedelta(days=1)}):
        with pytest.raises(DecisionError):
            less.narrowed(**more)


def test_conditions_on_rows_only_add_up(mesh):
    terms = Terms.from_json(mesh.request(rows="speed > 3 -- fast").asked)
    both = terms.narrowed(rows="origin = 'EWR'").rows
    assert both == "(\nspeed > 3 -- fast\n) AND (\norigin = 'EWR'\n)"


def test_an_agreement_on_some_rows_covers_nothing_for_who_would_hand_over_all(mesh):
    case = mesh.approve(mesh.request(rows="origin = 'EWR'"), OWNER)
    assert case.state is CaseState.APPROVED
    assert mesh.covering() is None
    assert mesh.catalog.agreements.agreement(case.id).conditions["rows"] == "origin = 'EWR'"
    log = repr(mesh.catalog.decisions.entries(LogQuery()))
    assert "EWR" not in log


@pytest.mark.parametrize(
    ("terms", "error", "words"),
    [
        ({"purpose": "  "}, DecisionError, "it is for no purpose"),
        ({"columns": ("sped",)}, UnknownColumnError, "sped"),
        ({"rows": "origin = "}, DecisionError, "--rows cannot be decided"),
        ({"rows": "colour = 1"}, UnknownColumnError, "colour"),
        ({"until": datetime(2020, 1, 1, tzinfo=UTC)}, DecisionError, "2019-12-31, is over"),
        ({"product": "weather.drafts_v1"}, DecisionError, "it is private"),
        ({"product": "weather.stations_v1"}, DecisionError, "it is public"),
        ({"product": "reports.days_v1"}, DecisionError, "needs no agreement"),
        ({"holder": "weather.member"}, DecisionError, "cannot ask for weather.member"),
        ({"holder": "fleet.planes_v1"}, DecisionError, "cannot ask for fleet.planes_v1"),
        ({"holder": ANDY}, DecisionError, f"cannot ask for {ANDY}"),
        ({"holder": "fleet"}, DecisionError, "cannot ask for fleet"),
        ({"holder": "weather"}, DecisionError, "cannot ask for weather"),
        ({"holder": "nonsense"}, DecisionError, "no product, role, domain or service"),
    ],
)
def test_what_cannot_be_asked_for_is_told(mesh, terms, error, words):
    with pytest.raises(error, match=words):
        mesh.request(**terms)
    assert mesh.catalog.decisions.cases() == []


def test_guarded_columns_of_a_public_product_can_be_asked_for(mesh):
    assert mesh.request(product="weather.stations_v1", columns=("owner",)).state is CaseState.OPEN


def test_what_somebody_has_is_not_asked_for_again(mesh):
    case = mesh.approve(mesh.request(), OWNER)
    with pytest.raises(DecisionError, match=f"has that agreement: {case.id}"):
        mesh.request(purpose=" Planning ")
    assert mesh.request(columns=("owner",)).id != case.id


def test_what_decision_rights_make_automatic_is_there_at_once(mesh):
    free = mesh.under({"purposes": ["plan*"], "decided_by": "automatic"})
    case = free.request(columns=("owner",), until=IN_A_YEAR)
    assert case.state is CaseState.APPROVED
    assert kinds(mesh) == ["requested", "approved"]
    assert mesh.catalog.agreements.agreement(case.id).columns == ("owner",)


def test_a_board_decides_by_its_quorum(mesh):
    ruled = mesh.under({"decided_by": "board", "board": "data"}, data=BOARD)
    case = ruled.request()
    one, two, three = BOARD.members
    assert ruled.deny(case, one).state is CaseState.OPEN
    assert ruled.approve(case, two).state is CaseState.OPEN
    standing = ruled.docket.standing(ruled.catalog.decisions.case(case.id), case.opened_at)
    assert standing.missing == 1
    assert ruled.approve(case, three).state is CaseState.APPROVED


def test_a_board_denies_when_its_quorum_cannot_be_met_any_more(mesh):
    ruled = mesh.under({"decided_by": "board", "board": "data"}, data=BOARD)
    case = ruled.request()
    assert ruled.deny(case, BOARD.members[0]).state is CaseState.OPEN
    assert ruled.deny(case, BOARD.members[1]).state is CaseState.DENIED


def test_somebody_of_a_board_may_change_their_mind_until_it_is_decided(mesh):
    ruled = mesh.under({"decided_by": "board", "board": "data"}, data=BOARD)
    case = ruled.request()
    ruled.deny(case, BOARD.members[0])
    assert len(ruled.approve(case, BOARD.members[0]).votes) == 1
    assert ruled.approve(case, BOARD.members[1]).state is CaseState.APPROVED


def test_a_board_that_takes_too_long_is_not_asked_any_more(mesh):
    slow = BOARD.model_copy(update={"within": "5d", "escalates_to": "fleet.product_owner"})
    ruled = mesh.under({"decided_by": "board", "board": "data"}, data=slow)
    case = ruled.approve(ruled.request(), BOARD.members[0])
    before = ruled.docket.standing(case, case.opened_at + timedelta(days=4))
    after = ruled.docket.standing(case, case.opened_at + timedelta(days=5))
    assert (before.body.people, before.missing) == (BOARD.members, 1)
    assert (after.body.people, after.missing) == (("ole@fleet.org",), 1)
    assert after.body.escalated_from == "data"


def test_a_case_that_nobody_could_decide_is_refused_when_it_is_opened(mesh):
    ruled = mesh.under({"decided_by": "board", "board": "gone"})
    with pytest.raises(DecisionError, match="too few people may decide"):
        ruled.request()
    small = BOARD.model_copy(update={"members": (IDA, BOARD.members[0])})
    with pytest.raises(DecisionError, match="too few people may decide"):
        mesh.under({"decided_by": "board", "board": "data"}, data=small).request(by=IDA)


def test_a_decision_that_the_contract_overtook_has_to_be_asked_for_anew(mesh):
    case = mesh.request(columns=("speed",))
    column = replace(contract().column("speed"), classification=Classification.CONFIDENTIAL)
    others = [c for c in contract().columns if c.name != "speed"]
    stricter = replace(contract(), columns=(*others, column))
    mesh.catalog.register(domain("weather", product(PORT, stricter)))
    with pytest.raises(DecisionError, match="the contract changed since"):
        mesh.approve(case, OWNER)
    again = mesh.request(columns=("speed",))
    assert again.id == case.id
    mesh.approve(case, OWNER)
    assert mesh.approve(case, STEWARD).state is CaseState.APPROVED


@pytest.mark.parametrize("by", [OWNER, STEWARD, PARTNER, ANN])
def test_a_revoked_agreement_covers_nothing_from_then_on(mesh, by):
    case = mesh.approve(mesh.request(), OWNER)
    assert mesh.covering() is not None
    first = mesh.agreeing.revoke(case.id, by, "moved")
    assert mesh.covering() is None
    assert mesh.agreeing.revoke(case.id, by, "again") == first
    assert kinds(mesh)[-1] == "revoked"
    assert mesh.catalog.decisions.verify().holds


def test_who_answers_for_a_domain_may_end_its_agreement_and_renew_it(mesh):
    case = mesh.approve(mesh.request(holder="reports", until=IN_A_YEAR), OWNER)
    with pytest.raises(DecisionError, match=f"{ANDY} cannot revoke it"):
        mesh.agreeing.revoke(case.id, ANDY, "envy")
    again = mesh.approve(mesh.agreeing.renew(case.id, None, ANDY), OWNER)
    assert again.asked["renews"] == case.id
    assert mesh.covering(a_product()) is not None
    mesh.agreeing.revoke(case.id, "ora@reports.org", "done")
    assert mesh.under({"decided_by": "owner"}).covering(a_product()) is None


def test_decision_rights_may_speak_of_domains(mesh):
    free = mesh.under({"consumer_kinds": ["domain"], "decided_by": "automatic"})
    assert free.request(holder="reports").state is CaseState.APPROVED
    assert free.request().state is CaseState.OPEN


def test_others_cannot_revoke_and_are_told_who_can(mesh):
    case = mesh.approve(mesh.request(), OWNER)
    with pytest.raises(DecisionError, match=f"{IDA} cannot revoke it") as caught:
        mesh.agreeing.revoke(case.id, IDA, "envy")
    assert OWNER in caught.value.hint


def test_an_agreement_ends_by_itself(mesh):
    mesh.approve(mesh.request(until=datetime.now(UTC) + timedelta(days=3)), OWNER)
    assert mesh.covering(days=2) is not None
    assert mesh.covering(days=4) is None


def test_a_renewal_is_decided_as_a_request_is(mesh):
    case = mesh.approve(mesh.request(until=datetime.now(UTC) + timedelta(days=3)), OWNER)
    again = mesh.agreeing.renew(case.id, IN_A_YEAR, ANN)
    assert mesh.agreeing.renew(case.id, IN_A_YEAR, ANN) == again
    assert mesh.covering(days=4) is None
    mesh.approve(again, OWNER)
    found = mesh.covering(days=4)
    assert (found.id, found.until) == (case.id, IN_A_YEAR)
    assert mesh.catalog.decisions.verify().holds


def test_a_renewal_lasts_as_long_as_before_unless_it_says_otherwise(mesh):
    case = mesh.approve(mesh.request(until=datetime.now(UTC) + timedelta(days=30)), OWNER)
    again = Terms.from_json(mesh.agreeing.renew(case.id, None, ANN).asked)
    assert timedelta(days=29) < again.until - datetime.now(UTC) < timedelta(days=31)


def test_what_was_revoked_is_not_renewed(mesh):
    case = mesh.approve(mesh.request(until=IN_A_YEAR), OWNER)
    again = mesh.agreeing.renew(case.id, IN_A_YEAR + timedelta(days=9), ANN)
    mesh.agreeing.revoke(case.id, OWNER, "enough")
    with pytest.raises(DecisionError, match="was revoked meanwhile"):
        mesh.approve(again, OWNER)
    with pytest.raises(DecisionError, match=f"it was revoked on .* by {OWNER}"):
        mesh.agreeing.renew(case.id, IN_A_YEAR, ANN)


def test_who_asked_may_take_it_back(mesh):
    case = mesh.request()
    with pytest.raises(DecisionError, match=f"{ANDY} cannot withdraw it"):
        mesh.docket.withdraw(case.id, ANDY)
    assert mesh.docket.withdraw(case.id, ANN).state is CaseState.WITHDRAWN
    assert mesh.docket.withdraw(case.id, ANN).state is CaseState.WITHDRAWN
    with pytest.raises(DecisionError, match="it was withdrawn already"):
        mesh.approve(case, OWNER)


def test_a_product_reads_under_the_agreement_that_somebody_of_its_domain_asked_for(mesh):
    case = mesh.agreed(by=ANDY, holder="reports.days_v1", columns=("owner",))
    found = mesh.covering(a_product(), columns=["owner"])
    assert (found.id, found.holder) == (case.id, "reports.days_v1")
    assert mesh.covering(a_product("fleet.planes_v1"), columns=["owner"]) is None
    assert mesh.covering(columns=["owner"]) is None


def test_the_case_of_a_decision_is_tampered_with_and_found(stored_mesh):
    case = stored_mesh.approve(stored_mesh.request(until=IN_A_YEAR), OWNER)
    with stored_mesh.catalog._database.writing() as connection:
        longer = "UPDATE agreements SET content = replace(content, 'speed', 'owner')"
        connection.execute(text(longer))
        connection.execute(text("UPDATE agreements SET holder = 'eve@weather.org'"))
        connection.execute(text("DELETE FROM decision_cases"))
    found = stored_mesh.catalog.decisions.verify()
    assert [f"{p.where}: {p.what}" for p in found.problems] == [
        f"agreement {case.id}: it is not what was decided",
        f"case {case.id}: it is missing",
    ]


def test_nothing_is_changed_without_an_entry_that_tells_it(mesh):
    case = mesh.approve(mesh.request(until=IN_A_YEAR), OWNER)
    record = mesh.catalog.agreements.agreement(case.id)
    longer = replace(record, until=None, revision=record.revision + 1)
    reopened = replace(case, state=CaseState.OPEN, revision=case.revision + 1)
    other = NewEntry("access.revoked", ANN, PORT)
    for entries in ([], [other]):
        with pytest.raises(NotAllowedError, match="without an entry that tells it"):
            mesh.catalog.agreements.change(longer, entries)
        with pytest.raises(NotAllowedError, match="without an entry that tells it"):
            mesh.catalog.decisions.change(reopened, entries)
    told = NewEntry("access.vote", ANN, PORT, state_of("case", case.id, reopened.state_digest))
    with pytest.raises(NotAllowedError, match=r"agreement .* cannot be changed"):
        mesh.catalog.decisions.change(reopened, [told], longer)
    assert mesh.catalog.agreements.agreement(case.id) == record
    assert mesh.catalog.decisions.verify().holds


def test_a_last_day_is_the_whole_of_that_day():
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert parse_until("2026-06-30", now) == datetime(2026, 7, 1, tzinfo=UTC)
    assert shown(parse_until("2026-06-30", now)) == "2026-06-30"
    assert parse_until("2d", now) == now + timedelta(days=2)
    for wrong in ("soon", "2026-02-30", "999999999999w", ""):
        with pytest.raises(DecisionError, match="neither a day such as"):
            parse_until(wrong, now)
