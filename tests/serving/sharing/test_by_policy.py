"""What is shared is what registered policies, people and agreements say, from one request to the next."""

import io
from contextlib import closing
from dataclasses import dataclass

import polars as pl
import pytest
from starlette.testclient import TestClient

import mesh
from mesh.access.agreeing import Agreeing
from mesh.access.auditing import ReadAudit
from mesh.access.docket import Ballot, Docket
from mesh.access.model import Action, Ask, Port
from mesh.access.rights import Rights
from mesh.access.roster import Roster
from mesh.access.terms import Terms
from mesh.catalog.cases import Verdict
from mesh.catalog.decision_log import LogQuery
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import AccessDeniedError
from mesh.lake import Lake
from mesh.products.decision_rights import ConsumerKind
from mesh.products.policy_files import PolicyFile
from mesh.publishing import publish
from mesh.serving.app import make_app
from mesh.serving.deciding import Deciding
from mesh.serving.sharing.sharing import Sharing
from mesh.settings import load
from tests.access.parties import ANN, OWNER, STEWARD, domain
from tests.access.ports import ROWS, Flights
from tests.products.small import declared, named
from tests.serving.sharing.conftest import HOST, Asking

TABLE = "weather.flights_v1"
NOOR, STRANGER = "noor@united.example.com", "nobody@example.com"
FLIGHTS = declared(named("flights"), domain="weather", contract=Flights, write=mesh.Upsert(on="id"))
ORGANIZATION = {
    "name": "An Exchange",
    "domains": ["weather", "reports"],
    "attributes": {"carrier": "text"},
    "people": [{"name": "Noor", "email": NOOR, "attributes": {"carrier": "UA"}}],
}
PARTNERS = """
@id("partner.rows")
@reason("a partner sees the flights of its own carrier")
forbid (principal, action == Mesh::Action::"see_row", resource in Mesh::Port::"weather.flights_v1")
when { principal has carrier }
unless { resource has carrier && resource.carrier == principal.carrier };

@id("partner.tails")
@reason("partners may join by tail numbers, and not read them")
@mask("hash")
forbid (principal, action == Mesh::Action::"see", resource in Mesh::Port::"weather.flights_v1")
when { principal has carrier && resource.name == "tail_number" };
"""


@pytest.fixture
def party(tmp_path):
    """A catalog with domains, an organisation and its policies, and a lake with flights."""
    (tmp_path / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    settings = load(tmp_path)
    receipt = publish(FLIGHTS, ROWS, lake=Lake.of(settings), run_id="first")
    with Catalog.open(settings.catalog_url) as catalog:
        catalog.register(domain("weather", FLIGHTS))
        catalog.register(domain("reports", members=[ANN]))
        catalog.policies.register_organization(
            ORGANIZATION, [PolicyFile("policies/partners.cedar", PARTNERS)]
        )
        catalog.record(receipt)
        with closing(ReadAudit(catalog)) as audit:
            deciding = Deciding.of(catalog, settings, audit)
            sharing = Sharing.of(catalog, settings, deciding)
            app = make_app(catalog, settings.serving, deciding=deciding, sharing=sharing)
            roster = Roster(deciding.viewing().directory.everyone())
            agreeing = Agreeing(Docket(catalog, Rights(), roster))
            yield Party(catalog, agreeing, TestClient(app, base_url=HOST), audit)


@dataclass
class Party:
    """Everybody, and the server."""

    catalog: Catalog
    agreeing: Agreeing
    client: TestClient
    audit: ReadAudit

    def asking(self, name):
        """Somebody with a token."""
        made = self.catalog.tokens.create(name, [Scope.READ], lasting=600)
        return Asking(self.client, made.secret)

    def agreed(self, name, *columns, rows=""):
        """An agreement that owner and steward have approved; its id."""
        told = Terms("", ConsumerKind.PERSON, "planning", columns=columns or None, rows=rows)
        case = self.agreeing.request(TABLE, told, name)
        for who in (OWNER, STEWARD):
            if case.state == "open":
                case = self.agreeing.vote(case.id, Ballot(Verdict.APPROVE, who))
        return case.id

    def rows(self, asking):
        """What somebody reads."""
        frames = [
            pl.read_parquet(io.BytesIO(self.client.get(f["url"]).content))
            for f in asking.files(TABLE)
        ]
        return pl.concat(frames).sort("id")


def test_the_owner_sees_all_of_what_their_domain_publishes(party):
    assert party.rows(party.asking(OWNER)).equals(ROWS)


@pytest.mark.parametrize("who", [ANN, NOOR, STRANGER])
def test_without_an_agreement_nobody_else_sees_anything(party, who):
    asking = party.asking(who)
    answer = asking.query(TABLE)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "PERMISSION_DENIED")
    assert asking.get("/shares").json()["items"] == []


