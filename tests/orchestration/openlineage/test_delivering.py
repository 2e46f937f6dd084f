"""Events reach their receivers in order, at least once, whatever becomes of the line; runs go on."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesh.catalog.store import Catalog
from mesh.orchestration.openlineage import courier
from mesh.orchestration.openlineage.catching_up import catch_up
from mesh.orchestration.openlineage.delivering import wait_seconds
from tests.orchestration.openlineage.receiver import receiving
from tests.orchestration.openlineage.telling import READINGS, mesh_that_tells, run, until
from tests.orchestration.small_mesh import SmallMesh


def test_events_arrive_while_the_process_goes_on(tmp_path, receiver):
    small = mesh_that_tells(
        tmp_path, receivers=[{"url": receiver.url, "token": "secret", "compression": "gzip"}]
    )

    run(small, 1)
    until(lambda: len(receiver.taken) == 2)

    assert receiver.states() == [(READINGS, "START"), (READINGS, "COMPLETE")]
    assert receiver.requests[0]["Authorization"] == "Bearer secret"
    until(lambda: small.workspace.catalog.deliveries.waiting() == [])


def test_a_receiver_that_is_down_delays_no_run_and_gets_everything_later(tmp_path):
    with receiving() as server:
        gone = server.url
    small = mesh_that_tells(tmp_path, receivers=[{"name": "them", "url": gone, "timeout": 1}])

    started = time.monotonic()
    for number in range(3):
        run(small, number)
    courier.drain()
    assert time.monotonic() - started < 20
    (queue,) = small.workspace.catalog.deliveries.waiting()
    assert (queue.receiver, queue.waiting) == ("them", 6)

    with receiving() as back:
        text = (small.root / "pyproject.toml").read_text()
        small.write("pyproject.toml", text.replace(gone, back.url))
        done = catch_up(small.workspace)
        assert (done.delivered[0].sent, done.waiting) == (6, ())
        assert [state for _, state in back.states()] == ["START", "COMPLETE"] * 3


@pytest.mark.parametrize("failure", [500, 503, 429, 0])
def test_what_fails_is_tried_again_and_keeps_its_order(tmp_path, receiver, failure):
    small = mesh_that_tells(tmp_path, receivers=[{"url": receiver.url}])
    receiver.answers = [failure] * 2

    run(small, 1)
    run(small, 2)
    courier.drain()
    while small.workspace.catalog.deliveries.waiting():
        catch_up(small.workspace)

    assert [state for _, state in receiver.states()] == ["START", "COMPLETE"] * 2


def test_an_event_that_is_refused_is_set_aside_and_holds_up_no_other(tmp_path, receiver):
    small = mesh_that_tells(tmp_path, receivers=[{"url": receiver.url}], refusals=2)
    receiver.answers = [422, 422]

    run(small, 1)
    courier.drain()
    catch_up(small.workspace)
    (queue,) = small.workspace.catalog.deliveries.waiting()

    assert (queue.waiting, queue.set_aside) == (0, 1)
    assert "422" in queue.refused
    assert receiver.states() == [(READINGS, "COMPLETE")]
    done = catch_up(small.workspace, again=True)
    assert done.waiting == ()
    assert receiver.states()[-1] == (READINGS, "START")


def test_a_receiver_that_hangs_costs_a_run_nothing(tmp_path, receiver):
    small = mesh_that_tells(
        tmp_path, receivers=[{"url": receiver.url, "timeout": 1}], budget_seconds=0.1
    )
    receiver.hangs.set()

    started = time.monotonic()
    run(small, 1)
    courier.drain()

    assert time.monotonic() - started < 5
    assert small.workspace.catalog.deliveries.waiting()[0].waiting == 2


def test_files_get_a_line_an_event(tmp_path):
    small = mesh_that_tells(tmp_path, files=["told/events.jsonl"])

    run(small, 1)
    courier.drain()
    catch_up(small.workspace)

    lines = (small.root / "told/events.jsonl").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE"]


KILLED = """
import os, sys
from mesh.catalog.store import Catalog
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from mesh.settings import load

settings = load(sys.argv[1])
workspace = Workspace.open(settings)
if sys.argv[2] == "after":
    Catalog.record = lambda *_: os._exit(9)  # the commit has landed, and nobody was told
else:
    import mesh.orchestration.execution as execution
    execution.transformed = lambda *_, **__: os._exit(9)
execute(load_organization(settings).product("weather.readings_v1"), workspace, Run("killed"))
"""


@pytest.mark.parametrize(("when", "end"), [("before", "ABORT"), ("after", "COMPLETE")])
def test_a_run_that_died_gets_its_end_from_the_next_look(tmp_path, when, end):
    small = SmallMesh.at(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(small.root), when],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 9, done.stderr
    workspace = small.workspace
    assert [e.content["eventType"] for e in workspace.catalog.events.events()] == ["START"]

    assert catch_up(workspace).ended == 1

    assert [e.content["eventType"] for e in workspace.catalog.events.events()] == [end, "START"]


def test_waits_grow_and_end(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    waits = [wait_seconds(n) for n in range(20)]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 3_600


def test_a_mesh_without_receivers_queues_nothing(tmp_path):
    small = SmallMesh.at(tmp_path)
    run(small, 1)
    with Catalog.open(small.settings.catalog_url) as catalog:
        assert catalog.deliveries.waiting() == []
