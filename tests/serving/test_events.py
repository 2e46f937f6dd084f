"""OpenLineage events come in over HTTP, from the stock clients of any producer."""

import gzip
import json
import threading
from datetime import UTC, datetime

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import schema_dataset
from openlineage.client.transport.http import HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

from mesh.catalog.derivation import Derivation
from mesh.catalog.model import NodeKind
from mesh.catalog.traced import ColumnEdge, Tracing
from mesh.serving.gathering import Gathering
from tests.catalog.events import dataset, fields, run_event
from tests.catalog.factories import receipt
from tests.serving.conftest import DELAYS, WEATHER
from tests.serving.live import served

LINEAGE = "/api/v1/lineage"


def test_an_event_and_a_list_of_them_are_taken(client, bearing):
    one = run_event("COMPLETE", 1, inputs=["in"], outputs=["out"])
    other = run_event("COMPLETE", 2, run="r2", outputs=["out"])
    first = client.post(LINEAGE, json=one, headers=bearing("events"))
    again = client.post(LINEAGE, json=[one, other], headers=bearing("events"))

    assert first.status_code == again.status_code == 201
    assert first.json() == {"taken": 1, "repeated": 0, "refused": []}
    assert again.json() == {"taken": 1, "repeated": 1, "refused": []}


def test_a_list_with_bad_events_is_taken_in_part_and_says_which(client, bearing):
    good = run_event("COMPLETE", 1)
    answer = client.post(LINEAGE, json=[good, {"eventTime": "?"}], headers=bearing("events"))

    assert answer.status_code == 207
    (refused,) = answer.json()["refused"]
    assert refused["index"] == 1
    assert {item["path"] for item in refused["problems"]} == {"eventTime", ""}


def test_a_bad_event_is_a_problem(client, bearing):
    answer = client.post(LINEAGE, json={"eventTime": 7}, headers=bearing("events"))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {item["where"] for item in answer.json()["errors"]} == {"eventTime", ""}


@pytest.mark.parametrize(("scopes", "status"), [(None, 401), (("read",), 403), (("write",), 201)])
def test_who_may_send(client, bearing, scopes, status):
    headers = bearing(*scopes) if scopes else {}

    assert client.post(LINEAGE, json=run_event("START", 1), headers=headers).status_code == status


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_the_stock_client_is_joined_to_the_product_that_it_reads(sqlite_url, compression):
    with served(sqlite_url) as server:
        server.behind.record(receipt(WEATHER))
        config = {"type": "http", "url": server.url, "compression": compression}
        config["auth"] = {"type": "api_key", "apiKey": server.token}
        client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(config)))
        schema = schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields("a", "int")]
        )
        for state in (RunState.START, RunState.COMPLETE):
            client.emit(
                RunEvent(
                    eventType=state,
                    eventTime=datetime.now(UTC).isoformat(),
                    run=Run(str(RUN)),
                    job=Job("airflow", "daily"),
                    producer="https://example.com",
                    inputs=[InputDataset("file", "/lake/dev/weather/observations/v1")],
                    outputs=[OutputDataset("warehouse", "weather", {"schema": schema})],
                )
            )

        found = server.behind.lineage(WEATHER, "down")
        assert [(edge.downstream, edge.jobs) for edge in found.edges] == [
            ("warehouse#weather", ("airflow#daily",))
        ]
        assert found.node("warehouse#weather").kind is NodeKind.EXTERNAL
        (run,) = server.behind.events.runs("airflow#daily")
        assert (run.run_id, run.state) == (str(RUN), "COMPLETE")


RUN = generate_new_uuid()


def test_a_large_batch_may_be_compressed(client, bearing):
    events = [run_event("COMPLETE", 1, run=f"r{n}") for n in range(300)]
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = client.post(
        LINEAGE,
        content=gzip.compress(json.dumps(events).encode()),
        headers=headers | bearing("events"),
    )

    assert answer.json()["taken"] == 300


def test_what_was_reported_can_be_asked_for(client, bearing):
    table = dataset("out", schema=fields("a"), documentation={"description": "What came out."})
    events = [
        run_event("COMPLETE", n, run=f"r{n}", inputs=["in"], outputs=[table]) for n in range(3)
    ]
    client.post(LINEAGE, json=events, headers=bearing("events"))

    first = client.get("/api/v1/events", params={"limit": 2}).json()
    second = client.get("/api/v1/events", params={"limit": 2, "cursor": first["next"]}).json()
    assert len(first["items"]) + len(second["items"]) == 3
    assert second["next"] is None
    listed = client.get("/api/v1/datasets").json()["items"]
    assert [item["key"] for item in listed] == ["db#in", "db#out"]
    told = client.get("/api/v1/dataset", params={"key": "db#out"}).json()
    assert (told["description"], told["columns"][0]["name"]) == ("What came out.", "a")
    assert told["is_governed"] is False
    (job,) = client.get("/api/v1/jobs").json()["items"]
    assert (job["inputs"], job["outputs"]) == (["db#in"], ["db#out"])
    runs = client.get("/api/v1/runs", params={"job": job["key"]}).json()
    assert [run["run_id"] for run in runs] == ["r2", "r1", "r0"]
    up = client.get("/api/v1/lineage", params={"dataset": "db#out"}).json()
    assert up["edges"][0]["jobs"] == ["spark#copy"]
    assert client.get("/api/v1/dataset", params={"key": "db#ou"}).status_code == 404


def test_columns_and_versions_are_followed(client, catalog):
    edge = ColumnEdge(WEATHER, "speed", DELAYS, "speed", Derivation.AGGREGATION)
    catalog.traces.record([Tracing(DELAYS, "1", (edge,), ("speed",))])

    up = client.get("/api/v1/lineage/columns", params={"dataset": DELAYS, "column": "speed"}).json()
    assert [(e["upstream"], e["type"], e["subtype"]) for e in up["edges"]] == [
        (WEATHER, "DIRECT", "AGGREGATION")
    ]
    made = client.get(f"/api/v1/products/{DELAYS}/versions/0/lineage").json()
    assert [(item["product"], item["version"]) for item in made] == [(DELAYS, 0), (WEATHER, 4)]


def test_use_and_profiles_are_told(client):
    assert client.get(f"/api/v1/products/{WEATHER}/usage").json() == {
        "product": WEATHER,
        "days": 30,
        "consumers": [],
        "columns": [],
    }
    assert client.get(f"/api/v1/products/{WEATHER}/profile").status_code == 404


def test_events_that_come_at_once_are_written_together_and_each_is_told_its_own(catalog):
    calls, start = [], threading.Event()

    def take_batches(batches):
        calls.append(len(batches))
        start.wait(5)
        return catalog.events.take_batches(batches)

    gathering, told = Gathering(take_batches), {}
    events = [run_event("COMPLETE", n, run=f"r{n}") for n in range(20)]

    def send(number):
        told[number] = gathering.take([events[number], {"bad": number}])

    threads = [threading.Thread(target=send, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    start.set()
    for thread in threads:
        thread.join()

    assert all((t.taken, t.repeated, len(t.refused)) == (1, 0, 1) for t in told.values())
    assert len(calls) < 20
    assert len(catalog.events.events(100)) == 20


def test_who_waits_with_others_is_told_what_went_wrong_and_the_next_is_not(catalog):
    broken = [True]

    def take_batches(batches):
        if broken.pop() if broken else False:
            raise OSError("no space")
        return catalog.events.take_batches(batches)

    gathering = Gathering(take_batches)

    with pytest.raises(OSError, match="no space"):
        gathering.take([run_event("START", 1)])
    assert gathering.take([run_event("START", 1)]).taken == 1
