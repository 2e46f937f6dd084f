"""A stock Flight SQL client is answered with what its token's principal may see."""

import datetime as dt
import time
from decimal import Decimal
from types import SimpleNamespace

import adbc_driver_flightsql.dbapi as client
import adbc_driver_manager
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import flight

from mesh.contracts.isolation.ahead import Processes
from mesh.errors import AccessDeniedError, StatementError
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading.answering import Question
from mesh.reading.reader import Reader
from mesh.reading.statement import names_of
from mesh.serving.authority import Limits
from mesh.serving.flight.metadata import Described
from mesh.serving.flight.server import FlightServer, Place
from mesh.serving.flight.wire import field, packed
from mesh.serving.limits import Buckets
from mesh.settings import SqlSettings
from tests.access.ports import ANA, PRODUCT, ROWS, Decided, Rows, view_of
from tests.products.small import module, write_mesh
from tests.serving.sharing.lakes import Told

pytestmark = pytest.mark.usefixtures("imports")
GOOD, OTHER = "mesh_good", "mesh_other"
UNITED = view_of(rows=Rows(pl.col("carrier") == "UA"), tail_number="drop")


class Refusing:
    """Lets nobody see anything."""

    def view(self, ask):
        raise AccessDeniedError("no agreement covers it", where=ask.port.name, hint="ask for one")


class Desk:
    """Two tokens: one that sees United's flights, one whose agreement may have ended."""

    def __init__(self, settings):
        self.settings = settings
        self.told = Told()
        self.known = {GOOD: Decided(UNITED), OTHER: Refusing()}

    def reader(self, secret):
        if secret not in self.known:
            return None
        record = SimpleNamespace(
            id=PRODUCT.id, access=PRODUCT.access, contract=PRODUCT.contract, tags={}
        )
        return Reader(
            principal=type(ANA)(f"{secret}@example.com"),
            purpose="analysis",
            decider=self.known[secret],
            product=lambda _: record,
            settings=self.settings,
            audit=self.told,
        )

    def tables(self, reader):
        schema = lambda: reader.read("shop.flights_v1").schema  # noqa: E731
        return [Described("shop", "flights_v1", schema, ("id",))]

    def question(self, sql):
        return Question.of(sql, names_of([PRODUCT.id]), SqlSettings(rows=1_000))


@pytest.fixture
def desk(tmp_path):
    settings = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(PRODUCT, ROWS, lake=Lake.of(settings), run_id="first")
    return Desk(settings)


@pytest.fixture
def server(desk):
    processes = Processes()
    limits = Limits(Buckets(1_000), Buckets(100))
    found = FlightServer(Place("127.0.0.1", 0), desk, limits, processes)
    yield found
    found.shutdown()
    processes.close()


@pytest.fixture
def connect(server):
    opened = []

    def make(secret=GOOD, **options):
        kwargs = options or {"adbc.flight.sql.authorization_header": f"Bearer {secret}"}
        opened.append(
            client.connect(f"grpc://127.0.0.1:{server.port}", db_kwargs=kwargs, autocommit=True)
        )
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


