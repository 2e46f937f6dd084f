"""OpenLineage events as a producer would send them, made by hand."""

from datetime import UTC, datetime, timedelta

from mesh.naming import DatasetName

PRODUCER = "https://example.com/producer"


def at(minute):
    return (datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=minute)).isoformat()


def dataset(name, namespace="db", **facets):
    own = {key: facets.pop(key) for key in ("inputFacets", "outputFacets") if key in facets}
    return {"namespace": namespace, "name": name, "facets": facets, **own}


def run_event(state, minute, run="r1", job="copy", inputs=(), outputs=(), **facets):
    return {
        "eventType": state,
        "eventTime": at(minute),
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": facets},
        "job": {"namespace": "spark", "name": job},
        "inputs": [item if isinstance(item, dict) else dataset(item) for item in inputs],
        "outputs": [item if isinstance(item, dict) else dataset(item) for item in outputs],
    }


def fields(*names):
    return {"fields": [{"name": name, "type": "int"} for name in names]}


def lineage_facet(**columns):
    return {
        "fields": {
            column: {
                "inputFields": [
                    {
                        "namespace": "db",
                        "name": source,
                        "field": field,
                        "transformations": [{"type": "DIRECT", "subtype": kind}],
                    }
                ]
            }
            for column, (source, field, kind) in columns.items()
        }
    }


def symlinks(*names):
    listed = [{"namespace": space, "name": name, "type": "TABLE"} for space, name in names]
    return {"identifiers": listed}


def key(name, namespace="db"):
    return DatasetName(namespace, name).key


def pairs(lineage):
    return {(edge.upstream, edge.downstream) for edge in lineage.edges}
