"""Events reach their receivers in order, at least once, whatever becomes of the line; runs go on."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from mesh.catalog import schema
from mesh.catalog.store import Catalog
from mesh.orchestration.openlineage import courier, processes
from mesh.orchestration.openlineage.catching_up import catch_up
from mesh.orchestration.openlineage.delivering import wait_seconds
from mesh.orchestration.openlineage.processes import began
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


def test_an_event_whose_answer_is_not_waited_for_is_not_sent_again(tmp_path, receiver):
    small = mesh_that_tells(
        tmp_path, receivers=[{"url": receiver.url, "timeout": 60}], budget_seconds=0.1
    )
    receiver.seconds = 2.0
    run(small, 1)
    until(lambda: receiver.requests)
    courier.drain()
    assert receiver.taken == []
    assert catch_up(small.workspace).delivered[0].sent == 0

    receiver.seconds = 0.0
    run(small, 2)
    until(lambda: len(receiver.taken) == 4, seconds=60)

    assert [state for _, state in receiver.states()] == ["START", "COMPLETE"] * 2
    until(lambda: small.workspace.catalog.deliveries.waiting() == [], seconds=60)
    assert len(receiver.requests) == 4


def test_a_process_that_ends_before_an_answer_lets_others_go_on(tmp_path, receiver):
    small = mesh_that_tells(
        tmp_path, receivers=[{"url": receiver.url, "timeout": 60}], budget_seconds=0.1
    )
    receiver.hangs.set()
    run(small, 1)
    until(lambda: receiver.requests)

    courier.leave()

    deliveries = small.workspace.catalog.deliveries
    soon = datetime.now(UTC) + timedelta(seconds=1)
    assert deliveries.claim(deliveries.waiting()[0].receiver, "another", soon)


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


def died(small, when):
    """Run the product in a process that dies."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(small.root), when],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 9, done.stderr


@pytest.mark.parametrize(("when", "end"), [("before", "ABORT"), ("after", "COMPLETE")])
def test_a_run_that_died_gets_its_end_from_the_next_look(tmp_path, when, end):
    small = SmallMesh.at(tmp_path)
    died(small, when)
    workspace = small.workspace
    assert [e.content["eventType"] for e in workspace.catalog.events.events()] == ["START"]

    assert catch_up(workspace).ended == 1

    assert [e.content["eventType"] for e in workspace.catalog.events.events()] == [end, "START"]


def test_a_run_is_dead_though_another_process_has_its_number(tmp_path):
    small = SmallMesh.at(tmp_path)
    died(small, "before")
    workspace = small.workspace
    with living() as other:
        with workspace.catalog._database.writing() as connection:
            connection.execute(update(schema.emitted_runs).values(process=other))
        assert catch_up(workspace).ended == 1
    assert [e.content["eventType"] for e in workspace.catalog.events.events()] == ["ABORT", "START"]


def test_a_run_of_a_process_that_goes_on_is_left_alone(tmp_path):
    small = SmallMesh.at(tmp_path)
    died(small, "before")
    workspace = small.workspace
    with living() as other:
        for known in (began(other), ""):  # what an older Mesh told has no beginning
            mine = {"process": other, "process_began": known}
            with workspace.catalog._database.writing() as connection:
                connection.execute(update(schema.emitted_runs).values(mine))
            assert catch_up(workspace).ended == 0
    assert catch_up(workspace).ended == 1


@pytest.mark.parametrize(("days", "ended"), [(0, 0), (2, 1)])
def test_a_run_elsewhere_is_judged_by_its_age(tmp_path, days, ended):
    small = SmallMesh.at(tmp_path)
    died(small, "before")
    workspace = small.workspace
    then = datetime.now(UTC) - timedelta(days=days)
    with workspace.catalog._database.writing() as connection:
        connection.execute(update(schema.emitted_runs).values(host="elsewhere", started_at=then))
    assert catch_up(workspace).ended == ended


@contextmanager
def living():
    """The number of a process that does nothing."""
    process = subprocess.Popen(["sleep", "600"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


TELLERS = [processes._from_proc, *([processes._from_ps] if shutil.which("ps") else [])]


@pytest.mark.parametrize("tell", TELLERS)
def test_a_process_began_once(tell):
    with living() as first:
        known = tell(first)
        assert known
        assert tell(first) == known
    assert tell(first) == ""


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
