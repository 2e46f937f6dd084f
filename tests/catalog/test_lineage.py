"""Lineage follows what is declared and what was used, to any depth, with exact versions."""

import pytest

from mesh.catalog.model import LineageEdge, NodeKind
from mesh.catalog.receipts import InputVersion, Reading
from mesh.errors import UnknownProductError
from mesh.products.ports import Input
from tests.catalog.factories import contract, domain, product, receipt


def register_chain(catalog, length):
    """`chain.p0_v1` feeds `chain.p1_v1`, and so on."""
    products = [product("chain.p0_v1")]
    products += [product(f"chain.p{n}_v1", before=f"chain.p{n - 1}_v1") for n in range(1, length)]
    catalog.register(domain("chain", *products))


def names(lineage):
    return {node.product: node.depth for node in lineage.nodes}


def pairs(lineage):
    return {(edge.upstream, edge.downstream) for edge in lineage.edges}


def test_a_product_by_itself_has_only_itself(catalog):
    catalog.register(domain("weather", product("weather.observations_v1")))
    for direction in ("up", "down"):
        lineage = catalog.lineage("weather.observations_v1", direction)
        assert names(lineage) == {"weather.observations_v1": 0}
        assert lineage.edges == ()


def test_lineage_goes_up_and_down_to_any_depth(catalog):
    register_chain(catalog, 60)
    up = catalog.lineage("chain.p59_v1", "up")
    assert names(up) == {f"chain.p{n}_v1": 59 - n for n in range(60)}
    assert pairs(up) == {(f"chain.p{n - 1}_v1", f"chain.p{n}_v1") for n in range(1, 60)}
    down = catalog.lineage("chain.p0_v1", "down")
    assert names(down) == {f"chain.p{n}_v1": n for n in range(60)}
    assert pairs(down) == pairs(up)
    assert [node.depth for node in up.nodes] == sorted(node.depth for node in up.nodes)


@pytest.mark.parametrize(("depth", "reached"), [(0, 1), (1, 2), (2, 3), (99, 5)])
def test_depth_counts_steps(catalog, depth, reached):
    register_chain(catalog, 5)
    lineage = catalog.lineage("chain.p4_v1", "up", depth)
    assert len(lineage.nodes) == reached
    assert len(lineage.edges) == reached - 1


def test_a_diamond_is_met_once_and_has_all_its_edges(catalog):
    catalog.register(
        domain(
            "d",
            product("d.top_v1"),
            product("d.west_v1", top="d.top_v1"),
            product("d.east_v1", top="d.top_v1"),
            product("d.bottom_v1", left="d.west_v1", right="d.east_v1", top="d.top_v1"),
        )
    )
    edges = {
        ("d.top_v1", "d.west_v1"),
        ("d.top_v1", "d.east_v1"),
        ("d.top_v1", "d.bottom_v1"),
        ("d.west_v1", "d.bottom_v1"),
        ("d.east_v1", "d.bottom_v1"),
    }
    up = catalog.lineage("d.bottom_v1", "up")
    assert names(up) == {"d.bottom_v1": 0, "d.west_v1": 1, "d.east_v1": 1, "d.top_v1": 1}
    assert pairs(up) == edges
    assert len(up.edges) == len(edges)
    down = catalog.lineage("d.top_v1", "down")
    assert pairs(down) == edges
    assert len(down.edges) == len(edges)
    assert {edge.upstream for edge in up.into("d.bottom_v1")} == set(names(up)) - {"d.bottom_v1"}
    assert {edge.downstream for edge in down.out_of("d.west_v1")} == {"d.bottom_v1"}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_cycle_ends(catalog, direction):
    catalog.register(
        domain(
            "c",
            product("c.one_v1", three="c.three_v1"),
            product("c.two_v1", one="c.one_v1"),
            product("c.three_v1", two="c.two_v1", itself="c.three_v1"),
        )
    )
    lineage = catalog.lineage("c.one_v1", direction)
    assert set(names(lineage)) == {"c.one_v1", "c.two_v1", "c.three_v1"}
    assert pairs(lineage) == {
        ("c.three_v1", "c.one_v1"),
        ("c.one_v1", "c.two_v1"),
        ("c.two_v1", "c.three_v1"),
        ("c.three_v1", "c.three_v1"),
    }


def test_an_edge_tells_ports_columns_and_exact_versions(catalog):
    catalog.register(domain("weather", product("weather.observations_v1")))
    catalog.register(
        domain(
            "punctuality",
            product(
                "punctuality.departures_v1",
                now=Input("weather.observations_v1", ["origin"]),
                before=Input("weather.observations_v1", ["speed"]),
            ),
        )
    )
    for version, seen in ((0, 4), (1, 4), (2, 9)):
        uses = [
            InputVersion("weather.observations_v1", seen, "now", ("origin",)),
            InputVersion("weather.observations_v1", seen, "before", ("speed",)),
        ]
        catalog.record(receipt("punctuality.departures_v1", version, uses))
    catalog.record(receipt("weather.observations_v1", 9))
    lineage = catalog.lineage("punctuality.departures_v1", "up")
    assert lineage.edges == (
        LineageEdge(
            "weather.observations_v1",
            "punctuality.departures_v1",
            ports=("before", "now"),
            columns=("origin", "speed"),
            versions=((2, 9), (1, 4), (0, 4)),
            is_declared=True,
            is_reference=False,
        ),
    )
    assert lineage.edges[0].upstream_versions(1) == (4,)
    assert lineage.node("weather.observations_v1").latest_version == 9
    assert lineage.node("punctuality.departures_v1").latest_version == 2
    assert catalog.lineage("weather.observations_v1", "down").edges == lineage.edges


