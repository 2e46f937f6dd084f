"""`mesh access` asks, decides, tells and ends; `mesh audit` tells the story of it."""

import json
import re

import pytest

from tests.cli.conftest import MANIFEST

SALES = "shop.sales_v1"


@pytest.fixture
def parties(empty_mesh):
    """The corner shops, of which reports has people of its own; nothing is published."""
    own = MANIFEST.format(name="reports", kind="consumer-aligned", team="Books")
    for one, other in (("ada", "rita"), ("bo", "sam"), ("cy", "uli")):
        own = own.replace(f"{one}@", f"{other}@")
    empty_mesh.write("domains/reports/domain.yaml", own)
    synced = empty_mesh("catalog", "sync")
    assert synced.exit_code == 0, synced.output
    return empty_mesh


def told(mesh, *arguments, code=0):
    done = mesh(*arguments)
    assert done.exit_code == code, done.output
    return done.stdout + done.stderr


def asked(mesh, *arguments, by="rita@example.com"):
    words = ("request", SALES, "--purpose", "planning", "--by", by, *arguments)
    return json.loads(told(mesh, "access", *words, "--json"))


def test_the_way_from_a_request_to_an_agreement_and_its_end(parties):
    page = told(
        parties,
        "access",
        "request",
        "shop.sales",
        "--purpose",
        "plan the shelves",
        "--columns",
        "sold_at,note",
        "--until",
        "2099-06-30",
        "--by",
        "rita@example.com",
    )
    for words in (
        "for rita@example.com, to plan the shelves",
        "columns note, sold_at",
        "guarded: note (confidential)",
        "until 2099-06-30",
        "no onward sharing",
        "decides owner and steward: product owner ada@example.com, data steward cy@example.com",
        "2 approvals missing",
    ):
        assert words in page
    case = re.search(r"mesh access approve (\w+)", page)[1]

    assert "2 approvals missing" not in told(parties, "access", "list", code=0).partition("\n")[0]
    assert "ada@example.com, cy@example.com" in told(parties, "access", "list")
    refused = told(parties, "access", "approve", case, "--by", "rita@example.com", code=1)
    assert "who asks does not decide" in refused
    assert "try: owner and steward: product owner ada@example.com" in refused
    assert "1 approval missing" in told(parties, "access", "approve", case, "--by", "ada")
    done = told(parties, "access", "approve", case, "--by", "cy", "--note", "for the shelves only")
    assert f"{case}, {SALES}: approved" in done

    page = told(parties, "access", "show", case)
    assert "cy@example.com said approve" in page
    assert "for the shelves only" in page
    assert f"agreement {case}: active, until 2099-06-30" in page
    assert case in told(parties, "access", "show", "shop.sales")

    ended = told(parties, "access", "revoke", case, "--by", "ada", "--why", "the shelves are gone")
    assert f"agreement {case} of rita@example.com on {SALES} is revoked" in ended
    assert "0 agreements" in told(parties, "access", "list")
    assert "revoked" in told(parties, "access", "list", "--all")

    log = told(parties, "audit", "log", "--product", "shop.sales")
    kinds = [word for word in log.split() if word.startswith("access.")]
    assert kinds == [
        "access.revoked",
        "access.approved",
        "access.vote",
        "access.vote",
        "access.requested",
    ]
    newest = json.loads(told(parties, "audit", "log", "--limit", "1", "--json"))
    assert newest[0]["content"]["why"] == "the shelves are gone"
    assert "5 entries hold together" in told(parties, "audit", "verify")


def test_an_approver_may_give_less(parties):
    case = asked(parties, "--columns", "sold_at,amount_usd")
    told(parties, "access", "approve", case["id"], "--columns", "sold_at", "--by", "ada")
    found = json.loads(told(parties, "access", "list", "--json"))
    assert found["agreements"][0]["columns"] == ["sold_at"]
    assert found["requests"] == []
    wider = asked(parties, "--columns", "sale_id")["id"]
    page = told(parties, "access", "approve", wider, "--columns", "note", "--by", "ada", code=1)
    assert "nobody asked for note" in page


def test_json_says_who_decides_and_what_exactly(parties):
    case = asked(parties, "--columns", "note", "--as", "reports.member")
    assert case["people"] == ["ada@example.com", "cy@example.com"]
    assert (case["missing"], case["decided_by"], case["state"]) == (2, "owner and steward", "open")
    shown = json.loads(told(parties, "access", "show", case["id"], "--json"))
    assert (shown["digest"], shown["agreement"]) == (case["digest"], None)
    stale = told(
        parties, "access", "approve", case["id"], "--digest", "0000", "--by", "ada", code=1
    )
    assert "it is not what you looked at" in stale


