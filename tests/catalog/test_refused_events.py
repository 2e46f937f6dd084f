"""Events that are malformed, enormous, hostile or from the future: refused whole, or taken as they are."""

import copy
from datetime import UTC, datetime

import pytest

from mesh.catalog.reported.event import MOST_BYTES
from tests.catalog.events import at, dataset, fields, run_event

GOOD = run_event("COMPLETE", 1, inputs=["in"], outputs=["out"])


def broken(path, value):
    event = copy.deepcopy(GOOD)
    *above, last = path
    target = event
    for step in above:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return event


@pytest.mark.parametrize(
    ("event", "paths"),
    [
        ([], [""]),
        ("text", [""]),
        (None, [""]),
        (broken(["eventTime"], None), ["eventTime"]),
        (broken(["eventTime"], "yesterday"), ["eventTime"]),
        (broken(["eventTime"], 17), ["eventTime"]),
        (broken(["eventTime"], "0001-01-01T00:00:00+14:00"), ["eventTime"]),
        (broken(["eventTime"], "2026-03-01T12:00:00+25:00"), ["eventTime"]),
        (broken(["eventTime"], "2026-03-01T12:00:00 Europe/Berlin"), ["eventTime"]),
        (broken(["eventType"], "EXPLODE"), ["eventType"]),
        (broken(["run", "runId"], None), ["run.runId"]),
        (broken(["run"], []), ["run", "run.runId"]),
        (broken(["job"], None), ["job"]),
        (broken(["job", "name"], "  "), ["job.name"]),
        (broken(["job", "name"], "a\0b"), ["job.name"]),
        (broken(["job", "name"], "\ud800"), ["job.name"]),
        (broken(["inputs"], "in"), ["inputs"]),
        (broken(["inputs", 0, "name"], "x" * 10_000), ["inputs[0].name"]),
        (broken(["inputs", 0, "facets"], []), ["inputs[0].facets"]),
        (broken(["outputs", 0], 7), ["outputs[0]"]),
        ({"eventTime": at(1)}, [""]),
        ({}, ["eventTime", ""]),
        (broken(["job", "name"], 3) | {"eventTime": "?"}, ["eventTime", "job.name"]),
    ],
)
def test_a_malformed_event_is_refused_whole_with_every_problem(event, paths, catalog):
    taken = catalog.events.take([event, GOOD])

    assert taken.taken == 1
    (refused,) = taken.refused
    assert refused.index == 0
    assert sorted(problem.where for problem in refused.problems) == sorted(paths)
    assert all(problem.what for problem in refused.problems)


def test_an_enormous_event_and_one_nested_without_end_are_refused(stored_catalog):
    big = run_event("START", 1, huge={"text": "x" * MOST_BYTES})
    deep = current = {}
    for _ in range(100_000):
        current["a"] = current = {}
    nested = run_event("START", 1, deep=deep)

    taken = stored_catalog.events.take([big, nested, GOOD])

    assert (taken.taken, len(taken.refused)) == (1, 2)
    while deep:  # or Python's own garbage collector would run out of stack
        deep = deep.pop("a", None)


def test_a_time_in_the_future_does_not_win_for_ever(catalog):
    soon = run_event("RUNNING", 1, outputs=[dataset("t", schema=fields("wrong"))])
    soon["eventTime"] = "2999-01-01T00:00:00Z"
    catalog.events.take([soon])
    later = run_event("COMPLETE", 1, outputs=[dataset("t", schema=fields("right"))])
    later["eventTime"] = datetime.now(UTC).isoformat()

    catalog.events.take([later])

    assert [column.name for column in catalog.events.dataset("t").columns] == ["right"]


@pytest.mark.parametrize(
    ("said", "hour"),
    [
        ("2026-03-01T12:00:00Z", 12),
        ("2026-03-01T12:00:00.123456789Z", 12),
        ("2026-03-01T12:00:00+02:00", 10),
        ("2026-03-01T12:00:00", 12),
    ],
)
def test_times_are_brought_to_utc(catalog, said, hour):
    catalog.events.take([GOOD | {"eventTime": said}])

    assert catalog.events.events()[0].event_time.hour == hour


def test_hostile_names_and_facets_are_kept_as_they_are(catalog):
    name = "'; DROP TABLE datasets; -- <script>alert(1)</script> 💥 \u202e"
    printable = name.replace("\u202e", "")
    odd = dataset(
        printable,
        documentation={"description": "a\0b\ud800"},
        schema={"fields": [{"name": "x" * 500}, {"name": 7}, "no", {"name": "ok", "type": None}]},
        symlinks={"identifiers": [{"namespace": 1}, "x", {"namespace": "n", "name": ""}]},
        ownership={"owners": "nobody"},
        columnLineage={"fields": {"a": 1, "b": {"inputFields": [{}, None]}}, "dataset": "x"},
    )

    assert catalog.events.take([run_event("COMPLETE", 1, outputs=[odd])]).taken == 1

    found = catalog.events.dataset(printable)
    assert [column.name for column in found.columns] == ["7", "ok"]
    assert found.description == "a\N{REPLACEMENT CHARACTER}b?"
