"""Events of any producer are taken, in any order, once; malformed ones are refused whole."""

import itertools
import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.model import NodeKind
from mesh.catalog.store import Catalog
from mesh.errors import UnknownProductError
from tests.catalog.events import (
    PRODUCER,
    at,
    dataset,
    fields,
    key,
    lineage_facet,
    pairs,
    run_event,
    symlinks,
)
from tests.catalog.factories import domain, product, receipt
from tests.shared_data import files

EVENTS = files("openlineage/events/*/*.json")
OBSERVATIONS = "weather.observations_v1"
TABLE = "/lake/dev/weather/observations/v1"
GOOD = run_event("COMPLETE", 1, inputs=["in"], outputs=["out"])


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_event_of_other_producers_is_taken(path, catalog):
    event = json.loads(path.read_text())

    assert catalog.events.take([event]).taken == 1
    assert catalog.events.take([event, event]).repeated == 2
    assert catalog.events.events()[0].content == event


def test_what_spark_reports_is_found_with_its_columns(catalog):
    events = [json.loads(path.read_text()) for path in EVENTS if path.parent.name == "CLL"]

    assert catalog.events.take(events).taken == len(events)

    target = catalog.events.dataset("/tmp/cll_test/tbl1")
    assert [column.name for column in target.columns] == ["a", "c", "d"] or target.columns
    up = catalog.lineage(target.key, "up")
    assert {node.kind for node in up.nodes} == {NodeKind.EXTERNAL}
    assert len(pairs(up)) == 2
    found = catalog.traces.follow([(target.key, c.name) for c in target.columns], "up")
    assert {edge.knowledge for edge in found.edges} == {"reported"}


def test_a_dataset_at_a_products_place_is_the_product(catalog):
    written = run_event("COMPLETE", 1, inputs=[dataset(f"{TABLE}/", "file")], outputs=["report"])
    catalog.register(domain("weather", product(OBSERVATIONS)))

    catalog.events.take([written])
    before = catalog.lineage(OBSERVATIONS, "down")
    catalog.record(receipt(OBSERVATIONS))
    after = catalog.lineage(OBSERVATIONS, "down")

    assert pairs(before) == set()
    assert pairs(after) == {(OBSERVATIONS, key("report"))}
    assert after.edges[0].jobs == ("spark#copy",)
    assert [item.key for item in catalog.events.datasets()] == [key("report")]


def test_the_other_way_round_it_is_the_product_at_once(catalog):
    catalog.register(domain("weather", product(OBSERVATIONS)))
    catalog.record(receipt(OBSERVATIONS))

    catalog.events.take(
        [run_event("COMPLETE", 1, inputs=["stations"], outputs=[dataset(TABLE, "file")])]
    )

    assert pairs(catalog.lineage(OBSERVATIONS, "up")) == {(key("stations"), OBSERVATIONS)}


@pytest.mark.parametrize("is_registered_first", [True, False])
def test_a_symlink_names_the_product(catalog, is_registered_first):
    known = dataset("hive.obs", symlinks=symlinks(("mesh", OBSERVATIONS)))
    steps = [
        lambda: catalog.register(domain("weather", product(OBSERVATIONS))),
        lambda: catalog.events.take([run_event("COMPLETE", 1, inputs=[known], outputs=["report"])]),
    ]
    for step in steps if is_registered_first else reversed(steps):
        step()

    assert pairs(catalog.lineage(OBSERVATIONS, "down")) == {(OBSERVATIONS, key("report"))}
    assert catalog.events.dataset("hive.obs").canonical == OBSERVATIONS


def test_symlinks_join_through_each_other_and_in_circles(catalog):
    chain = [
        dataset("a", symlinks=symlinks(("db", "b"))),
        dataset("b", symlinks=symlinks(("db", "c"))),
        dataset("c", symlinks=symlinks(("db", "a"))),
    ]
    catalog.events.take([run_event("COMPLETE", n, inputs=[d]) for n, d in enumerate(chain)])

    assert {catalog.events.dataset(name).canonical for name in "abc"} == {key("a")}
    assert [item.name for item in catalog.events.datasets()] == ["a"]


def test_two_products_are_never_one(catalog):
    catalog.register(domain("weather", product(OBSERVATIONS), product("weather.other_v1")))
    both = symlinks(("mesh", OBSERVATIONS), ("mesh", "weather.other_v1"))

    catalog.events.take([run_event("COMPLETE", 1, outputs=[dataset("x", symlinks=both)])])

    assert pairs(catalog.lineage(OBSERVATIONS, "down")) == set()


def test_a_rerun_replaces_what_its_job_reads_and_history_stays(catalog):
    catalog.events.take(
        [
            run_event("COMPLETE", 1, run="r1", inputs=["old", "both"], outputs=["out"]),
            run_event("COMPLETE", 9, run="r2", inputs=["both", "new"], outputs=["out"]),
        ]
    )

    assert pairs(catalog.lineage(key("out"), "up")) == {
        (key("both"), key("out")),
        (key("new"), key("out")),
    }
    assert [run.run_id for run in catalog.events.runs("spark#copy")] == ["r2", "r1"]
    assert catalog.events.jobs()[0].inputs == (key("both"), key("new"))