def test_an_agreement_that_ends_soon_is_warned_of_and_can_be_renewed(parties):
    case = asked(parties, "--until", "3d", "--as", "reports.days_v1")
    told(parties, "access", "approve", case["id"], "--by", "ada")
    warning = f"`mesh access renew {case['id']}` asks for more"
    assert warning in told(parties, "access", "list")
    assert warning in told(parties, "list")
    again = json.loads(
        told(parties, "access", "renew", case["id"], "--until", "90d", "--by", "sam", "--json")
    )
    told(parties, "access", "approve", again["id"], "--by", "ada")
    assert warning not in told(parties, "access", "list")


def test_a_product_names_the_only_request_and_the_only_agreement_of_it(parties):
    assert "no request waits" in told(parties, "access", "approve", SALES, "--by", "ada", code=1)
    first, second = asked(parties)["id"], asked(parties, by="sam@example.com")["id"]
    several = told(parties, "access", "approve", "shop.sales", "--by", "ada", code=1)
    whose = {first: "rita@example.com", second: "sam@example.com"}
    named = ", ".join(f"{id_} ({whose[id_]}: planning)" for id_ in sorted(whose))
    assert f"name one {named}" in several
    told(parties, "access", "approve", first, "--by", "ada")
    told(parties, "access", "deny", "shop.sales", "--by", "ada")
    assert first in told(parties, "access", "revoke", "shop.sales", "--by", "ada")
    assert "no agreement holds" in told(parties, "access", "renew", SALES, "--by", "ada", code=1)


def test_of_several_the_one_of_a_holder_is_decided_renewed_and_revoked(parties):
    mine = asked(parties, "--until", "3d")["id"]
    team = asked(parties, "--until", "3d", "--as", "reports.member")["id"]
    for holder, id_ in (("Rita@example.com", mine), ("reports.member", team)):
        assert id_ in told(parties, "access", "approve", SALES, "--as", holder, "--by", "ada")
    assert "more than one agreement holds" in told(parties, "access", "renew", SALES, code=1)
    nobody = told(parties, "access", "revoke", SALES, "--as", "sam@example.com", code=1)
    assert "no agreement holds for sam@example.com" in nobody
    assert f"{team} (reports.member: planning)" in nobody

    renewed = told(parties, "access", "renew", SALES, "--as", "reports.member", "--by", "rita")
    assert f"renews agreement {team}" in renewed
    assert mine in told(parties, "access", "revoke", SALES, "--as", "rita@example.com", "--by", "ada")  # fmt: skip
    wrong = told(parties, "access", "revoke", team, "--as", "rita@example.com", "--by", "ada", code=1)  # fmt: skip
    assert "no agreement is for rita@example.com" in wrong
    assert team in told(parties, "access", "revoke", team, "--as", "reports.member", "--by", "ada")


def test_a_request_can_be_denied_or_taken_back(parties):
    case = asked(parties)["id"]
    assert "denied" in told(parties, "access", "deny", case, "--by", "ada", "--note", "no")
    other = asked(parties)["id"]
    assert other != case
    assert "withdrawn" in told(parties, "access", "revoke", other, "--by", "rita")
    page = told(parties, "access", "revoke", "nothing", "--by", "rita", code=1)
    assert "there is no agreement 'nothing'" in page


def test_a_later_major_inherits_until_its_owner_says_otherwise(parties):
    told(parties, "access", "approve", asked(parties)["id"], "--by", "ada")
    file = parties.root / "domains/shop/products/sales.py"
    second = file.read_text().replace("def sales()", "def sales_v2()")
    config = 'class Config:\n            version = "2.0.0"'
    second = second.replace('"""One row per sale."""', f'"""One row per sale."""\n\n    {config}')
    second = second.replace("            version", "        version")
    (file.parent / "sales_v2.py").write_text(second)
    synced = parties("catalog", "sync")
    assert synced.exit_code == 0, synced.output
    assert f"inherited from {SALES}" in told(parties, "access", "show", "shop.sales_v2")
    refused = told(parties, "access", "inherit", "shop.sales_v2", "--stop", "--by", "cy", code=1)
    assert "ada@example.com does" in refused
    told(parties, "access", "inherit", "shop.sales_v2", "--stop", "--by", "ada")
    page = told(parties, "access", "show", "shop.sales_v2")
    assert "0 agreements" in page
    assert "it inherits no agreements" in page


