"""Several processes publish one product at once: whoever is told of success finds its rows."""

from dataclasses import replace

import pytest

import mesh
from mesh.catalog.receipts import publication_id
from mesh.reading import rejected_rows
from tests.behaviour.products import history_of, product, rows_of, state_of
from tests.behaviour.upkeep import remove_leftovers
from tests.faults.children import order_of
from tests.faults.publisher import MODES

ROUNDS = 4


def at_once(nursery, lake, told, run_ids, **data) -> list[dict]:
    """Let one process for each run publish at the same time, and hear all of them."""
    begun = []
    for number, run_id in enumerate(run_ids):
        mine = {name: value[number] for name, value in data.items()}
        begun.append(nursery.begin("publish", order_of(lake, told, run_id, **mine)))
    return [heard(nursery, child) for child in begun]


def heard(nursery, child) -> dict:
    """What became of a publication."""
    code, (said,) = nursery.await_end(child)
    assert code == 0
    return said


def is_data(path: str) -> bool:
    return path.endswith(".parquet") and not path.startswith("_delta_log/")


def assert_only_shown_files_lie_there(declared, lake) -> None:
    """Nothing was left behind, and nothing that a version shows is missing."""
    table = lake.table(declared.id)
    versions = range(table.version() + 1)
    shown = {file.path for version in versions for file in table.snapshot(version).files}
    assert {path for path in state_of(table)[2] if is_data(path)} == shown


@pytest.mark.parametrize("write", ["overwrite", "append", "upsert"])
def test_two_first_publications_at_once_both_land(disk, nursery, write):
    for number in range(ROUNDS):
        lake = replace(disk, url=f"{disk.url}/{number}")
        declared = product(write=MODES[write])
        rows = [[[1, "DE", 1.0]], [[2, "DE", 2.0]]]
        said = at_once(nursery, lake, {"write": write}, ["a", "b"], rows=rows)

        assert sorted(item["version"] for item in said) == [0, 1]
        assert history_of(declared, lake) == sorted((i["version"], i["run_id"]) for i in said)
        last = max(said, key=lambda item: item["version"])
        expected = 2 if write != "overwrite" else 1
        assert len(rows_of(declared, lake)) == expected
        if write == "overwrite":
            assert rows_of(declared, lake)[0][0] == {"a": 1, "b": 2}[last["run_id"]]
        assert_only_shown_files_lie_there(declared, lake)


@pytest.mark.parametrize("place", ["disk", "s3"])
def test_two_overwrites_at_once_leave_the_rows_of_one(disk, bucket, nursery, place):
    lake = disk if place == "disk" else bucket.lake()
    declared = product()
    acknowledged = []
    for number in range(ROUNDS):
        runs = [f"{number} a", f"{number} b"]
        spans = [[0, 100], [1_000, 1_100]]
        acknowledged += at_once(nursery, lake, {}, runs, numbers=spans)
        found = [row[0] for row in rows_of(declared, lake)]
        assert len(found) == 100
        assert min(found) // 1_000 == max(found) // 1_000

    assert history_of(declared, lake) == sorted((i["version"], i["run_id"]) for i in acknowledged)
    assert_only_shown_files_lie_there(declared, lake)


@pytest.mark.parametrize("place", ["disk", "s3"])
def test_one_publication_attempted_twice_at_once_lands_once(disk, bucket, nursery, place):
    lake = disk if place == "disk" else bucket.lake()
    declared = product(write=mesh.Append(), on_violation=mesh.Quarantine(0.5))
    told = {"write": "append", "tolerance": 0.5}
    for number in range(ROUNDS):
        rows = [[number, "DE", 1.0], [number + 1_000, "DE", -1.0], [number + 2_000, "DE", 1.0]]
        said = at_once(nursery, lake, told, [str(number)] * 2, rows=[rows, rows])

        assert [item["version"] for item in said] == [number, number]
        assert sum(item["is_repeated"] for item in said) == 1

    assert history_of(declared, lake) == [(number, str(number)) for number in range(ROUNDS)]
    assert len(rows_of(declared, lake)) == 2 * ROUNDS
    assert rejected_rows(declared.id, lake).collect().height == ROUNDS
    assert_only_shown_files_lie_there(declared, lake)


