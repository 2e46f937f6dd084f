"""A catalog by URL whose answers get lost: what was asked is done once, and its result arrives."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from mesh.catalog.deliveries import queue
from mesh.catalog.remote import client
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import CatalogError
from mesh.orchestration.execution import Run
from mesh.orchestration.openlineage import courier
from mesh.orchestration.openlineage.catching_up import catch_up
from mesh.orchestration.renewing import verify
from mesh.orchestration.running import run_products
from mesh.products.collection import load_organization
from tests.behaviour.proxy import Answer, proxied
from tests.catalog.factories import domain, product
from tests.orchestration.openlineage.receiver import receiving
from tests.orchestration.openlineage.telling import READINGS, mesh_that_tells
from tests.orchestration.small_mesh import ONE_IMPOSSIBLE
from tests.serving.live import served

WEATHER = "weather.observations_v1"


@pytest.fixture
def server(sqlite_url):
    with served(sqlite_url) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Pauses are a matter of time: none is waited for."""
    monkeypatch.setattr(client.time, "sleep", lambda _: None)


class Losing:
    """Has every request done, and cuts the line instead of its answer: the first times of each."""

    def __init__(self, times=1):
        self.times = times
        self.lost = Counter()
        self._in_a_row = Counter()

    def __call__(self, request, ask):
        answer = ask(request)
        if request.method == "GET" or self._in_a_row[request.path] == self.times:
            self._in_a_row[request.path] = 0
            return answer
        self._in_a_row[request.path] += 1
        self.lost[request.path.rpartition("/")[2]] += 1
        return Answer(answer.status, is_lost=True)


def test_whole_runs_are_recorded_once_when_every_first_answer_is_lost(
    server, tmp_path, monkeypatch
):
    losing = Losing()
    with proxied(server.url, losing) as url, receiving() as receiver:
        small = mesh_that_tells(
            tmp_path / "mesh", receivers=[{"url": receiver.url}], budget_seconds=60
        )
        monkeypatch.setenv("MESH_CATALOG__URL", url)
        monkeypatch.setenv("MESH_CATALOG__TOKEN", server.token)
        workspace, organization = small.workspace, load_organization(small.settings)
        products = list(organization.products.values())
        small.send(ONE_IMPOSSIBLE)
        first = run_products(workspace, products, Run("a"), workers=1)
        small.send("NYC,2013-01-01T02:00:00Z,451.0,c\n")
        refused = run_products(workspace, [organization.product(READINGS)], Run("b"), workers=1)
        courier.drain()
        assert catch_up(workspace).waiting == ()

    assert first.is_successful
    assert not refused.is_successful
    local = type(workspace)(workspace.settings, workspace.lake, server.behind)
    assert verify(local, organization) == []
    told = [event.content for event in server.behind.events.events(100)]
    ends = Counter(event["eventType"] for event in told)
    assert ends == {"START": 5, "COMPLETE": 4, "FAIL": 1}
    assert Counter(map(texts, receiver.taken)) == Counter(map(texts, told))
    for item in organization.products.values():
        known = server.behind.receipts(str(item.id))
        assert len({receipt.publication_id for receipt in known}) == len(known)
    assert len(server.behind.refusals(READINGS)) == 1
    assert {"register_declared", "record", "record_refused", "emissions.begin_as"} <= set(
        losing.lost
    )
    assert {"emissions.end", "deliveries.claim", "deliveries.sent"} <= set(losing.lost)


def texts(event):
    return json.dumps(event, sort_keys=True)


@pytest.mark.parametrize("times", [1, 3])
def test_a_token_whose_making_is_not_answered_is_made_once_and_works(server, times):
    losing = Losing(times)
    with proxied(server.url, losing) as url, Catalog.open(url, server.token) as catalog:
        made = catalog.tokens.create("bo", [Scope.READ], lasting=60)

    assert losing.lost == {"tokens.keep": times}
    assert [t for t in server.behind.tokens.all() if t.principal == "bo"] == [made.record]
    assert server.behind.tokens.known(made.secret).principal == "bo"


def test_a_secret_never_leaves_where_its_token_is_made(server):
    bodies = []

    def listening(request, ask):
        answer = ask(request)
        bodies.append(answer.body)
        return answer

    with proxied(server.url, listening) as url, Catalog.open(url, server.token) as catalog:
        made = catalog.tokens.create("bo", [Scope.READ], lasting=60)
    assert bodies
    assert not any(made.secret.encode() in body for body in bodies)


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_that_lost_the_server_is_asked_again(server, status):
    seen = Counter()

    def gone_once(request, ask):
        answer = ask(request)
        seen[request.path] += 1
        return answer if request.method == "GET" or seen[request.path] > 1 else Answer(status)

    with proxied(server.url, gone_once) as url, Catalog.open(url, server.token) as catalog:
        catalog.register(domain("weather", product(WEATHER)))
        assert [record.name for record in catalog.products()] == [WEATHER]
    assert set(seen.values()) >= {2}


def test_a_line_that_always_breaks_is_an_error_that_says_so(server):
    def cut(request, ask):
        answer = ask(request)
        return answer if request.method == "GET" else Answer(answer.status, is_lost=True)

    with (
        proxied(server.url, cut) as url,
        Catalog.open(url, server.token) as catalog,
        pytest.raises(CatalogError, match="whether it was done is not known"),
    ):
        catalog.products()


def test_saying_twice_that_an_event_arrived_takes_no_other_out_of_its_queue(stored_catalog):
    def put(number):
        with stored_catalog._database.writing() as connection:
            queue(connection, ["them"], {"number": number})

    queues, until = stored_catalog.deliveries, datetime.now(UTC) + timedelta(minutes=1)
    assert queues.claim("them", "me", until)
    put(1)
    first = queues.head("them")
    assert queues.sent(first, "me", until)
    put(2)
    assert queues.sent(first, "me", until)
    queues.failed(first, "me", "late news", until)

    head = queues.head("them")
    assert (head.event, head.attempts) == ({"number": 2}, 0)
