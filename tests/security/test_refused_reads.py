"""Whichever way somebody asks for what they may not read, the log has it: who, what, why."""

import threading
from contextlib import closing

import adbc_driver_flightsql.dbapi as client
import adbc_driver_manager
import httpx2
import pytest

import mesh
from mesh.access.auditing import ReadAudit
from mesh.access.reads import LoggedReads
from mesh.catalog.decision_log import REFUSED, LogQuery
from mesh.catalog.store import Catalog
from mesh.errors import AccessDeniedError, CatalogError
from mesh.serving.deciding import Deciding
from mesh.serving.running import listening
from tests.access.ports import ROWS, view_of
from tests.serving.sharing import lakes as shared
from tests.serving.sharing.lakes import CARL, DAN, OLGA

FLIGHTS, SECRETS = "shop.flights_v1", "vault.secrets_v1"
REST = "/v1/products/shop/flights_v1/rows"
SHARED = "/delta-sharing/shares/mesh/schemas/shop/tables/flights_v1/query"


class Server:
    """A server that is really there, and the catalog behind it, with its log."""

    def __init__(self, lake, catalog, audit, listening):
        self.lake, self.catalog, self.audit = lake, catalog, audit
        self.url, self.flight = listening.url, listening.flight

    def get(self, path, who=DAN):
        return httpx2.get(f"{self.url}{path}", headers=self._bearing(who))

    def post(self, path, body, who=DAN):
        return httpx2.post(f"{self.url}{path}", json=body, headers=self._bearing(who))

    def _bearing(self, who):
        return {"authorization": f"Bearer {self.lake.token(who)}"}

    def refused(self):
        """What the log says now, oldest first."""
        self.audit.flush()
        assert self.catalog.decisions.verify().holds
        found = self.catalog.decisions.entries(LogQuery(kinds=(REFUSED,)))
        return [(e.who, e.subject, e.content["way"]) for e in reversed(found)]


@pytest.fixture
def server(tmp_path):
    lake = shared.make(tmp_path)
    chosen = lake.settings.serving.model_copy(update={"port": 0})
    settings = lake.settings.model_copy(update={"serving": chosen})
    with Catalog.open(lake.database) as catalog, closing(ReadAudit(catalog)) as audit:
        deciding = Deciding(lambda: lake.views, shared.principal, LoggedReads(audit))
        with listening(catalog, settings, deciding) as found:
            thread = threading.Thread(target=found.run)
            thread.start()
            yield Server(lake, catalog, audit, found)
            found.stop()
            thread.join()


def by_rest(server):
    assert server.get(REST).status_code == 403


def by_rest_of_a_key(server):
    assert server.get(f"{REST}/1").status_code == 403


def by_sql_over_http(server):
    answer = server.post("/v1/sql", {"statement": "select * from shop.flights"})
    assert answer.status_code == 403


def by_sharing(server):
    assert server.post(SHARED, {}).status_code == 403


def by_flight_sql(server):
    shown = {"adbc.flight.sql.authorization_header": f"Bearer {server.lake.token(DAN)}"}
    with (
        client.connect(server.flight, db_kwargs=shown, autocommit=True) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc_driver_manager.Error, match="has no agreement"),
    ):
        cursor.execute("select * from shop.flights")


def by_python(server):
    with (
        mesh.connect(server.url, server.lake.token(DAN)) as connection,
        pytest.raises(AccessDeniedError),
    ):
        connection.read(FLIGHTS).to_polars()


WAYS = {
    "rest": by_rest,
    "a-key": by_rest_of_a_key,
    "sql": by_sql_over_http,
    "delta-sharing": by_sharing,
    "flight-sql": by_flight_sql,
    "connect": by_python,
}
TOLD = {"a-key": "rest", "connect": "rest"}


@pytest.mark.parametrize("way", WAYS)
def test_a_refused_read_leaves_one_entry_however_often_it_comes(server, way):
    for _ in range(3):
        WAYS[way](server)
    assert server.refused() == [(DAN, FLIGHTS, TOLD.get(way, way))]


def test_a_product_that_somebody_may_not_know_of_is_not_told_to_them_and_is_logged(server):
    answer = server.post(SHARED.replace("shop", "vault").replace("flights", "secrets"), {})
    assert answer.status_code == 404
    assert server.refused() == [(DAN, SECRETS, "delta-sharing")]


def test_a_key_that_is_masked_is_refused_and_logged(server):
    server.lake.views.by[CARL] = lambda ask: view_of(ask.port, principal=ask.principal, id="null")
    assert server.get(f"{REST}/1", CARL).status_code == 403
    assert server.refused() == [(CARL, FLIGHTS, "rest")]


def test_a_link_that_is_followed_after_a_revocation_is_logged(server):
    lines = server.post(SHARED, {}, OLGA).text.splitlines()
    link = lines[2].partition('"url":"')[2].partition('"')[0]
    del server.lake.views.by[OLGA]
    assert httpx2.get(link).status_code == 403
    assert server.refused() == [(OLGA, FLIGHTS, "delta-sharing")]


def test_looking_around_is_no_refused_read(server):
    assert server.get("/delta-sharing/shares").status_code == 200
    assert server.refused() == []


def test_what_is_refused_stays_so_while_the_log_cannot_be_written(server, monkeypatch):
    append = server.catalog.decisions.append

    def fail(_entries):
        raise CatalogError("no space is left")

    with monkeypatch.context() as broken:
        broken.setattr(server.catalog.decisions, "append", fail)
        for way in ("rest", "sql", "delta-sharing"):
            WAYS[way](server)
        with pytest.raises(CatalogError):
            server.audit.flush()
    assert server.catalog.decisions.append == append
    assert [way for _, _, way in server.refused()] == ["rest", "sql", "delta-sharing"]


def test_no_value_of_the_data_is_in_the_log(server):
    for ask in WAYS.values():
        ask(server)
    server.audit.flush()
    told = repr([entry.content for entry in server.catalog.decisions.entries(LogQuery())])
    for value in ROWS["tail_number"].drop_nulls():
        assert value not in told