def test_decision_rights_of_the_organization_hold(parties):
    file = parties.root / "domains/organization.yaml"
    rights = (
        "decision_rights:\n"
        "  - {classifications: [confidential], decided_by: board, board: privacy}\n"
        "  - {purposes: [plan*], decided_by: automatic}\n"
        "boards:\n"
        "  privacy: {members: [uli@example.com, ada@example.com], quorum: 2, within: 5d,"
        " escalates_to: shop.product_owner}\n"
    )
    file.write_text(file.read_text() + rights)
    assert asked(parties, "--columns", "sale_id")["state"] == "open"  # not registered yet
    told(parties, "catalog", "sync")
    assert asked(parties)["state"] == "approved"
    guarded = asked(parties, "--columns", "note")
    assert (guarded["people"], guarded["missing"]) == (["ada@example.com", "uli@example.com"], 2)
    file.write_text(file.read_text().replace("board: privacy", "board: privasy"))
    assert "did you mean privacy?" in told(parties, "check", code=1)


def test_people_whom_the_organization_names_ask_for_what_they_need(parties):
    file = parties.root / "domains/organization.yaml"
    people = (
        "people: [{name: Vic, email: vic@example.com, roles: [analyst]}]\n"
        "services: [{name: till-board, domain: reports}]\n"
    )
    file.write_text(file.read_text() + people)
    told(parties, "catalog", "sync")
    assert asked(parties, by="vic@example.com")["asked"]["holder"] == "vic@example.com"
    assert asked(parties, "--as", "analyst", by="vic")["asked"]["holder_kind"] == "role"
    assert asked(parties, "--as", "till-board", by="rita")["asked"]["holder_kind"] == "service"
    page = told(
        parties,
        *("access", "request", SALES, "--purpose", "p", "--as", "analyst", "--by", "rita"),
        code=1,
    )
    assert "rita@example.com cannot ask for analyst" in page


def test_a_catalog_that_knows_nobody_yet_says_what_to_do(empty_mesh):
    page = told(empty_mesh, "access", "request", SALES, "--purpose", "p", code=1)
    assert "run `mesh catalog sync`" in page


def test_a_login_that_nobody_has_is_told(parties, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "nobody-at-all")
    page = told(parties, "access", "request", SALES, "--purpose", "p", code=1)
    assert "there is no person 'nobody-at-all'" in page
    monkeypatch.setenv("MESH_ACCESS__USER", "rita@example.com")
    assert "asked by rita@example.com" in told(
        parties, "access", "request", SALES, "--purpose", "p"
    )


def test_an_export_is_checked_on_its_own(parties, tmp_path):
    told(parties, "access", "approve", asked(parties)["id"], "--by", "ada")
    file = tmp_path / "log.jsonl"
    head = json.loads(told(parties, "audit", "export", str(file), "--json"))["head"]
    assert "there is a file already" in told(parties, "audit", "export", str(file), code=1)
    (parties.root / ".mesh/dev/catalog.db").unlink()
    assert "3 entries hold together" in told(
        parties, "audit", "verify", "--file", str(file), "--head", head
    )
    lines = file.read_text().splitlines()
    for wrong in (
        [lines[0].replace("rita", "eve"), *lines[1:]],
        [lines[1], lines[0], lines[2]],
        [lines[0], lines[2]],
        lines[:2],
    ):
        file.write_text("\n".join(wrong) + "\n")
        told(parties, "audit", "verify", "--file", str(file), "--head", head, code=1)
    for nonsense in ("[]", "{}", "{", '{"a": 1}'):
        file.write_text(f"{lines[0]}\n{nonsense}\n")
        page = told(parties, "audit", "verify", "--file", str(file), code=1)
        assert "log.jsonl:2: it is no entry of a log" in page


def test_a_log_can_be_narrowed_down(parties):
    told(parties, "access", "approve", asked(parties)["id"], "--by", "ada")
    entries = json.loads(told(parties, "audit", "log", "--who", "ada@example.com", "--json"))
    assert [entry["kind"] for entry in entries] == ["access.approved", "access.vote"]
    assert json.loads(told(parties, "audit", "log", "--kind", "read", "--json")) == []
    assert "3 entries" in told(parties, "audit", "log", "--since", "1d")
    assert "0 entries" in told(parties, "audit", "log", "--since", "2099-01-01")
    assert "neither a day" in told(parties, "audit", "log", "--since", "soon", code=1)


def test_a_rebuilt_catalog_keeps_agreements_and_their_log(parties):
    told(parties, "access", "approve", asked(parties)["id"], "--by", "ada")
    page = told(parties, "catalog", "rebuild", "--carry", "none")
    assert "the lake know decisions: 5 rows; kept in any case" in page
    assert "1 agreement" in told(parties, "access", "list")
    assert "3 entries hold together" in told(parties, "audit", "verify")
    assert "was made anew" in told(parties, "catalog", "rebuild")
