"""A Flight SQL client that asks too often is told when to come again, as one over HTTP is."""

import adbc_driver_flightsql.dbapi as client
import adbc_driver_manager
import pytest
from pyarrow import flight

from mesh.contracts.isolation.ahead import Processes
from mesh.errors import StatementError
from mesh.serving.authority import Limits
from mesh.serving.flight.server import FlightServer, Place
from mesh.serving.limits import Buckets

PER_SECOND = 2
BURST = 4


class Desk:
    """Knows two tokens, and no product."""

    def reader(self, secret):
        return object() if secret in {"ana", "bo"} else None

    def tables(self, _reader):
        return ()

    def question(self, _sql):
        raise StatementError("there is nothing to ask here")


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def server(now):
    processes = Processes()
    buckets = [Buckets(PER_SECOND, clock=lambda: now[0]) for _ in range(2)]
    found = FlightServer(Place("127.0.0.1", 0), Desk(), Limits(*buckets), processes)
    yield found
    found.shutdown()
    processes.close()


@pytest.fixture
def told(server):
    """What the stock client is told, who asks one thing."""

    def ask(secret):
        shown = {"adbc.flight.sql.authorization_header": f"Bearer {secret}"}
        with (
            client.connect(
                f"grpc://127.0.0.1:{server.port}", db_kwargs=shown, autocommit=True
            ) as connection,
            connection.cursor() as cursor,
            pytest.raises(adbc_driver_manager.Error) as raised,
        ):
            cursor.execute("select 1")
        return raised.value

    return ask


def until_refused(told, secret, word):
    """The first answer that is not about this word."""
    for _ in range(BURST + 1):
        found = told(secret)
        if word not in str(found):
            return found
    raise AssertionError(found)


def test_a_token_that_asks_too_often_is_told_when_to_come_again(told, now):
    refused = until_refused(told, "ana", "nothing to ask")
    assert "more than 2 requests a second: come again in 1 s" in str(refused)
    assert "Unavailable" in str(refused)
    assert "nothing to ask" in str(told("bo"))
    now[0] = 10.0
    assert "nothing to ask" in str(told("ana"))


def test_an_address_that_guesses_is_limited_and_a_good_token_from_there_is_not(told):
    refused = until_refused(told, "guessed", "unknown, expired or revoked")
    assert "come again in 1 s" in str(refused)
    assert "nothing to ask" in str(told("ana"))


CALLS = {
    "actions": lambda raw, options: list(raw.list_actions(options)),
    "flights": lambda raw, options: list(raw.list_flights(options=options)),
    "action": lambda raw, options: list(raw.do_action(("Anything", b""), options)),
    "rows": lambda raw, options: raw.do_get(flight.Ticket(b"any"), options).read_all(),
    "exchange": lambda raw, options: raw.do_exchange(
        flight.FlightDescriptor.for_command(b"any"), options
    )[1].read_all(),
    "handshake": lambda raw, options: raw.authenticate_basic_token("ana", "guessed", options),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_whatever_is_called_without_a_good_token_is_refused_and_counted(server, call):
    options = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer guessed")])
    if call is CALLS["handshake"]:
        options = flight.FlightCallOptions()
    with flight.connect(f"grpc://127.0.0.1:{server.port}") as raw:
        for _ in range(BURST):
            with pytest.raises(flight.FlightUnauthenticatedError):
                call(raw, options)
        with pytest.raises(flight.FlightUnavailableError, match="come again"):
            call(raw, options)
