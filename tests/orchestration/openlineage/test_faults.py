"""Events and what goes wrong around them: a full disk, two who deliver, one who dies, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mesh.catalog.receipts import Receipt
from mesh.orchestration.openlineage import courier
from mesh.orchestration.openlineage.catching_up import catch_up
from tests.faults.small_disk import LimitedFiles, made
from tests.orchestration.openlineage.receiver import receiving
from tests.orchestration.openlineage.telling import READINGS, mesh_that_tells, run, until
from tests.orchestration.small_mesh import READINGS as SOURCE

TOLD_BEFORE = b'{"eventType": "OTHER"}\n'
PAGE = 4096
ROOM = 100
"""Bytes that are left for an event, which is longer."""


@pytest.fixture(params=["a small disk", "a limit on files"])
def small_disk(request, tmp_path):
    folder = tmp_path / "disk"
    if request.param == "a limit on files":
        folder.mkdir()
        yield LimitedFiles(folder), 8 * 1024 * 1024
        return
    with made(folder) as disk:
        yield disk, 0


def filled(file: Path) -> int:
    """Make a file of lines that leaves less of its last page than an event needs.

    It is larger than the catalog's files, so that a limit on it is none on them.
    """
    size = 8 * 1024 * 1024 - ROOM
    lines = TOLD_BEFORE * (size // len(TOLD_BEFORE))
    file.write_bytes(b" " * (size - len(lines)) + lines)
    return size


def states(file: Path) -> list[str]:
    return [json.loads(line)["eventType"] for line in file.read_bytes().splitlines()]


def command(small, *arguments):
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("mesh")), "--root", str(small.root), *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("MESH_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def by_run(events):
    found = {}
    for event in events:
        found.setdefault(event["run"]["runId"], []).append(event["eventType"])
    return found


def mesh_with_a_queue(tmp_path, receiver, runs, **settings):
    """A mesh whose receiver was away during some runs, and is back."""
    with receiving() as server:
        gone = server.url
    small = mesh_that_tells(tmp_path, receivers=[{"name": "them", "url": gone, **settings}])
    for number in range(runs):
        run(small, number)
    courier.drain()
    text = (small.root / "pyproject.toml").read_text()
    small.write("pyproject.toml", text.replace(gone, receiver.url))
    return small


def test_a_full_disk_fails_no_run_and_leaves_no_half_line(tmp_path, small_disk):
    disk, limit = small_disk
    file = disk.folder / "events.jsonl"
    size = filled(file)
    small = mesh_that_tells(tmp_path, files=[str(file)])

    with disk.leaving(limit):
        assert isinstance(run(small, 1), Receipt)
        courier.drain()
        (queue,) = catch_up(small.workspace).waiting
        assert (queue.waiting, queue.set_aside) == (2, 0)
        assert "cannot be written" in queue.error
        assert isinstance(run(small, 2), Receipt)
        courier.drain()
        assert file.stat().st_size == size

    assert catch_up(small.workspace).waiting == ()
    told = ["START", "COMPLETE"] * 2
    assert states(file)[-5:] == ["OTHER", *told]
    assert Counter(states(file)) == {"OTHER": size // len(TOLD_BEFORE), "START": 2, "COMPLETE": 2}


@pytest.mark.parametrize(
    ("left", "kept"), [(b'{"eventType": "OTH', []), (b'{"eventType": "OTHER"}', ["OTHER"])]
)
def test_what_a_killed_writer_left_does_not_spoil_the_next_line(tmp_path, left, kept):
    file = tmp_path / "events.jsonl"
    file.write_bytes(TOLD_BEFORE + left)
    small = mesh_that_tells(tmp_path, files=["events.jsonl"])

    run(small, 1)
    courier.drain()
    catch_up(small.workspace)

    assert states(file) == ["OTHER", *kept, "START", "COMPLETE"]


def test_two_who_deliver_at_once_bring_everything_once_and_in_order(tmp_path, receiver):
    small = mesh_with_a_queue(tmp_path, receiver, 12)

    both = [command(small, "catalog", "deliver", "--json") for _ in range(2)]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in both]

    assert small.workspace.catalog.deliveries.waiting() == []
    assert sum(item["sent"] for one in told for item in one["delivered"]) == 24
    assert set(map(tuple, by_run(receiver.taken).values())) == {("START", "COMPLETE")}
    assert [state for _, state in receiver.states()] == ["START", "COMPLETE"] * 12


def test_one_who_is_killed_while_delivering_loses_nothing(tmp_path, receiver):
    small = mesh_with_a_queue(tmp_path, receiver, 8, timeout=0.1)
    receiver.seconds = 0.05
    dying = command(small, "catalog", "deliver")
    until(lambda: len(receiver.taken) > 2, 60)
    dying.kill()
    dying.communicate(timeout=30)
    receiver.seconds = 0.0

    until(lambda: catch_up(small.workspace).waiting == (), 60)

    first = list({json.dumps(event, sort_keys=True): event for event in receiver.taken}.values())
    assert [event["eventType"] for event in first] == ["START", "COMPLETE"] * 8
    assert len(receiver.taken) - len(first) <= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_told_to_be_aborted(tmp_path, receiver, number):
    small = mesh_that_tells(tmp_path, receivers=[{"url": receiver.url}])
    slow = SOURCE.replace("    schema = {", "    import time; time.sleep(60)\n    schema = {")
    small.write("teams/weather/products/readings.py", slow)

    process = command(small, "run", READINGS, "--no-report")
    until(lambda: receiver.states() == [(READINGS, "START")], 60)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 128 + number, told
    assert receiver.states() == [(READINGS, "START"), (READINGS, "ABORT")]
    kept = small.workspace.catalog.events.events()
    assert [event.content["eventType"] for event in kept] == ["ABORT", "START"]
    assert small.workspace.catalog.deliveries.waiting() == []


LANDED_WHILE_LEAVING = """
import os, sys
from mesh.catalog.store import Catalog
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.openlineage.emission import abort_all
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from mesh.settings import load

Catalog.record = lambda *_: (abort_all(), os._exit(9))  # the commit has landed
settings = load(sys.argv[1])
workspace = Workspace.open(settings)
execute(load_organization(settings).product("weather.readings_v1"), workspace, Run("left"))
"""


def test_a_run_that_landed_after_it_was_told_to_be_aborted_is_told_to_be_complete(tmp_path):
    small = mesh_that_tells(tmp_path)
    script = [sys.executable, "-c", LANDED_WHILE_LEAVING, str(small.root)]
    assert subprocess.run(script, check=False, timeout=120).returncode == 9
    told = small.workspace.catalog.events
    assert [event.content["eventType"] for event in told.events()] == ["ABORT", "START"]

    run(small, 2)

    ends = by_run(event.content for event in told.events()).values()
    assert sorted(ends) == [["COMPLETE", "ABORT", "START"], ["COMPLETE", "START"]]
    assert small.workspace.catalog.emissions.open_runs() == []


def test_a_slow_and_a_dead_receiver_keep_no_event_from_a_quick_one(tmp_path, receiver):
    with receiving() as server:
        gone = server.url
    with receiving() as slow:
        slow.hangs.set()
        small = mesh_that_tells(
            tmp_path,
            receivers=[{"url": gone}, {"url": slow.url, "timeout": 3}, {"url": receiver.url}],
        )
        for number in range(3):
            run(small, number)
        assert slow.taken == []
        until(lambda: len(receiver.taken) == 6)
        assert slow.taken == []
        courier.drain()
    waiting = {item.waiting for item in small.workspace.catalog.deliveries.waiting()}
    assert waiting == {6}