def test_a_use_of_all_columns_is_told_as_such(catalog):
    uses = {"some": Input("w.o_v1", ["speed"]), "everything": Input("w.o_v1")}
    catalog.register(domain("p", product("p.d_v1", **uses)))
    (edge,) = catalog.lineage("p.d_v1", "up").edges
    assert edge.columns is None


def test_a_reference_is_an_edge_that_says_so(catalog):
    catalog.register(domain("o", product("o.f_v1", contract(references="n.airports_v1.origin"))))
    catalog.record(receipt("o.f_v1", 0, [InputVersion("n.airports_v1", 3, "", ("origin",))]))
    (edge,) = catalog.lineage("o.f_v1", "up").edges
    assert edge == LineageEdge(
        "n.airports_v1",
        "o.f_v1",
        ports=(),
        columns=("origin",),
        versions=((0, 3),),
        is_declared=True,
        is_reference=True,
    )


def test_a_use_that_nobody_declares_any_more_is_kept_and_told_apart(catalog):
    catalog.register(domain("w", product("w.old_v1"), product("w.new_v1")))
    catalog.register(domain("p", product("p.d_v1", source="w.old_v1")))
    catalog.record(receipt("p.d_v1", 0, [InputVersion("w.old_v1", 5, "source")]))
    catalog.register(domain("p", product("p.d_v1", source="w.new_v1")))
    found = {edge.upstream: edge for edge in catalog.lineage("p.d_v1", "up").edges}
    assert not found["w.old_v1"].is_declared
    assert found["w.old_v1"].versions == ((0, 5),)
    assert found["w.new_v1"].is_declared
    assert found["w.new_v1"].versions == ()


def test_a_product_known_only_from_its_use_is_told_apart(catalog):
    catalog.register(domain("p", product("p.d_v1", source="elsewhere.facts_v1")))
    lineage = catalog.lineage("p.d_v1", "up")
    assert lineage.node("p.d_v1").kind is NodeKind.DECLARED
    assert lineage.node("elsewhere.facts_v1").kind is NodeKind.USED
    assert names(catalog.lineage("elsewhere.facts_v1", "down")) == {
        "elsewhere.facts_v1": 0,
        "p.d_v1": 1,
    }


def test_lineage_of_receipts_alone_needs_no_definitions(catalog):
    catalog.record(receipt("p.d_v1", 2, [InputVersion("w.o_v1", 5, "weather")]))
    assert pairs(catalog.lineage("p.d_v1", "up")) == {("w.o_v1", "p.d_v1")}
    assert pairs(catalog.lineage("w.o_v1", "down")) == {("w.o_v1", "p.d_v1")}


def test_an_edge_keeps_the_newest_versions_whatever_order_receipts_come_in(catalog):
    made = [
        receipt("p.d_v1", n, [InputVersion("w.o_v1", n + 100, "old" if n < 5 else "new")])
        for n in range(30)
    ]
    for item in [*made[10:], *made[:10]]:
        catalog.record(item)
    (edge,) = catalog.lineage("p.d_v1", "up").edges
    assert edge.versions == tuple((n, n + 100) for n in range(29, 9, -1))
    assert edge.ports == ("new", "old")


def test_how_an_input_was_read_is_of_the_latest_publication(catalog):
    read = InputVersion("w.o_v1", 8, "weather", since=7, how=Reading.CHANGES, table_id="t")
    catalog.record(receipt("p.d_v1", 1, [read]))
    catalog.record(receipt("p.d_v1", 0, [InputVersion("w.o_v1", 7, "weather")]))
    assert catalog.lineage("p.d_v1", "up").edges[0].reading == "changes since version 7"
    catalog.record(receipt("p.d_v1", 2, [InputVersion("w.other_v1", 1, "other")]))
    assert {edge.reading for edge in catalog.lineage("p.d_v1", "up").edges} == {""}


def test_what_the_latest_version_goes_back_to_is_told_however_long_ago_it_was(catalog):
    for n in range(50):
        catalog.record(receipt("w.o_v1", n, [InputVersion("raw.o_v1", n + 100, "raw")]))
    catalog.record(receipt("p.d_v1", 0, [InputVersion("w.o_v1", 3, "weather")]))
    (edge,) = catalog.lineage("p.d_v1", "up").into("w.o_v1")
    assert edge.upstream_versions(3) == (103,)
    assert len(edge.versions) == 21


def test_lineage_of_an_unknown_product_suggests_near_names(catalog):
    catalog.register(domain("weather", product("weather.observations_v1")))
    with pytest.raises(UnknownProductError) as caught:
        catalog.lineage("weather.observation_v1", "up")
    assert caught.value.near == ("weather.observations_v1",)


def test_the_major_may_be_left_out(catalog):
    register_chain(catalog, 2)
    assert catalog.lineage("chain.p1", "up").product == "chain.p1_v1"


def test_a_wide_lineage_is_whole(catalog):
    uses = {f"port_{n}": f"wide.p{n}_v1" for n in range(1_100)}
    catalog.register(domain("hub", product("hub.everything_v1", **uses)))
    catalog.register(domain("wide", *(product(name) for name in uses.values())))
    lineage = catalog.lineage("hub.everything_v1", "up")
    assert len(lineage.nodes) == 1_101
    assert all(node.kind is NodeKind.DECLARED for node in lineage.nodes)
