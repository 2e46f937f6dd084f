"""`mesh.connect` reads what a server serves, as Polars, Arrow and pandas."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.catalog.store import Catalog
from mesh.errors import (
    AccessDeniedError,
    InvalidNameError,
    MeshError,
    NotLentError,
    NotPublishedError,
    StatementError,
    StorageError,
    UnknownProductError,
)
from mesh.serving.running import listening
from tests.serving.sharing import lakes as shared
from tests.serving.sharing.lakes import ANA, CARL, DAN, FLIGHTS

FLIGHT = "shop.flights_v1"


@contextmanager
def served(lake):
    chosen = lake.settings.serving.model_copy(update={"port": 0})
    brief = lake.settings.sql.model_copy(update={"seconds": 5})
    settings = lake.settings.model_copy(update={"serving": chosen, "sql": brief})
    with (
        Catalog.open(lake.database) as catalog,
        listening(catalog, settings, lake.deciding) as server,
    ):
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server.url
        server.stop()
        thread.join()


@pytest.fixture
def connected(lake):
    with served(lake) as url:
        opened = []

        def connect(name=ANA, purpose=""):
            opened.append(mesh.connect(url, lake.token(name), purpose=purpose))
            return opened[-1]

        yield connect
        for connection in opened:
            connection.close()


def test_rows_are_had_as_any_library_wants_them(connected):
    rows = connected().read(FLIGHT)
    assert rows.to_polars().sort("id").equals(shared.ROWS)
    assert rows.to_arrow().num_rows == len(rows) == 4
    assert rows.to_pandas()["id"].tolist() == [1, 2, 3, 4]
    assert pl.DataFrame(rows).height == 4
    assert rows.facts["table-version"] == "1"
    assert rows.facts["verdict"] == "passed"


def test_columns_conditions_and_versions_are_chosen(connected, lake):
    first = lake.lake.table(FLIGHTS.id).commit_at(0).timestamp
    connection = connected()
    found = connection.read(FLIGHT, columns=["carrier", "id"], where={"id": "gt.2"})
    assert found.to_polars().columns == ["carrier", "id"]
    assert len(found) == 2
    assert len(connection.read(FLIGHT, version=0)) == 2
    assert len(connection.read(FLIGHT, as_of=first)) == 2


def test_sql_is_answered_with_what_is_seen(connected):
    rows = connected(CARL).sql("select count(*) as n from shop.flights where id > ?", [0])
    assert rows.to_arrow().to_pylist() == [{"n": 2}]
    with pytest.raises(StatementError, match="is not one that a query may call"):
        connected(CARL).sql("select * from read_csv('/etc/passwd')")
    with pytest.raises(StatementError, match="Could not convert string 'UA'"):
        connected(CARL).sql("select cast(carrier as int) from shop.flights")
    with pytest.raises(StatementError, match="longer than 5 s"):
        connected(CARL).sql(
            "select levenshtein(rpad(carrier, 2000000, 'a'), rpad('b', 2000000, 'b')) "
            "from shop.flights"
        )
    with pytest.raises(MeshError, match="parameters"):
        connected(CARL).sql("select 1", [{"not": "a value"}])


def test_refusals_are_the_errors_that_they_would_be_here(connected):
    connection = connected()
    with pytest.raises(UnknownProductError, match=r"shop\.flights_v9"):
        connection.read("shop.flights_v9")
    with pytest.raises(InvalidNameError):
        connection.read("../../etc/passwd")
    with pytest.raises(AccessDeniedError, match="no agreement"):
        connected(DAN).read(FLIGHT)
    with pytest.raises(NotPublishedError):
        connection.read(FLIGHT, version=99)
    with pytest.raises(MeshError, match="no column"):
        connection.read(FLIGHT, where={"nope": "eq.1"})


def test_revoking_is_felt_at_the_next_request(connected, lake):
    connection = connected(CARL, purpose="Rechnungsprüfung")
    assert len(connection.read(FLIGHT)) == 2
    assert lake.told.entries[-1].purpose == "Rechnungsprüfung"
    del lake.views.by[CARL]
    with pytest.raises(AccessDeniedError):
        connection.read(FLIGHT)
    with pytest.raises(AccessDeniedError):
        connection.sql("select 1 from shop.flights")


def test_an_answer_that_breaks_off_is_never_taken_for_whole(connected, monkeypatch):
    def broken(self, columns=None, limit=None, **_):
        yield shared.ROWS.select(columns)
        raise StorageError("the store went away")

    monkeypatch.setattr("mesh.reading.governed.GovernedRead.batches", broken)
    with pytest.raises(MeshError, match="broke off"):
        connected().read(FLIGHT)


def test_a_server_that_is_not_there_or_no_server_is_said_so():
    with pytest.raises(MeshError, match="cannot be reached"):
        mesh.connect("http://127.0.0.1:1", "x").read(FLIGHT)
    with pytest.raises(MeshError, match="is no URL"):
        mesh.connect("ftp://example.com")


def test_a_token_is_not_shown():
    assert "secret" not in repr(mesh.connect("http://localhost:1", "secret"))


def test_moments_go_as_they_are(connected):
    rows = connected().read(FLIGHT, where={"left_at": "lt.2013-01-02"})
    assert rows.to_arrow()["left_at"].to_pylist() == [datetime(2013, 1, 1, 5, 17, tzinfo=UTC)]
    assert pa.table(rows).num_rows == 1


def test_credentials_that_are_not_lent_are_refused_in_the_servers_words(connected):
    with pytest.raises(AccessDeniedError, match="rows are left out; masked: tail_number"):
        connected(CARL).credentials(FLIGHT)
    with pytest.raises(NotLentError, match="only buckets of S3") as raised:
        connected().credentials(FLIGHT)
    assert "Delta Sharing" in raised.value.hint
    with pytest.raises(InvalidNameError):
        connected().credentials("shop.flights_v1/../secrets_v1")
