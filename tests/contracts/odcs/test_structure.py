"""Mesh and the standard's own JSON Schemas agree on which documents are as the standard has them.

The schemas refuse a document exactly when Mesh has a problem or a note. Two differences are meant:
versions 2.x, which the schemas list and Mesh does not read; and a problem of Mesh's may be about what a
document means, which these tests leave out: they ask for the structure alone.
"""

import copy
import json
import random
from functools import cache

import jsonschema
import pytest

from mesh.contracts.odcs import structure
from mesh.contracts.odcs.model import Findings
from mesh.contracts.odcs.reading import content
from mesh.contracts.odcs.uses import KEYS as USES
from tests import shared_data
from tests.contracts.odcs.documents import rich

pytestmark = shared_data.needs_shared_data
VERSIONS = ("v3.0.2", "v3.1.0", "v3.2.0")
KEYS = [
    "id",
    "name",
    "url",
    "type",
    "description",
    "tags",
    "customProperties",
    "authoritativeDefinitions",
    "quality",
    "metric",
    "rule",
    "mustBe",
    "mustBeBetween",
    "query",
    "engine",
    "implementation",
    "relationships",
    "from",
    "to",
    "enum",
    "logicalType",
    "items",
    "logicalTypeOptions",
    "properties",
    "map",
    "minLength",
    "required",
    "format",
    "minimum",
    "exclusiveMinimum",
    "multipleOf",
    "dimensions",
    "port",
    "context",
    "synonyms",
    "vendor",
    "schedule",
    "severity",
    "dimension",
    "unit",
    "value",
    "property",
    "members",
    "username",
    "title",
    "minItems",
    "timezone",
    "status",
    "arguments",
    "partitioned",
    "semanticType",
    "uniqueItems",
    "schema",
    "physicalName",
    "stagingDir",
    "location",
    "encoding",
    "apiVersion",
    "kind",
    "version",
    "team",
    "price",
    "support",
]
VALUES = (
    None, True, False, 0, 1, -1, 1.5, 1.0, "", "x", "a.b", "a/b/c/d", "a-b.c", "x.yaml#a/b", "string",
    "integer", "map", "vector", "array", "object", "timestamp", "time", "number", "date", "text", "sql",
    "library", "custom", "nullValues", "i8", "f32", [], ["x"], ["a.b"], [1, 2], [2, 2], [[1]], {},
    {"value": 1}, [{"value": 1}], [{}], {"key": {}, "value": {}}, {"x": 1}, {"name": "x"}, "postgres",
    "kafka", "sftp", "athena", *VERSIONS,
)  # fmt: skip


@cache
def official(version):
    """The validator of the standard's own schema."""
    number = version.removeprefix("v")
    text = shared_data.file(f"odcs/odcs-json-schema-v{number}.json").read_text(encoding="utf-8")
    return jsonschema.Draft201909Validator(json.loads(text))


def examples():
    files = shared_data.files("odcs/examples/*.odcs.yaml")
    return {file.name: content(file)[0] for file in files}


def findings_of(document):
    found = Findings(".".join)
    structure.check(document, found)
    return found


def assert_alike(document):
    version = document.get("apiVersion")
    known = version if version in VERSIONS else "v3.2.0"
    refusal = next(official(known).iter_errors(document), None)
    found = findings_of(document)
    told = [str(problem) for problem in (*found.problems, *found.notes)]
    assert bool(told) == (refusal is not None), (
        told,
        refusal and (list(refusal.absolute_path), refusal.message),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_examples_are_judged_alike_in_every_version(version):
    for document in (rich(), *examples().values()):
        assert_alike({**document, "apiVersion": version})


def test_a_document_with_everything_is_as_the_standard_has_it():
    assert next(official("v3.2.0").iter_errors(rich()), None) is None
    assert findings_of(rich()) == Findings(".".join) or not findings_of(rich()).notes


@pytest.mark.parametrize("seed", range(3))
def test_changed_documents_are_judged_alike(seed):
    chance = random.Random(seed)
    bases = [rich(), *(d for name, d in examples().items() if "adventureworks" not in name)]
    for _ in range(250):
        base = chance.choice(bases) if chance.random() < 0.5 else bases[0]
        document = {**base, "apiVersion": chance.choice(VERSIONS)}
        assert_alike(changed(document, chance))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema", 0, "properties", 0, "primaryKey"), "yes"),
        (("schema", 0, "properties", 0, "name"), 5),
        (("schema", 0, "properties", 0, "logicalType"), "whole"),
        (("schema", 0, "properties"), {}),
        (("schema",), "orders"),
        (("team", "members"), "ada"),
        (("servers", 0, "database"), 7),
        (("slaProperties", 0, "value"), []),
        (("kind",), "Contract"),
    ],
)
def test_what_no_version_could_read_is_a_problem(where, value):
    document = rich()
    place = document
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    assert ".".join(map(str, where)) in [p.where for p in findings_of(document).problems]


def test_what_another_version_has_is_a_note():
    found = findings_of({**rich(), "apiVersion": "v3.1.0"})
    assert not found.problems
    assert "'context' is no key of it (v3.1.0)" in [note.what for note in found.notes]


def test_every_key_of_the_standard_has_its_use():
    whole = official("v3.2.0").schema
    found = whole["$defs"]
    element = set(found["SchemaElement"]["properties"])
    operators = {key for part in found["DataQualityOperators"]["oneOf"] for key in part["required"]}
    of_quality = ("DataQuality", "DataQualityLibrary", "DataQualitySql", "DataQualityCustom")
    keys = {
        "document": set(whole["properties"]),
        "schema object": {*found["SchemaObject"]["properties"], *element},
        "property": {
            *found["SchemaBaseProperty"]["properties"],
            *element,
            "properties",
            "items",
            "map",
        },
        "quality rule": {key for name in of_quality for key in found[name]["properties"]}
        | operators,
        "relationship": set(found["RelationshipBase"]["properties"]),
    }
    keys["quality rule"].add("validValues")  # as 3.0 writes an argument
    assert keys == {name: set(uses) for name, uses in USES.items()}


def changed(document, chance):
    """A copy with one to three places set, removed or added."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = [place for place in paths(document) if place]
        *above, last = chance.choice(places)
        holder = document
        for key in above:
            holder = holder[key]
        how = chance.random()
        if how < 0.35:
            holder[last] = copy.deepcopy(chance.choice(VALUES))
        elif how < 0.55:
            del holder[last]
        elif isinstance(holder, dict):
            holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice(VALUES))
        else:
            holder.append(copy.deepcopy(chance.choice(VALUES)))
    return document


def paths(value, path=()):
    yield path
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in inner:
        yield from paths(item, (*path, key))