@pytest.mark.parametrize(("place", "write"), [("disk", "append"), ("s3", "upsert")])
def test_every_acknowledged_receipt_of_four_processes_is_in_the_history_once(
    disk, bucket, nursery, place, write
):
    lake = disk if place == "disk" else bucket.lake()
    declared = product(write=MODES[write])
    acknowledged = []
    for number in range(4):
        starts = [(number * 4 + child) * 10 for child in range(4)]
        spans = [[start, start + 10] for start in starts]
        runs = [f"from {start}" for start in starts]
        acknowledged += at_once(nursery, lake, {"write": write}, runs, numbers=spans)

    assert {item["says"] for item in acknowledged} == {"published"}
    assert not any(item["is_repeated"] for item in acknowledged)
    assert history_of(declared, lake) == sorted((i["version"], i["run_id"]) for i in acknowledged)
    assert [row[0] for row in sorted(rows_of(declared, lake))] == list(range(160))
    assert {item["publication"] for item in acknowledged} == {
        publication_id(str(declared.id), f"from {start}") for start in range(0, 160, 10)
    }
    assert_only_shown_files_lie_there(declared, lake)


def test_upserts_of_the_same_keys_at_once_leave_each_key_once(disk, nursery):
    declared = product(write=MODES["upsert"])
    for number in range(5):
        runs = [f"{number} {child}" for child in range(4)]
        spans = [[child * 5, child * 5 + 10] for child in range(4)]
        said = at_once(nursery, disk, {"write": "upsert"}, runs, numbers=spans)
        assert {item["says"] for item in said} == {"published"}

    assert [row[0] for row in sorted(rows_of(declared, disk))] == list(range(25))


def test_appends_of_one_key_at_once_admit_one_of_them(disk, nursery):
    declared = product(write=MODES["append"])
    for number in range(ROUNDS):
        rows = [[[number, "DE", 1.0]], [[number, "FR", 2.0]]]
        runs = [f"{number} a", f"{number} b"]
        said = at_once(nursery, disk, {"write": "append"}, runs, rows=rows)
        assert sorted(item["says"] for item in said) == ["published", "refused"]

    assert [row[0] for row in sorted(rows_of(declared, disk))] == list(range(ROUNDS))
    assert_only_shown_files_lie_there(declared, disk)


def test_replacements_of_different_partitions_at_once_all_land(disk, nursery):
    declared = product(write=MODES["replace"])
    told = {"write": "replace"}
    for number in range(5):
        rows = [[[child, f"C{child}", float(number)]] for child in range(4)]
        said = at_once(nursery, disk, told, [f"{number} {c}" for c in range(4)], rows=rows)
        assert {item["says"] for item in said} == {"published"}

    assert rows_of(declared, disk) == [(child, f"C{child}", 4.0) for child in range(4)]
    assert_only_shown_files_lie_there(declared, disk)


def test_cleaning_up_beside_publishers_takes_nothing_of_theirs(disk, nursery):
    declared = product(write=MODES["append"])
    for number in range(ROUNDS):
        runs = [f"{number} {child}" for child in range(2)]
        spans = [[number * 20 + child * 10, number * 20 + child * 10 + 10] for child in range(2)]
        told = [
            order_of(disk, {"write": "append"}, run_id, numbers=span)
            for run_id, span in zip(runs, spans, strict=True)
        ]
        begun = [nursery.begin("publish", order) for order in told]
        remove_leftovers(disk, [declared.id])
        said = [heard(nursery, child) for child in begun]
        assert {item["says"] for item in said} == {"published"}

    assert len(rows_of(declared, disk)) == ROUNDS * 20
