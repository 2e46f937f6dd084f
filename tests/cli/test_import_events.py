"""Events of other producers come in from files, and stand in lineage beside products."""

import json

from mesh.naming import DatasetName


def event(name, source, **more):
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": name},
        "job": {"namespace": "spark", "name": "copy"},
        "inputs": [source],
        "outputs": [{"namespace": "warehouse", "name": name}],
        **more,
    }


def table_of(mesh, product):
    told = json.loads(mesh("show", product, "--json").stdout)
    named = DatasetName.of_url(told["table"])
    return {"namespace": named.namespace, "name": named.name}


def test_what_is_written_from_a_product_is_below_it_and_not_governed(mesh):
    mesh.write("events.json", json.dumps(event("copy_of_sales", table_of(mesh, "shop.sales"))))

    done = mesh("catalog", "import-events", str(mesh.root / "events.json"))

    assert done.exit_code == 0, done.stderr
    assert "took 1 event; 0 were there already" in done.stdout
    shown = mesh("lineage", "shop.sales", "--down").stdout
    assert "warehouse#copy_of_sales (not governed; reported by spark#copy)" in shown
    up = mesh("lineage", "warehouse#copy_of_sales", "--up").stdout
    assert "warehouse#copy_of_sales, not governed, is made from" in up
    assert "└── shop.sales_v1" in up


def test_lines_lists_and_input_are_read_and_repeated_events_count_once(mesh):
    one, other = (event(name, {"namespace": "db", "name": "t"}) for name in "ab")
    mesh.write("lines.ndjson", f"{json.dumps(one)}\n\n{json.dumps(other)}\n")
    mesh.write("list.json", json.dumps([one, other]))

    first = mesh("catalog", "import-events", str(mesh.root / "lines.ndjson"), "--json")
    again = mesh("catalog", "import-events", str(mesh.root / "list.json"), "--json")
    piped = mesh("catalog", "import-events", "-", "--json", input=json.dumps(one))

    assert json.loads(first.stdout) == {"taken": 2, "repeated": 0, "refused": []}
    assert json.loads(again.stdout) == {"taken": 0, "repeated": 2, "refused": []}
    assert json.loads(piped.stdout) == {"taken": 0, "repeated": 1, "refused": []}


def test_what_is_wrong_is_told_with_its_place_and_the_others_are_in(mesh):
    good = event("a", {"namespace": "db", "name": "t"})
    mesh.write("events.json", json.dumps([good | {"eventTime": "?", "job": {}}, good]))

    done = mesh("catalog", "import-events", str(mesh.root / "events.json"))

    assert done.exit_code == 1
    assert "took 1 event" in done.stdout
    for path in ("eventTime", "job.namespace", "job.name"):
        assert f"events.json[0]: {path}: " in done.stderr


def test_what_is_no_json_says_where(mesh):
    mesh.write("events.json", '{"a": 1}\n{"b": \n')

    done = mesh("catalog", "import-events", str(mesh.root / "events.json"))

    assert done.exit_code == 1
    assert "events.json:2: it is no JSON" in done.stderr
    assert "it cannot be read" in mesh("catalog", "import-events", "nowhere.json").stderr
