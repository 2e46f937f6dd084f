"""Every run tells of itself in events that the standard's schemas take."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

import mesh.orchestration.openlineage
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.running import run_products
from mesh.products.collection import load_organization
from tests.orchestration.small_mesh import TWO_IMPOSSIBLE, SmallMesh
from tests.shared_data import files, needs_shared_data

pytestmark = needs_shared_data
OWN = Path(mesh.orchestration.openlineage.__file__).parent / "MeshContractRunFacet.json"
EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


@pytest.fixture(scope="module")
def valid():
    """Holds an event, and each of its facets, against the schema that it names."""
    schemas = [json.loads(p.read_text()) for p in (*files("openlineage/spec/*.json"), OWN)]
    registry = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )

    def check(event):
        found = [(EVENT, event), *((item["_schemaURL"], item) for item in facets(event))]
        for reference, value in found:
            Draft202012Validator(
                {"$ref": reference}, registry=registry, format_checker=FormatChecker()
            ).validate(value)
        return len(found) - 1

    return check


def facets(value):
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for item in value.values():
            yield from facets(item)
    elif isinstance(value, list):
        for item in value:
            yield from facets(item)


def events_of(workspace):
    found = workspace.catalog.events.events(500)
    return [event.content for event in reversed(found)]


def by_type(events, job):
    return {e["eventType"]: e for e in events if e["job"]["name"] == job}


@pytest.fixture
def small(tmp_path):
    return SmallMesh.at(tmp_path)


def test_every_run_begins_and_ends_in_events_that_are_valid(small, valid):
    workspace = small.workspace
    products = list(load_organization(small.settings).products.values())

    run_products(workspace, products, Run("a"), workers=1)
    events = events_of(workspace)

    assert all(valid(event) > 3 for event in events)
    told = [(e["job"]["name"], e["eventType"]) for e in events]
    assert {state for _, state in told} == {"START", "COMPLETE"}
    done = by_type(events, "reports.daily_v1")["COMPLETE"]
    (output,) = done["outputs"]
    fields = [field["name"] for field in output["facets"]["schema"]["fields"]]
    assert fields == ["station", "warmest_f"]
    assert output["facets"]["symlinks"]["identifiers"][0]["name"] == "reports.daily_v1"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1
    origins = output["facets"]["columnLineage"]["fields"]["warmest_f"]["inputFields"]
    assert [(o["field"], o["transformations"][0]["subtype"]) for o in origins] == [
        ("temperature_f", "AGGREGATION")
    ]
    assert {facet for item in done["inputs"] for facet in item["facets"]} >= {"schema", "symlinks"}


def test_the_same_publication_again_tells_nothing(small):
    workspace = small.workspace
    product = load_organization(small.settings).product("weather.readings_v1")

    execute(product, workspace, Run("a"))
    before = len(events_of(workspace))
    execute(product, workspace, Run("a"))

    assert len(events_of(workspace)) == before == 2


def test_a_refusal_fails_with_its_assertions_and_without_guarded_values(small, valid):
    workspace = small.workspace
    small.send(TWO_IMPOSSIBLE.replace(",c\n", ",zoe\n"))
    product = load_organization(small.settings).product("weather.readings_v1")

    execute(product, workspace, Run("a"))
    events = events_of(workspace)

    failed = by_type(events, "weather.readings_v1")["FAIL"]
    assert valid(failed)
    assert "zoe" not in json.dumps(events)
    assertions = failed["outputs"][0]["facets"]["dataQualityAssertions"]["assertions"]
    assert any(not item["success"] for item in assertions)
    assert failed["run"]["facets"]["mesh_contract"]["verdict"] == "refused"


def test_a_function_that_raises_fails_and_the_next_attempt_is_another_run(small, valid):
    workspace = small.workspace
    (small.root / "readings.csv").write_text("not,a\n")
    product = load_organization(small.settings).product("weather.readings_v1")
    with pytest.raises(Exception):  # noqa: B017, PT011 -- whatever reading it raises
        execute(product, workspace, Run("a"))
    small.send("NYC,2013-01-01T00:00:00Z,39.0,a\n")
    execute(product, workspace, Run("a"))

    events = events_of(workspace)

    assert [e["eventType"] for e in events] == ["START", "FAIL", "START", "COMPLETE"]
    assert all(valid(event) for event in events)
    assert len({e["run"]["runId"] for e in events}) == 2


def test_what_is_told_comes_back_as_lineage_of_the_same_products(small):
    """Another Mesh that gets these events sees the products, not strangers beside them."""
    workspace = small.workspace
    products = list(load_organization(small.settings).products.values())
    run_products(workspace, products, Run("a"), workers=1)

    workspace.catalog.events.take([{**e, "producer": "other"} for e in events_of(workspace)])

    assert workspace.catalog.events.datasets() == []
    down = workspace.catalog.lineage("weather.readings_v1", "down")
    assert {node.product for node in down.nodes} == {"weather.readings_v1", "reports.daily_v1"}