def test_a_run_that_failed_takes_nothing_away(catalog):
    catalog.events.take(
        [
            run_event("COMPLETE", 1, run="r1", inputs=["a"], outputs=["out"]),
            run_event("START", 8, run="r2", inputs=["a"]),
            run_event("FAIL", 9, run="r2", inputs=["a"]),
        ]
    )

    assert pairs(catalog.lineage(key("out"), "up")) == {(key("a"), key("out"))}


@pytest.mark.parametrize(
    "missing", [{}, {"inputs": None, "outputs": None}, {"inputs": [], "outputs": []}]
)
def test_an_event_that_leaves_out_what_its_run_reads_takes_nothing_away(catalog, missing):
    bare = {k: v for k, v in run_event("COMPLETE", 9, run="r1").items() if k[-3:] != "puts"}
    told = run_event("RUNNING", 1, run="r1", inputs=["a"], outputs=["out"])

    assert catalog.events.take([told, bare | missing]).taken == 2

    assert pairs(catalog.lineage(key("out"), "up")) == {(key("a"), key("out"))}


def test_a_start_that_comes_late_does_not_open_a_run_again(catalog):
    catalog.events.take([run_event("COMPLETE", 5), run_event("RUNNING", 3)])
    catalog.events.take([run_event("START", 1)])

    (run,) = catalog.events.runs("spark#copy")
    assert run.state == "COMPLETE"
    assert (run.started_at.minute, run.ended_at.minute) == (1, 5)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_a_run_by_several_names_is_a_run_of_each_whatever_name_comes_first(order, tmp_path):
    told = [
        run_event("START", 1, job="b", inputs=["in"]),
        run_event("RUNNING", 2, job="c", odd={"is": 1}),
        run_event("COMPLETE", 3, job="a", outputs=["out"]),
    ]
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        for number in order:
            catalog.events.take([told[number]])

        found = [(job.name, job.inputs, job.outputs) for job in catalog.events.jobs()]
        (run,) = catalog.events.runs("spark#a")
        (edge,) = catalog.lineage(key("out"), "up").edges

    assert found == [(name, (key("in"),), (key("out"),)) for name in "abc"]
    assert (run.state, run.facets) == ("COMPLETE", {"odd": {"is": 1}})
    assert edge.jobs == ("spark#a", "spark#b", "spark#c")


def test_counts_that_grow_while_a_run_runs_are_not_added_up(catalog):
    def so_far(state, minute, rows):
        statistics = {"outputStatistics": {"rowCount": rows}}
        return run_event(state, minute, outputs=[dataset("out", outputFacets=statistics)])

    catalog.events.take([so_far("COMPLETE", 3, 30), so_far("RUNNING", 1, 10)])
    catalog.events.take([so_far("RUNNING", 2, 20), so_far("COMPLETE", 3, 30)])

    (run,) = catalog.events.runs("spark#copy")
    assert run.uses == (("out", key("out"), {"outputStatistics": {"rowCount": 30}}),)


def test_facets_are_merged_by_their_time_and_unknown_ones_are_kept(catalog):
    new = dataset("t", schema=fields("a", "b"), odd={"anything": [1, {"x": None}]})
    old = dataset("t", schema=fields("a"), documentation={"description": "What it is."})
    gone = dataset("t", odd={"_deleted": True})
    catalog.events.take([run_event("RUNNING", 5, outputs=[new])])
    catalog.events.take([run_event("START", 1, outputs=[old])])

    found = catalog.events.dataset("t")
    assert [column.name for column in found.columns] == ["a", "b"]
    assert found.description == "What it is."
    assert found.facets["odd"] == {"anything": [1, {"x": None}]}

    catalog.events.take([run_event("COMPLETE", 9, outputs=[gone])])
    assert "odd" not in catalog.events.dataset("t").facets


def test_what_is_said_again_is_kept_with_when_it_was_last_said(stored_catalog, catalog_url):
    said = {"schema": fields("a"), "columnLineage": lineage_facet(a=("in", "x", "IDENTITY"))}
    for minute in (1, 2):
        event = run_event("COMPLETE", minute, run=f"r{minute}", outputs=[dataset("out", **said)])
        stored_catalog.events.take([event])
    said["columnLineage"] = lineage_facet(a=("in", "y", "IDENTITY"))
    database = Database(catalog_url)
    seen = select(schema.column_edges.c.upstream_column, schema.column_edges.c.seen_at)
    with database.reading() as connection:
        assert connection.execute(seen).all() == [("x", datetime.fromisoformat(at(2)))]
    stored_catalog.events.take([run_event("COMPLETE", 3, outputs=[dataset("out", **said)])])
    with database.reading() as connection:
        assert connection.execute(seen).all() == [("y", datetime.fromisoformat(at(3)))]
    database.close()
    assert [column.name for column in stored_catalog.events.dataset("out").columns] == ["a"]


