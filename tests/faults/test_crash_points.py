"""`kill -9` at every step of a publication: the old table or the new one, and a retry that lands once.

Each test takes one kind of publication, and lets a process die at each step that it passes, first
and last, every time on the same table as it was before.
"""

import os
import shutil
import signal
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from threading import Event
from typing import Any
from urllib.parse import unquote

import pytest

from mesh.catalog.sync import sync
from mesh.lake import Lake
from mesh.orchestration.execution import Run, execute
from mesh.products.collection import load_organization
from mesh.publishing import publish, receipts_in
from mesh.reading import rejected_rows
from tests.behaviour.products import history_of, rows_of, state_of
from tests.behaviour.proxy import Answer, proxied
from tests.behaviour.upkeep import remove_leftovers
from tests.faults.children import order_of
from tests.faults.publisher import declared, numbered
from tests.faults.publisher import rows_of as told_rows
from tests.faults.retirer import home, publish_ended
from tests.faults.steps import STEPS, occurrences
from tests.faults.test_replays import prepared
from tests.faults.test_replays import told as told_of_replay
from tests.orchestration.small_mesh import SmallMesh

OLD, NEW = (0, 60), (30, 90)
AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Kind:
    """A kind of publication, and what its table holds before and after."""

    write: str
    is_first: bool = False
    is_noted: bool = False
    has_rejects: bool = False

    @property
    def before(self) -> dict[str, Any]:
        """What was declared of the product before."""
        layout = {"partition_by": ["country"]} if self.write == "replace" else {}
        return {"write": self.write, **layout}

    @property
    def after(self) -> dict[str, Any]:
        """What is declared of the product now."""
        tolerance = {"tolerance": 0.5} if self.has_rejects else {}
        return {**self.before, **tolerance, "is_noted": self.is_noted}

    def told(self, lake: Lake, run_id: str = "new") -> dict[str, Any]:
        """The publication that dies. One worker, so that it takes the same steps every time."""
        span = (60, 90) if self.write == "append" else NEW
        rows: list[list[Any]] = [[n, f"C{n % 3}", 1.0] for n in range(*span)]
        rows += [[1_000, "C0", -1.0], [1_001, "C1", -2.0]] if self.has_rejects else []
        return order_of(lake, self.after, run_id, rows=rows, workers=1, batch_rows=40)

    def publish_old(self, lake: Lake) -> None:
        """Make the table as it was before."""
        if not self.is_first:
            publish(declared(self.before), numbered(*OLD), lake=lake, run_id="old")

    @property
    def keys(self) -> dict[bool, set[int]]:
        """The keys of the table, by whether the publication has landed."""
        old = set() if self.is_first else set(range(*OLD))
        kept = old if self.write in {"append", "upsert"} else set()
        return {False: old, True: kept | set(range(*NEW))}


