"""`mesh serve` outlasts its database: 503 while that is away, and all that was accepted is there."""

import signal
import threading
import time

import httpx2
import pytest

from mesh.catalog.remote import client as remote_client
from mesh.catalog.store import Catalog
from mesh.errors import CatalogUnavailableError
from tests.catalog import postgresql
from tests.catalog.events import run_event
from tests.catalog.factories import receipt
from tests.serving.conftest import WEATHER, fill
from tests.serving.live import served

PATHS = ["/readyz", "/api/v1/products", "/api/v1/search?q=weather", "/api/v1/version"]


@pytest.fixture(scope="module")
def cluster():
    with postgresql.serving() as server:
        yield server


@pytest.fixture
def server(cluster):
    with (
        postgresql.database(cluster.home) as url,
        served(url, token_requests_per_second=1e6, requests_per_second=1e6) as running,
    ):
        fill(running.behind)
        yield running


@pytest.fixture
def client(server):
    headers = {"authorization": f"Bearer {server.token}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as made:
        yield made


def test_while_the_database_is_away_the_server_says_so_and_afterwards_all_is_well(cluster, client):
    before = {path: client.get(path).json() for path in PATHS}
    event = run_event("COMPLETE", 1, outputs=["out"])
    cluster.stop()
    try:
        for path in PATHS:
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
            assert str(cluster.home) not in answer.text
        assert client.post("/api/v1/lineage", json=event).status_code == 503
        assert client.get("/healthz").status_code == 200
    finally:
        cluster.start()
    assert {path: client.get(path).json() for path in PATHS} == before
    assert client.post("/api/v1/lineage", json=event).json()["taken"] == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_every_event_that_was_accepted_is_there_once_when_the_database_was(
    cluster, server, client, how
):
    accepted, answered, is_over = [], set(), threading.Event()

    def send(sender):
        number = 0
        while not is_over.is_set():
            event = run_event("COMPLETE", 1, run=f"{sender}-{number}")
            answer = client.post("/api/v1/lineage", json=event)
            answered.add(answer.status_code)
            if answer.status_code == 201:
                accepted.append(event["run"]["runId"])
                number += 1

    senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in senders:
        thread.start()
    for _ in range(2):
        goes_on(accepted)
        cluster.stop(how)
        time.sleep(0.3)
        cluster.start()
    goes_on(accepted)
    is_over.set()
    for thread in senders:
        thread.join(timeout=180)

    assert answered == {201, 503}
    kept = [event.content["run"]["runId"] for event in server.behind.events.events(100_000)]
    assert len(kept) == len(set(kept))
    assert set(accepted) <= set(kept)


def goes_on(accepted, more=30):
    target, deadline = len(accepted) + more, time.monotonic() + 180
    while len(accepted) < target:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_mesh_elsewhere_outlasts_the_restart_and_is_told_what_does_not_pass(
    cluster, server, monkeypatch
):
    monkeypatch.setattr(remote_client, "_PAUSES", (0.2, 0.2, 0.2))  # each lasts a second at least
    with Catalog.open(server.url, server.token) as catalog:
        cluster.stop()
        later = threading.Timer(0.5, cluster.start)
        later.start()
        catalog.record(receipt(WEATHER, 17))
        later.join()
        assert catalog.latest_receipt(WEATHER).table_version == 17
        cluster.stop()
        try:
            with pytest.raises(CatalogUnavailableError, match="cannot be used now"):
                catalog.record(receipt(WEATHER, 18))
        finally:
            cluster.start()
        catalog.record(receipt(WEATHER, 18))
        assert catalog.latest_receipt(WEATHER).table_version == 18
