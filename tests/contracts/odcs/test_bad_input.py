"""Malformed and hostile documents: every problem at once, with file, line and path; never a crash."""

import random
import re

import pytest
import yaml

from mesh.contracts.odcs.reading import MAX_BYTES, content, lint, load, read, tables_of
from mesh.errors import ContractDefinitionError, MeshError
from tests.contracts.odcs.documents import document, problems_of, rich
from tests.contracts.odcs.test_structure import changed, examples

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdef", "bcdefg", strict=True)
)
HOSTILE = {
    "aliases that stand for a million values": (BOMB, "aliases stand for more than"),
    "an alias that leads back": ("customProperties: &a [*a]\n", "leads back to what it is in"),
    "a tag of Python's": ("name: !!python/object/apply:os.system [ls]\n", "tag '!!python"),
    "a tag of its own": ("name: !secret x\n", "tag '!secret'"),
    "a key twice": ("name: a\nname: b\n", "key 'name' is there twice"),
    "nesting without end": ("name: " + "[" * 2_000, "nested too deeply"),
    "a number without end": ("price: {priceAmount: .inf}\n", "not a number that JSON has"),
    "no YAML": ("schema: [\n", "it cannot be read"),
    "bytes that are no text": (b"name: \xff\xfe\n", "save it as UTF-8"),
    "ten million bytes": ("#" * 10_000_000 + "\n", f"larger than {MAX_BYTES:,} bytes"),
}
ONES = {
    "an unknown version": ({"apiVersion": "v4.0.0"}, "apiVersion: 'v4.0.0' is not in the standard"),
    "a version before 3": ({"apiVersion": "v2.2.2"}, "apiVersion: 'v2.2.2' is not in the standard"),
    "a version that is a number": ({"apiVersion": 3.1}, "apiVersion: 3.1 is not a text"),
    "a contract's version that is none": ({"version": "summer"}, "version: 'summer' is no version"),
    "no id": ({"id": None}, "id: None is not a text"),
}
CONTRADICTIONS = [
    ({"logicalType": "integer", "logicalTypeOptions": {"minimum": 9, "maximum": 1}}, "logicalTypeOptions", "no value keeps `value ≥ 9` and `value ≤ 1`"),
    ({"logicalType": "integer", "logicalTypeOptions": {"exclusiveMinimum": 1, "maximum": 1}}, "logicalTypeOptions", "no value keeps `value > 1` and `value ≤ 1`"),
    ({"logicalType": "date", "logicalTypeOptions": {"minimum": "2021-01-01", "maximum": "2020-01-01"}}, "logicalTypeOptions", "no value keeps"),
    ({"logicalType": "date", "logicalTypeOptions": {"minimum": "soon"}}, "logicalTypeOptions.minimum", "'soon' is no date"),
    ({"logicalType": "string", "logicalTypeOptions": {"minLength": 5, "maxLength": 2}}, "logicalTypeOptions.minLength", "minLength 5 is above maxLength 2"),
    ({"logicalType": "array", "logicalTypeOptions": {"minItems": 5, "maxItems": 2}}, "logicalTypeOptions.minItems", "minItems 5 is above maxItems 2"),
    ({"logicalType": "string", "logicalTypeOptions": {"pattern": "["}}, "logicalTypeOptions.pattern", "not closed"),
    ({"logicalType": "integer", "logicalTypeOptions": {"maximum": 5}, "enum": [{"value": 1}, {"value": 7}]}, "", "names 7, which `value ≤ 5` refuses"),
    ({"logicalType": "integer", "enum": [{"value": "one"}]}, "enum.0.value", "'one' is no int64"),
    ({"logicalType": "string", "quality": [{"metric": "nullValues", "mustBe": "none"}]}, "quality.0.mustBe", "'none' is nothing to compare with"),
    ({"logicalType": "string", "quality": [{"metric": "nullValues", "mustBeBetween": [5, 1]}]}, "quality.0.mustBeBetween", "5 is above 1"),
    ({"logicalType": "string", "quality": [{"metric": "nullValues", "mustBe": 1, "mustNotBe": 1}]}, "quality.0", "it says mustBe and mustNotBe"),
    ({"logicalType": "integer", "quality": [{"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["x"]}}]}, "quality.0.arguments.validValues", "['x'] are not all int64"),
    ({"logicalType": "string", "quality": [{"type": "sql", "query": "select count(*) from orders where nothing = 1", "mustBe": 0}]}, "quality.0.query", 'column "nothing" not found'),
    ({"logicalType": "string", "quality": [{"type": "custom", "engine": "mesh", "implementation": {"check": "smells"}}]}, "quality.0.implementation", "there is no check 'smells'"),
    ({"logicalType": "string", "quality": [{"type": "custom", "engine": "mesh", "implementation": "no json"}]}, "quality.0.implementation", "it is no mapping"),
    ({"logicalType": "object", "logicalTypeOptions": {"required": ["gone"]}, "properties": [{"name": "a", "logicalType": "string"}]}, "", "there is no field 'gone'"),
    ({"logicalType": "string", "relationships": [{"to": "orders.gone"}]}, "relationships.0.to", "orders has no column 'gone'"),
    ({"logicalType": "string", "relationships": [{"to": "orders.value"}]}, "relationships.0.to", "it refers to itself"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_before_anything_is_made_of_them(tmp_path, text, wanted):
    file = tmp_path / "orders.odcs.yaml"
    file.write_bytes(HEAD.encode() + (text if isinstance(text, bytes) else text.encode()))
    with pytest.raises(ContractDefinitionError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert wanted in f"{problem.what} {problem.hint}"
    assert problem.where.startswith(str(file))


def test_a_date_stays_the_text_that_was_written(tmp_path):
    file = tmp_path / "orders.odcs.yaml"
    file.write_text(HEAD + "name: 2020-01-31\n", encoding="utf-8")
    assert content(file)[0]["name"] == "2020-01-31"


@pytest.mark.parametrize(("change", "wanted"), ONES.values(), ids=ONES)
def test_what_a_document_has_to_say_about_itself(change, wanted):
    assert problems_of({**document(), **change}) == [wanted]


@pytest.mark.parametrize(("column", "place", "wanted"), CONTRADICTIONS)
def test_rules_that_nothing_could_keep_are_problems(column, place, wanted):
    (problem,) = problems_of(document({"name": "value", **column}))
    where = f"schema.0.properties.0.{place}".rstrip(".")
    assert problem.startswith(f"{where}: ")
    assert wanted in problem


def test_columns_that_are_not_there_are_problems_wherever_they_are_named():
    found = rich()
    orders = found["schema"][0]
    orders["relationships"][0]["from"] = ["orders.land", "orders.day"]
    orders["properties"][1]["relationships"][0]["to"] = "countries.cod"
    orders["quality"][0]["query"] = "select count(*) from orders where land = 'x'"
    orders["quality"][2]["arguments"]["properties"] = ["dya"]
    assert problems_of(found, "orders") == [
        "schema.0.properties.1.relationships.0.to: countries has no column 'cod'",
        "schema.0.relationships.0.from: orders has no column 'land'",
        "schema.0.quality.2.arguments.properties.0: 'dya' is no column",
    ]


def test_columns_that_refer_to_each_other_in_a_circle_are_problems():
    def table(name, column, to):
        relation = [{"to": to}] if to else []
        column = {"name": column, "logicalType": "string", "relationships": relation}
        return {"name": name, "properties": [column]}

    found = document()
    found["schema"] = [table("a", "x", "b.y"), table("b", "y", "c.z"), table("c", "z", "a.x")]
    for name, way in {"a": "a.x → b.y → c.z → a.x", "b": "b.y → c.z → a.x → b.y"}.items():
        (problem,) = problems_of(found, name)
        assert problem.endswith(f"columns refer to each other: {way}")


def test_names_that_are_there_twice_are_problems():
    column = {"name": "a", "logicalType": "string"}
    twice = document(column, column)
    assert problems_of(twice) == ["schema.0.properties.1.name: column 'a' is there twice"]
    twice["schema"].append(twice["schema"][0])
    assert "table 'orders' is there twice" in [p.what for p in lint(twice, ".".join).problems]
    inner = {"name": "b", "logicalType": "object", "properties": [column, column]}
    assert problems_of(document(inner)) == [
        "schema.0.properties.0.properties.1.name: field 'a' is there twice"
    ]
    (problem,) = problems_of(document({**column, "name": "a b"}))
    assert "'a b' cannot be a column's name" in problem


def test_of_several_tables_one_has_to_be_named():
    assert problems_of(rich()) == ["schema: it has 2 tables: orders, countries"]
    assert problems_of(rich(), "order") == ["schema: there is no table 'order'"]


def test_every_problem_is_told_at_once_with_file_line_and_path(tmp_path):
    found = rich()
    found["kind"] = "Contract"
    found["team"]["members"][0]["username"] = 5
    found["schema"][0]["properties"][0]["logicalTypeOptions"]["minimum"] = 100
    found["schema"][0]["properties"][1]["relationships"][0]["to"] = "countries.cod"
    file = tmp_path / "orders.odcs.yaml"
    file.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    with pytest.raises(ContractDefinitionError) as caught:
        load(file, table="orders")
    places = [problem.where for problem in caught.value.problems]
    assert [re.sub(r".*:\d+: ", "", place) for place in places] == [
        "kind",
        "team.members.0.username",
        "schema.0.properties.0.logicalTypeOptions",
        "schema.0.properties.1.relationships.0.to",
    ]
    lines = file.read_text(encoding="utf-8").splitlines()
    for place in places:
        number, key = int(place.split(":")[1]), place.rpartition(".")[2].rpartition(" ")[2]
        assert f"{key}:" in lines[number - 1]


@pytest.mark.parametrize("seed", range(3))
def test_changed_documents_are_read_or_refused_and_never_crash(seed):
    chance = random.Random(seed)
    bases = [rich(), rich(), *(d for name, d in examples().items() if "adventure" not in name)]
    for _ in range(60):
        text = changed(chance.choice(bases), chance)
        lint(text, ".".join)
        for table in ("", *tables_of(text)):
            try:
                read(text, table=table)
            except MeshError as error:
                assert isinstance(error, ContractDefinitionError)  # noqa: PT017 -- or nothing is raised


def test_problems_of_changed_files_have_file_and_line(tmp_path):
    chance, file = random.Random(7), tmp_path / "orders.odcs.yaml"
    for _ in range(25):
        file.write_text(yaml.safe_dump(changed(rich(), chance)), encoding="utf-8")
        document, where = content(file)
        found = lint(document, where)
        for problem in (*found.problems, *found.notes):
            assert re.match(rf"{re.escape(str(file))}:\d+", problem.where), problem
