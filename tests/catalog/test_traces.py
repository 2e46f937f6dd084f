"""Columns are followed from product to product, to any depth, by what is known of each."""

import pytest
from sqlalchemy import insert

from mesh.catalog import schema
from mesh.catalog.derivation import Derivation
from mesh.catalog.traced import ColumnEdge, Knowledge, Tracing
from mesh.naming import DatasetName
from tests.catalog.factories import NOON, domain, product


def edge(upstream, downstream, kind="IDENTITY", knowledge=Knowledge.FOUND):
    """`a.x` to `b.y`; a downstream without column is about its rows."""
    source, column = upstream.split(".")
    target, _, made = downstream.partition(".")
    return ColumnEdge(source, column, target, made, Derivation(kind), knowledge)


def traced(catalog, *edges, unknown=None):
    by_product = {}
    for item in edges:
        by_product.setdefault(item.downstream, []).append(item)
    catalog.traces.record(
        [
            Tracing(name, "1", tuple(sorted(found)), ("x",), (unknown or {}).get(name, ""))
            for name, found in by_product.items()
        ]
    )


def reached(found):
    return {f"{dataset}.{column}": depth for (dataset, column), depth in found.depths.items()}


def test_a_tracing_is_kept_and_replaced_as_a_whole(catalog):
    first = Tracing("b", "1", (edge("a.x", "b.x"), edge("a.y", "b", "FILTER")), ("x",), "why not")
    catalog.traces.record([first])
    assert catalog.traces.of("b") == first

    second = Tracing("b", "2", (edge("a.z", "b.x", "AGGREGATION"),), ("x",))
    catalog.traces.record([second])

    assert catalog.traces.of("b") == second
    assert catalog.traces.digests() == {"b": "2"}
    assert catalog.traces.of("nobody") is None


def test_columns_are_followed_up_and_down(catalog):
    traced(catalog, edge("a.x", "b.y"), edge("b.y", "c.z", "AGGREGATION"), edge("b.other", "c.z2"))

    up = catalog.traces.follow([("c", "z")], "up")
    down = catalog.traces.follow([("a", "x")], "down")

    assert reached(up) == {"c.z": 0, "b.y": 1, "a.x": 2}
    assert reached(down) == {"a.x": 0, "b.y": 1, "c.z": 2}
    assert set(up.edges) == set(down.edges)
    assert up.datasets == ("b", "a")


@pytest.mark.parametrize(("depth", "count"), [(0, 1), (1, 2), (3, 4), (None, 60)])
def test_depth_counts_steps(catalog, depth, count):
    traced(catalog, *(edge(f"p{n}.x", f"p{n + 1}.x") for n in range(59)))

    assert len(catalog.traces.follow([("p0", "x")], "down", depth).depths) == count
    assert len(catalog.traces.follow([("p59", "x")], "up", depth).depths) == count


def test_diamonds_are_met_once_and_circles_end(catalog):
    traced(
        catalog,
        *(edge("top.x", f"{side}.x") for side in ("west", "east")),
        *(edge(f"{side}.x", "bottom.x") for side in ("west", "east")),
        edge("bottom.x", "top.x"),
    )

    found = catalog.traces.follow([("top", "x")], "down")

    assert reached(found) == {"top.x": 0, "east.x": 1, "west.x": 1, "bottom.x": 2}
    assert len(found.edges) == 5


def test_what_decides_about_rows_counts_for_every_column(catalog):
    traced(catalog, edge("a.x", "b.x"), edge("a.when", "b", "FILTER"), edge("b.x", "c.x"))

    up = catalog.traces.follow([("c", "x")], "up")
    down = catalog.traces.follow([("a", "when")], "down")

    assert reached(up) == {"c.x": 0, "b.x": 1, "a.x": 2, "a.when": 2}
    assert reached(down) == {"a.when": 0, "b.": 1, "c.x": 2}


def test_only_values_may_be_followed(catalog):
    traced(
        catalog,
        edge("a.x", "b.x"),
        edge("a.when", "b", "FILTER"),
        edge("a.flag", "b.x", "CONDITIONAL"),
    )

    found = catalog.traces.follow([("b", "x")], "up", through="direct")

    assert reached(found) == {"b.x": 0, "a.x": 1}


def test_whoever_cannot_be_traced_is_named_with_the_reason(catalog):
    catalog.register(domain("shop", product("shop.a_v1"), product("shop.b_v1", a="shop.a_v1")))
    catalog.traces.record([Tracing("shop.b_v1", "1", unknown="it looks at rows itself")])

    down = catalog.traces.follow([("shop.a_v1", "origin")], "down")
    up = catalog.traces.follow([("shop.b_v1", "origin")], "up")

    assert down.unknown == up.unknown == {"shop.b_v1": "it looks at rows itself"}


def test_a_dataset_that_turned_out_to_be_a_product_is_walked_as_the_product(
    stored_catalog, database
):
    key = DatasetName("s3://lake", "dev/a").key
    with database.writing() as connection:
        connection.execute(
            insert(schema.datasets).values(
                key=key,
                namespace="s3://lake",
                name="dev/a",
                canonical="a",
                kind="",
                description="",
                owners=[],
                tags=[],
                facets={},
                first_seen=NOON,
                last_seen=NOON,
            )
        )
        connection.execute(
            insert(schema.column_edges).values(
                downstream="file#/out",
                downstream_column="y",
                upstream=key,
                upstream_column="x",
                kind="IDENTITY",
                origin="reported",
                job="spark#copy",
                is_direct=True,
                is_masking=False,
                seen_at=NOON,
            )
        )
    traced(stored_catalog, edge("source.x", "a.x"))

    down = stored_catalog.traces.follow([("source", "x")], "down")
    up = stored_catalog.traces.follow([("file#/out", "y")], "up")

    assert reached(down) == {"source.x": 0, "a.x": 1, "file#/out.y": 2}
    assert reached(up) == {"file#/out.y": 0, "a.x": 1, "source.x": 2}
    assert {item.knowledge for item in down.edges} == {Knowledge.FOUND, Knowledge.REPORTED}


def test_a_wide_level_is_followed_whole(catalog):
    traced(catalog, *(edge("a.x", f"b{n}.x") for n in range(1_500)))
    traced(catalog, *(edge(f"b{n}.x", f"c{n}.x") for n in range(1_500)))

    found = catalog.traces.follow([("a", "x")], "down")

    assert len(found.depths) == 3_001