def test_older_words_of_column_lineage_are_understood(catalog):
    older = {
        "fields": {
            "same": {
                "inputFields": [{"namespace": "db", "name": "in", "field": "x"}],
                "transformationType": "IDENTITY",
            },
            "hidden": {
                "inputFields": [{"namespace": "db", "name": "in", "field": "y"}],
                "transformationType": "MASKED",
            },
        },
        "dataset": [{"namespace": "db", "name": "in", "field": "z"}],
    }
    catalog.events.take([run_event("COMPLETE", 1, outputs=[dataset("out", columnLineage=older)])])

    found = catalog.traces.follow([(key("out"), "")], "up").edges
    assert {(e.downstream_column, e.upstream_column, str(e.kind), e.is_masking) for e in found} == {
        ("same", "x", "IDENTITY", False),
        ("hidden", "y", "TRANSFORMATION", True),
        ("", "z", "CONDITIONAL", False),
    }


def test_events_without_a_run_are_taken(catalog):
    base = {"eventTime": at(1), "producer": PRODUCER, "schemaURL": "x"}
    job = {"namespace": "airflow", "name": "daily"}
    taken = catalog.events.take(
        [
            {**base, "dataset": dataset("alone", schema=fields("a"))},
            {**base, "job": job, "inputs": [dataset("alone")], "outputs": [dataset("made")]},
        ]
    )

    assert taken.taken == 2
    assert pairs(catalog.lineage(key("made"), "up")) == {(key("alone"), key("made"))}


def test_an_unknown_dataset_is_answered_with_near_names(catalog):
    catalog.events.take([GOOD])

    with pytest.raises(UnknownProductError) as caught:
        catalog.events.dataset("db#outt")
    assert "db#out" in caught.value.hint


def test_events_and_datasets_are_read_page_by_page(catalog):
    catalog.events.take(
        [run_event("COMPLETE", n, run=f"r{n}", outputs=[f"t{n}"]) for n in range(7)]
    )

    pages, after = [], ""
    while page := catalog.events.events(3, after):
        pages.append(page)
        after = page[-1].id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len({event.id for page in pages for event in page}) == 7
    first = catalog.events.datasets(4)
    assert [d.name for d in [*first, *catalog.events.datasets(4, first[-1].key)]] == [
        f"t{n}" for n in range(7)
    ]


SCENES = [
    run_event("START", 1, inputs=[dataset("in", schema=fields("x"))]),
    run_event("RUNNING", 2, outputs=[dataset("out", columnLineage=lineage_facet(a=("in", "x", "IDENTITY")))]),
    run_event("COMPLETE", 3, inputs=["in"], outputs=[dataset("out", schema=fields("a", "b"), columnLineage=lineage_facet(b=("in", "x", "AGGREGATION")))]),
    run_event("COMPLETE", 5, run="r2", inputs=["other"], outputs=["out"], parent={"run": {"runId": "p"}}),
    run_event("FAIL", 7, run="r3", inputs=["third"], outputs=["out"]),
    run_event("OTHER", 3, job="second", run="s1", inputs=[dataset("out", symlinks=symlinks(("hive", "out")))], outputs=[dataset("hive.copy", symlinks=symlinks(("mesh", OBSERVATIONS)))]),
    run_event("COMPLETE", 3, job="second", run="s1", inputs=[dataset("out", schema=fields("c"))]),
    run_event("START", 4, job="renamed", run="n1", inputs=["in"]),
    run_event("RUNNING", 5, job="a-name", run="n1", inputs=["other"], outputs=["renamed.out"]),
    run_event("COMPLETE", 6, job="name", run="n1", inputs=["third"]),
    run_event("COMPLETE", 8, job="name", run="n2", inputs=["in"], outputs=["renamed.out"]),
]  # fmt: skip


def snapshot(url):
    """Every row that events made, without when they were received."""
    tables = (
        schema.jobs,
        schema.job_runs,
        schema.run_datasets,
        schema.job_datasets,
        schema.datasets,
        schema.dataset_columns,
        schema.column_edges,
    )
    database = Database(url)
    try:
        with database.reading() as connection:
            return {
                table.name: sorted(
                    json.dumps(dict(row), default=str, sort_keys=True)
                    for row in connection.execute(select(table)).mappings()
                )
                for table in tables
            }
    finally:
        database.close()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_order_and_repetition_of_events_makes_the_same_catalog(tmp_path, data):
    numbers = itertools.count()

    def after(events, cuts):
        url = f"sqlite:///{tmp_path / f'{next(numbers)}-{id(events)}.db'}"
        with Catalog.open(url) as catalog:
            catalog.register(domain("weather", product(OBSERVATIONS)))
            for batch in (events[a:b] for a, b in itertools.pairwise([0, *cuts, len(events)])):
                catalog.events.take(batch)
        return snapshot(url)

    events = data.draw(st.permutations([*SCENES, *data.draw(st.lists(st.sampled_from(SCENES)))]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4)))

    assert after(events, cuts) == after(SCENES, [])
