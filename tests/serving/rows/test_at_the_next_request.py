"""What is registered, revoked or published counts from the next request on, in every way to read."""

import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from mesh.access.model import Principal
from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading.answering import begun
from mesh.serving.app import make_app
from mesh.serving.deciding import Deciding
from mesh.serving.readers import Readers
from mesh.serving.sharing.sharing import Sharing
from mesh.settings import load
from tests.access.parties import ANN, OWNER
from tests.access.ports import ROWS
from tests.house.repository import ROOT
from tests.products.conftest import imports
from tests.serving.sharing.conftest import HOST, Asking
from tests.serving.sharing.test_by_policy import FLIGHTS, NOOR, TABLE, party

__all__ = ["imports", "party"]

ROWS_PATH = "/v1/products/weather/flights_v1"
REVOKING = """\
import sys
from mesh.access.agreeing import Agreeing
from mesh.access.docket import Docket
from mesh.access.rights import Rights
from mesh.access.roster import Roster
from mesh.catalog.store import Catalog

with Catalog.open(sys.argv[1]) as catalog:
    docket = Docket(catalog, Rights(), Roster.of_domains(catalog.domains()))
    Agreeing(docket).revoke(sys.argv[2], sys.argv[3], "it is over")
"""


class Server:
    """A server that goes on, and every way in which somebody reads there."""

    def __init__(self, party, settings) -> None:
        deciding = Deciding.of(party.catalog, settings, party.audit)
        sharing = Sharing.of(party.catalog, settings, deciding)
        self.readers = Readers(party.catalog, deciding, settings)
        app = make_app(
            party.catalog,
            settings.serving,
            deciding=deciding,
            sharing=sharing,
            readers=self.readers,
        )
        self.client = TestClient(app, base_url=HOST)
        self.deciding = deciding

    def statuses(self, asking: Asking) -> dict[str, int]:
        """What each way answers now."""
        bearing = {"authorization": f"Bearer {asking.token}"}
        ways = ("rows", "rows/1", "table", "aggregates", "openapi.json")
        found = {
            way: self.client.get(f"{ROWS_PATH}/{way}", headers=bearing).status_code for way in ways
        }
        told = {"statement": f"SELECT count(*) FROM {TABLE}"}
        found["sql"] = self.client.post("/v1/sql", json=told, headers=bearing).status_code
        own = Asking(self.client, asking.token)
        found["delta-sharing"] = own.query(TABLE).status_code
        return found


@pytest.fixture
def server(party, tmp_path):
    made = Server(party, load(tmp_path))
    yield made
    made.readers.close()


def are(statuses: dict[str, int], expected: int) -> bool:
    assert set(statuses.values()) == {expected}, statuses
    return True


def test_an_agreement_that_another_process_revokes_is_over_at_the_next_request(
    party, server, tmp_path
):
    asking = party.asking(ANN)
    assert are(server.statuses(asking), 403)
    agreement = party.agreed(ANN)
    for _ in range(2):
        assert are(server.statuses(asking), 200)
    url = load(tmp_path).catalog_url
    subprocess.run([sys.executable, "-c", REVOKING, url, agreement, OWNER], cwd=ROOT, check=True)
    assert are(server.statuses(asking), 403)


def test_so_is_one_of_whoever_asks_by_flight_sql(party, server):
    agreement = party.agreed(ANN)

    def rows() -> int:
        who: Principal = server.deciding.principals(ANN)
        reader = server.readers.of(who, way="flight")
        question = server.readers.question(f"SELECT * FROM {TABLE}")
        answer = begun(question, reader, server.readers.processes)
        try:
            return sum(batch.num_rows for batch in answer.rows)
        finally:
            answer.close()

    assert rows() == ROWS.height
    party.agreeing.revoke(agreement, OWNER, "it is over")
    with pytest.raises(Exception, match="no agreement"):
        rows()


def test_a_token_is_good_for_nothing_once_it_is_revoked(party, server, tmp_path):
    party.agreed(ANN)
    asking = party.asking(ANN)
    assert are(server.statuses(asking), 200)
    with Catalog.open(load(tmp_path).catalog_url) as other:
        (token,) = [t.id for t in other.tokens.all() if t.principal == ANN]
        other.tokens.revoke(token)
    found = server.statuses(asking)
    assert found.pop("delta-sharing") in {401, 403}
    assert are(found, 401)


def row(server, asking, key):
    """The row of a key, and the version that it is of."""
    bearing = {"authorization": f"Bearer {asking.token}"}
    answer = server.client.get(f"{ROWS_PATH}/rows/{key}", headers=bearing)
    return answer, answer.headers.get("mesh-table-version")


def test_a_row_is_of_the_latest_version_and_the_same_from_memory_as_from_its_file(
    party, server, tmp_path
):
    settings = load(tmp_path)
    owner = party.asking(OWNER)
    found = [row(server, owner, 1)[0].json() for _ in range(8)]  # from the fourth in memory
    assert found == [found[0]] * 8
    publish(FLIGHTS, ROWS[1:].head(1), lake=Lake.of(settings), run_id="second")
    answer, version = row(server, owner, 1)
    assert (answer.json(), version) == (found[0], "1")


def test_rows_in_memory_are_shown_as_policy_says(party, server):
    owner, noor = party.asking(OWNER), party.asking(NOOR)
    party.agreed(NOOR, "id", "carrier", "tail_number")
    for _ in range(8):
        seen, hidden = row(server, noor, 1)[0], row(server, noor, 2)[0]
        assert seen.json()["tail_number"] != row(server, owner, 1)[0].json()["tail_number"]
        assert hidden.status_code == 404


def test_a_read_that_cannot_be_accounted_for_is_not_answered(party, server, monkeypatch):
    owner = party.asking(OWNER)
    assert row(server, owner, 1)[0].status_code == 200

    def full() -> None:
        from mesh.errors import CatalogError

        raise CatalogError("no space is left")

    monkeypatch.setattr(party.audit, "require_room", full)
    assert row(server, owner, 1)[0].status_code == 503