def ask(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetch_arrow_table()


def test_a_query_is_answered_with_the_rows_that_are_seen(connect):
    found = ask(connect(), "select id, carrier from shop.flights order by id")
    assert found.to_pylist() == [{"id": 1, "carrier": "UA"}, {"id": 4, "carrier": "UA"}]


def test_parameters_of_every_type_are_values_and_never_sql(connect):
    sql = "select id from shop.flights where day >= ? and fare <> ? and id > ? and carrier <> ?"
    told = (dt.date(2013, 1, 2), Decimal("1.50"), 0, "' or 1=1 --")
    assert ask(connect(), sql, told).to_pylist() == [{"id": 4}]


def test_a_prepared_statement_is_asked_again_and_again(connect):
    with connect().cursor() as cursor:
        for number, rows in ((1, 1), (2, 0), (4, 1)):
            cursor.execute("select id from shop.flights where id = ?", (number,))
            assert cursor.fetch_arrow_table().num_rows == rows
        told = cursor.adbc_execute_schema("select id, fare from shop.flights")
        assert told.field("fare").type == pa.decimal128(9, 2)


def test_what_is_prepared_and_described_reads_no_row(connect, desk):
    with connect().cursor() as cursor:
        cursor.adbc_prepare("select id from shop.flights")
        assert cursor.adbc_execute_schema("select count(*) as n from shop.flights").names == ["n"]
        assert desk.told.entries == []
        cursor.execute("select id from shop.flights")
        cursor.fetch_arrow_table()
    assert [(entry.rows, entry.columns) for entry in desk.told.entries] == [(2, ("id",))]


def test_a_password_is_a_token_too(connect):
    found = ask(connect(username="ana", password=GOOD), "select count(*) as n from shop.flights")
    assert found.to_pylist() == [{"n": 2}]


@pytest.mark.parametrize(
    "shown",
    [
        {"adbc.flight.sql.authorization_header": "Bearer mesh_wrong"},
        {"adbc.flight.sql.authorization_header": "Digest mesh_good"},
        {"adbc.flight.sql.authorization_header": "Basic !!!"},
        {"username": "ana", "password": "wrong"},
        {"adbc.flight.sql.rpc.call_header.x-token": GOOD},
    ],
    ids=["wrong", "another-scheme", "no-base64", "wrong-password", "none"],
)
def test_nobody_is_let_in_without_a_good_token(connect, shown):
    with pytest.raises(adbc_driver_manager.Error, match="token"):
        ask(connect(**shown), "select 1")


def test_a_token_that_is_revoked_is_good_no_more_at_the_next_request(connect, desk):
    connection = connect()
    ask(connection, "select 1 from shop.flights")
    del desk.known[GOOD]
    with pytest.raises(adbc_driver_manager.Error, match="revoked"):
        ask(connection, "select 1 from shop.flights")


def test_an_agreement_that_ended_is_felt_at_the_next_request(connect, desk):
    connection = connect()
    ask(connection, "select 1 from shop.flights")
    desk.known[GOOD] = Refusing()
    with pytest.raises(adbc_driver_manager.Error, match="no agreement covers it"):
        ask(connection, "select 1 from shop.flights")


def test_a_client_lists_what_there_is(connect):
    connection = connect()
    (catalog,) = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    (schema,) = catalog["catalog_db_schemas"]
    (table,) = schema["db_schema_tables"]
    names = [column["column_name"] for column in table["table_columns"]]
    assert (schema["db_schema_name"], table["table_name"]) == ("shop", "flights_v1")
    assert "id" in names
    assert "tail_number" not in names
    assert connection.adbc_get_table_types() == ["TABLE"]
    assert connection.adbc_get_info()["vendor_name"] == "Mesh"
    assert "tail_number" not in connection.adbc_get_table_schema("flights_v1").names


@pytest.mark.parametrize(
    "sql",
    [
        "select tail_number from shop.flights",
        "select * from read_csv('/etc/passwd')",
        "insert into shop.flights values (1)",
        "select cast(carrier as int) from shop.flights",
        "select 1; select 2",
    ],
)
def test_what_cannot_be_asked_is_refused_in_words_and_without_a_stack(connect, sql):
    with pytest.raises(adbc_driver_manager.Error) as told:
        ask(connect(), sql)
    assert "Traceback" not in str(told.value)
    assert "AA" not in str(told.value)
    assert ".py" not in str(told.value)


def test_nothing_can_be_written(connect):
    with (
        connect().cursor() as cursor,
        pytest.raises(adbc_driver_manager.Error, match="not written"),
    ):
        cursor.adbc_ingest("flights_v1", pa.table({"id": [9]}))


def test_an_answer_is_fetched_once_and_by_whoever_asked(server, connect, desk):
    desk.known[OTHER] = Decided(view_of())
    query = packed("CommandStatementQuery", field(1, b"select id from shop.flights"))
    bearing = {
        secret: flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {secret}".encode())])
        for secret in (GOOD, OTHER)
    }
    with flight.connect(f"grpc://127.0.0.1:{server.port}") as raw:
        told = raw.get_flight_info(flight.FlightDescriptor.for_command(query), bearing[GOOD])
        (place,) = told.endpoints
        with pytest.raises(flight.FlightServerError, match="no such statement"):
            raw.do_get(place.ticket, bearing[OTHER]).read_all()
        assert raw.do_get(place.ticket, bearing[GOOD]).read_all().num_rows == 2
        with pytest.raises(flight.FlightServerError, match="no such statement"):
            raw.do_get(place.ticket, bearing[GOOD]).read_all()


NONSENSE = [
    b"",
    b"\xff" * 40,
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x0a\x05abcde",
    packed("CommandNobodyKnows", b""),
    packed("CommandStatementQuery", b"\x08\x01"),
    packed("CommandStatementQuery", field(1, b"\xff\xfe")),
    packed("CommandPreparedStatementQuery", field(1, b"guessed")),
    packed("CommandStatementUpdate", field(1, b"delete from shop.flights")),
    packed("CommandStatementQuery", field(1, b"select " + b"1" * 2_000_000)),
]


def test_nonsense_is_refused_and_the_server_goes_on(server, connect):
    bearing = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {GOOD}".encode())])
    with flight.connect(f"grpc://127.0.0.1:{server.port}") as raw:
        for command in NONSENSE:
            with pytest.raises((flight.FlightError, pa.ArrowException)) as told:
                raw.get_flight_info(flight.FlightDescriptor.for_command(command), bearing)
            assert "Traceback" not in str(told.value)
    assert ask(connect(), "select count(*) as n from shop.flights").to_pylist() == [{"n": 2}]


def test_an_answer_that_may_not_wait_is_ended(server, monkeypatch):
    begun = []
    run = server._statements.run
    monkeypatch.setattr(server._statements.answers, "_most", 0)
    monkeypatch.setattr(
        type(server._statements), "run", lambda self, *asked: begun.append(run(*asked)) or begun[-1]
    )
    query = packed("CommandStatementQuery", field(1, b"select id from shop.flights"))
    bearing = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {GOOD}".encode())])
    with (
        flight.connect(f"grpc://127.0.0.1:{server.port}") as raw,
        pytest.raises(flight.FlightServerError, match="statements are open"),
    ):
        raw.get_flight_info(flight.FlightDescriptor.for_command(query), bearing)
    with pytest.raises((StatementError, StopIteration, pa.ArrowException, OSError)):
        begun[0].rows.read_next_batch()


def test_answers_that_nobody_fetches_are_bounded_and_end(server):
    server._statements.answers._most = 2
    server._statements.answers._seconds = 0.5
    query = packed("CommandStatementQuery", field(1, b"select id from shop.flights"))
    bearing = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {GOOD}".encode())])
    descriptor = flight.FlightDescriptor.for_command(query)
    with flight.connect(f"grpc://127.0.0.1:{server.port}") as raw:
        kept = [raw.get_flight_info(descriptor, bearing)]
        time.sleep(0.6)
        kept.append(raw.get_flight_info(descriptor, bearing))
        with pytest.raises(flight.FlightServerError, match="no such statement"):
            raw.do_get(kept[0].endpoints[0].ticket, bearing).read_all()