KINDS = {
    "a first publication": Kind("overwrite", is_first=True, has_rejects=True),
    "overwrite": Kind("overwrite", has_rejects=True),
    "append with a new column": Kind("append", is_noted=True, has_rejects=True),
    "replace partitions": Kind("replace", has_rejects=True),
    "upsert with a new column": Kind("upsert", is_noted=True, has_rejects=True),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def assert_whole(kind: Kind, lake: Lake, at: tuple[str, int] | str) -> None:
    """The table is the old or the new version; the retry publishes once; leftovers go."""
    product = declared(kind.after)
    table = lake.table(product.id)
    has_landed = (
        ("new" in {run for _, run in history_of(product, lake)}) if table.exists() else False
    )
    found = {row[0] for row in rows_of(product, lake)} if table.exists() else set()
    assert found == kind.keys[has_landed], at
    if not isinstance(at, str):
        assert has_landed is (at[0] == "after the commit"), at

    told = kind.told(lake)
    retried = publish(product, told_rows(told, ""), lake=lake, run_id="new")
    assert retried.is_repeated is has_landed, at
    assert [run for _, run in history_of(product, lake)] == (
        ["new"] if kind.is_first else ["old", "new"]
    )
    numbers = [row[0] for row in rows_of(product, lake)]
    assert len(numbers) == len(set(numbers)), at
    assert set(numbers) == kind.keys[True], at
    assert sorted(rejected_rows(product.id, lake).collect()["order_id"]) == [1_000, 1_001], at

    remove_leftovers(lake, [product.id], older_than=AT_ONCE)
    for kept in (table, lake.quarantine(product.id)):
        shown = {file.path for v in range(kept.version() + 1) for file in kept.snapshot(v).files}
        assert {path for path in state_of(kept)[2] if path.endswith(".parquet")} == shown, at
    assert {row[0] for row in rows_of(product, lake)} == kind.keys[True], at


@every_kind
def test_a_publication_that_is_killed_at_any_step_is_whole_or_not_there(
    nursery, tmp_path, kind, figures
):
    prepared = tmp_path / "prepared"
    kind.publish_old(Lake(str(prepared)))
    prepared.mkdir(exist_ok=True)
    shutil.copytree(prepared, tmp_path / "traced")
    points = occurrences(nursery.steps("publish", kind.told(Lake(str(tmp_path / "traced")))))
    for number, at in enumerate(points):
        folder = tmp_path / str(number)
        shutil.copytree(prepared, folder)
        lake = Lake(str(folder))
        nursery.killed("publish", kind.told(lake), at)
        assert_whole(kind, lake, at)
        shutil.rmtree(folder)
    figures.add("crashes at a named step", len(points))


@pytest.fixture
def small(tmp_path):
    made = SmallMesh.at(tmp_path)
    made.write("teams/organization.yaml", "name: Small\ndomains: [weather]\n")
    shutil.rmtree(tmp_path / "teams" / "reports")
    (tmp_path / "teams" / "weather" / "products" / "stations.py").unlink()
    return made


CATALOG_STEPS = [
    ("before the record", 1),
    ("in the record's transaction", 1),
    ("after the record", 1),
]


@pytest.mark.parametrize("way", ["sync", "the same run", "the next run"])
@pytest.mark.parametrize("at", CATALOG_STEPS, ids=[name for name, _ in CATALOG_STEPS])
def test_the_catalog_agrees_again_whenever_the_run_was_killed(nursery, small, at, way, figures):
    nursery.killed("run", {"root": str(small.root), "run_id": "killed"}, at)
    workspace = small.workspace
    (product,) = load_organization(small.settings).products.values()
    assert workspace.lake.table(product.id).version() == 0
    known = workspace.catalog.latest_receipt(str(product.id))
    assert (known is not None) == (at[0] == "after the record")

    if way == "sync":
        assert sync(workspace.catalog, workspace.lake, [product.id]).recorded == int(known is None)
    else:
        run_id = "killed" if way == "the same run" else "another"
        assert execute(product, workspace, Run(run_id)).is_repeated is (run_id == "killed")
    assert workspace.catalog.receipts(str(product.id)) == list(
        receipts_in(workspace.lake.table(product.id))
    )
    figures.add("crashes at a named step", 1)


def test_every_step_that_has_a_name_is_taken_by_a_publication_that_dies_in_these_tests(
    nursery, small, tmp_path
):
    taken = set(nursery.steps("run", {"root": str(small.root), "run_id": "run"}))
    for name, kind in KINDS.items():
        lake = Lake(str(tmp_path / name))
        kind.publish_old(lake)
        taken |= set(nursery.steps("publish", kind.told(lake)))
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    prepared(waiting, "append")
    taken |= set(nursery.steps("replay", told_of_replay(waiting, "append")))
    ending = tmp_path / "ending"
    ending.mkdir()
    publish_ended(ending)
    taken |= set(nursery.steps("retire", {**home(ending), "by": "ada"}))
    assert taken == set(STEPS)


CHANGING = {"PUT", "POST", "DELETE"}
"""Requests that change a store."""
IN_A_BUCKET = pytest.mark.parametrize(
    "kind",
    [KINDS["a first publication"], KINDS["upsert with a new column"]],
    ids=["first", "upsert"],
)


@IN_A_BUCKET
def test_between_any_two_changes_of_a_bucket_lies_a_step_with_a_name(nursery, bucket, kind):
    lake = bucket.lake()
    kind.publish_old(lake)
    seen: list[str] = []

    def listen(request, ask):
        if request.path.startswith("/__step__/"):
            seen.append(unquote(request.path.removeprefix("/__step__/")))
            return Answer(200)
        if (
            request.method in CHANGING
            and "_mesh_probe" not in request.path
            and "?delete" not in request.path
        ):
            seen.append(request.method)
        return ask(request)

    with proxied(bucket.endpoint, listen) as endpoint:
        far = Lake(lake.url, {**lake.options, "aws_endpoint_url": endpoint})
        child = nursery.begin("publish", kind.told(far), report=endpoint)
        assert nursery.await_end(child)[0] == 0

    assert sum(what in CHANGING for what in seen) >= 5
    assert not [
        seen[max(n - 2, 0) : n + 2] for n, pair in enumerate(pairwise(seen)) if {*pair} <= CHANGING
    ]
    assert {seen[0], seen[-1]} <= set(STEPS)


class Killing:
    """Kills whoever sends the n-th request that changes the store, once it has landed.

    For the store that is the same as before the next one is sent.
    """

    def strike_at(self, number: int) -> None:
        """From now on count anew."""
        self.left = number
        self.pid = 0
        self.is_known = Event()
        self.struck = ""

    def __call__(self, request, ask) -> Answer:
        if self.struck:
            return Answer(500, is_lost=True)
        if request.method not in CHANGING or (left := self.left) < 0:
            return ask(request)
        self.left = left - 1
        if left:
            return ask(request)
        self.struck = f"{request.method} {request.path}"
        ask(request)
        self.is_known.wait(10)
        os.kill(self.pid, signal.SIGKILL)
        return Answer(500, is_lost=True)


def test_killed_when_any_request_has_landed_unheard_it_is_whole_or_not_there(
    nursery, bucket, figures
):
    kind = KINDS["upsert with a new column"]
    killing = Killing()
    with proxied(bucket.endpoint, killing) as endpoint:
        for number in range(40):
            lake = bucket.lake()
            kind.publish_old(lake)
            killing.strike_at(number)
            far = Lake(lake.url, {**lake.options, "aws_endpoint_url": endpoint})
            child = nursery.begin("publish", kind.told(far))
            killing.pid = nursery.pid(child)
            killing.is_known.set()
            code, said = nursery.await_end(child)
            if not killing.struck:
                assert (code, said[0]["says"]) == (0, "published")
                break
            assert code == -signal.SIGKILL
            assert_whole(kind, lake, killing.struck)
    assert number >= 9
    figures.add("crashes with a request to the store under way", number)