def test_a_server_shows_what_has_to_stay_in_a_region_in_that_region_alone(party, tmp_path):
    at_home = Port(FLIGHTS.id, "weather", FLIGHTS.access, FLIGHTS.contract, {"residency": "eu"})
    for region, is_seen in (("eu", True), ("us", False), ("", False)):
        deciding = Deciding.of(party.catalog, load(tmp_path, region=region), party.audit)
        ask = Ask(deciding.principals(OWNER), Action.READ, at_home)
        if is_seen:
            assert deciding.viewing().view(ask).is_whole
            continue
        with pytest.raises(AccessDeniedError, match="stays in the region"):
            deciding.viewing().view(ask)


def test_an_agreement_shows_what_was_agreed_until_it_ends(party):
    agreement = party.agreed(ANN)
    ann = party.asking(ANN)
    found = party.rows(ann)
    assert found.equals(ROWS.drop("tail_number"))
    link = ann.files(TABLE)[0]["url"]
    assert party.client.get(link).status_code == 200
    party.agreeing.revoke(agreement, OWNER, "the project is over")
    assert ann.query(TABLE).status_code == 403
    assert party.client.get(link).status_code == 403
    assert ann.get("/shares").json()["items"] == []


def test_a_partner_sees_its_own_rows_and_hashes(party):
    party.agreed(NOOR, "id", "carrier", "tail_number", "seats")
    found = party.rows(party.asking(NOOR))
    assert found["id"].to_list() == [1, 4]
    assert set(found["carrier"]) == {"UA"}
    assert not set(found["tail_number"]) & set(ROWS["tail_number"])


def test_an_agreement_on_some_rows_hands_out_these_and_no_file_of_the_table(party):
    party.agreed(ANN, "id", "carrier", rows="carrier = 'UA'")
    ann = party.asking(ANN)
    assert party.rows(ann).rows() == [(1, "UA"), (4, "UA")]
    whole = {file["id"] for file in party.asking(OWNER).files(TABLE)}
    assert not whole & {file["id"] for file in ann.files(TABLE)}


def test_a_policy_holds_from_when_it_is_registered(party):
    party.agreed(ANN)
    ann = party.asking(ANN)
    assert party.rows(ann).height == 4
    closing_all = (
        '@id("closed") @reason("closed for the audit") forbid (principal, action, resource);'
    )
    party.catalog.policies.register_organization(
        ORGANIZATION, [PolicyFile("policies/closed.cedar", closing_all)]
    )
    answer = ann.query(TABLE)
    assert answer.status_code == 403
    assert "closed for the audit" in answer.json()["message"]


def test_policies_that_cannot_be_read_let_nobody_in(party):
    owner = party.asking(OWNER)
    party.catalog.policies.register_organization(
        ORGANIZATION, [PolicyFile("policies/broken.cedar", "forbid (principal")]
    )
    for answer in (owner.query(TABLE), owner.get("/shares"), owner.get("/shares/mesh")):
        assert answer.status_code == 403
    assert party.client.get("/api/v1/products").status_code == 200


def test_the_log_tells_the_whole_story_and_verifies(party):
    agreement = party.agreed(ANN)
    party.rows(party.asking(ANN))
    party.audit.flush()
    decisions = party.catalog.decisions
    (read,) = decisions.entries(LogQuery(kinds=("read",)))
    assert (read.who, read.subject) == (ANN, TABLE)
    assert read.content["way"] == "delta-sharing"
    assert (read.content["rows"], read.content["agreement"]) == (4, agreement)
    assert "tail_number" not in read.content["columns"]
    assert decisions.verify().holds
