"""Reading ODCS: what a document says becomes a contract, and what is only kept is named."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from mesh.contracts.model import Classification, Contract, Version
from mesh.contracts.odcs.model import Levels
from mesh.contracts.odcs.reading import content, load, read, tables_of
from tests import shared_data
from tests.contracts.odcs.documents import document, kept_of, one, rich, rules_of


def test_a_class_that_was_written_down_is_told_from_one_that_nobody_spoke_of():
    said, unsaid = one(classification="internal"), one(classification=" ")
    assert said.contract.column("value").is_classified
    assert not unsaid.contract.column("value").is_classified


TYPES = [
    ("string", {}, "string"),
    ("string", {"physicalType": "varchar(18)"}, "string"),
    ("string", {"physicalType": "bytea"}, "binary"),
    ("date", {}, "date"),
    ("date", {"physicalType": "timestamp"}, "timestamp"),
    ("timestamp", {}, "timestamp"),
    ("timestamp", {"logicalTypeOptions": {"timezone": False}}, "local_timestamp"),
    ("timestamp", {"physicalType": "timestamp_ntz"}, "local_timestamp"),
    ("timestamp", {"physicalType": "local_timestamp"}, "local_timestamp"),
    ("time", {}, "string"),
    ("number", {}, "float64"),
    ("number", {"logicalTypeOptions": {"format": "f32"}}, "float32"),
    ("number", {"physicalType": "numeric(12, 2)"}, "decimal(12,2)"),
    ("number", {"physicalType": "int4"}, "int64"),
    ("number", {"physicalType": "duration"}, "duration"),
    ("integer", {}, "int64"),
    ("integer", {"physicalType": "int32"}, "int32"),
    ("integer", {"physicalType": "smallint"}, "int64"),
    ("integer", {"logicalTypeOptions": {"format": "i8"}}, "int8"),
    ("integer", {"logicalTypeOptions": {"format": "u32"}}, "int64"),
    ("integer", {"logicalTypeOptions": {"format": "u64"}}, "decimal(20,0)"),
    ("integer", {"physicalType": "string"}, "int64"),
    ("boolean", {"physicalType": "bit"}, "boolean"),
    ("object", {}, "string"),
    ("object", {"properties": [{"name": "a", "logicalType": "date"}]}, "struct<a: date>"),
    ("object", {"physicalType": "struct<b: int32>"}, "struct<b: int32>"),
    ("array", {}, "list<string>"),
    ("array", {"items": {"logicalType": "number"}}, "list<float64>"),
    (
        "array",
        {
            "items": {
                "logicalType": "object",
                "properties": [{"name": "a", "logicalType": "string"}],
            }
        },
        "list<struct<a: string>>",
    ),
    (
        "map",
        {"map": {"key": {"logicalType": "string"}, "value": {"logicalType": "integer"}}},
        "list<struct<key: string, value: int64>>",
    ),
    ("vector", {"logicalTypeOptions": {"dimensions": 3}}, "list<float32>"),
]
OPTIONS = [
    ("string", {"minLength": 1, "maxLength": 3}, ["length of value in [1, 3]"]),
    ("string", {"pattern": "^A"}, ["value matches /^A/"]),
    ("string", {"format": "email"}, ["value is email"]),
    ("integer", {"minimum": 1, "maximum": 9}, ["value in [1, 9]"]),
    ("integer", {"exclusiveMinimum": 1}, ["value > 1"]),
    ("integer", {"minimum": 0, "exclusiveMaximum": 9}, ["value in [0, 9)"]),
    ("integer", {"multipleOf": 5}, ["value is a multiple of 5"]),
    ("integer", {"format": "u8"}, ["value in [0, 255]"]),
    ("number", {"maximum": 1.5}, ["value ≤ 1.5"]),
    ("date", {"minimum": "2020-01-01"}, ["value ≥ 2020-01-01"]),
    (
        "timestamp",
        {"maximum": "2020-01-01 00:00:00", "defaultTimezone": "Australia/Sydney"},
        ["value ≤ 2019-12-31 13:00:00+00:00"],
    ),
    ("time", {"minimum": "09:00", "format": "HH:mm"}, ["value ≥ 09:00", "value is HH:mm"]),
    ("array", {"maxItems": 3, "uniqueItems": True}, ["value has at most 3 items", "value has no item twice"]),
    ("vector", {"dimensions": 3}, ["value has 3 items"]),
]  # fmt: skip
QUALITY = [
    ({"metric": "nullValues", "mustBe": 0}, "nullValues of value = 0"),
    ({"metric": "missingValues", "mustBeLessThan": 5, "unit": "percent", "arguments": {"missingValues": ["n/a"]}}, "missingValues of value < 5 %"),
    ({"metric": "invalidValues", "mustBeLessOrEqualTo": 2, "arguments": {"pattern": "^x"}}, "invalidValues of value ≤ 2"),
    ({"metric": "duplicateValues", "mustNotBe": 3, "severity": "info"}, "duplicateValues of value ≠ 3 (warning)"),
    ({"metric": "rowCount", "mustBeBetween": [1, 5]}, "rowCount in [1, 5]"),
    ({"metric": "rowCount", "mustNotBeBetween": [1, 5]}, "rowCount not in [1, 5]"),
    ({"metric": "rowCount", "mustBeGreaterThan": 1}, "rowCount > 1"),
    ({"metric": "rowCount", "mustBeGreaterOrEqualTo": 1, "type": "library"}, "rowCount ≥ 1"),
    ({"type": "sql", "query": "select count(*) from orders where ${column} = 'x'", "mustBe": 0, "description": "No x"}, "No x = 0"),
]  # fmt: skip
OLDER = [
    ({"rule": "nullCheck"}, "nullValues of value = 0"),
    ({"type": "library", "rule": "duplicateCount", "mustBeLessThan": 10, "unit": "percent"}, "duplicateValues of value < 10 %"),
    ({"rule": "validValues", "validValues": ["a"]}, "invalidValues of value = 0"),
    ({"rule": "rowCount", "mustBeBetween": [1, 2]}, "rowCount in [1, 2]"),
]  # fmt: skip
NOT_ENFORCED = [
    ({"type": "text", "description": "Booked at once"}, "a text for people"),
    ({"type": "custom", "engine": "soda", "implementation": "x"}, "a rule for soda"),
    ({"metric": "rowCount"}, "it does not say what it must be"),
    ({"metric": "freshness", "mustBe": 1}, "metric 'freshness' is none that Mesh knows"),
    ({"metric": "invalidValues", "mustBe": 0}, "it does not say what is valid"),
    ({"metric": "nullValues", "mustBe": 0, "unit": "files"}, "unit 'files' is neither"),
    ({"type": "sql", "query": "select count(*) from elsewhere", "mustBe": 0}, "it reads 'elsewhere'"),
    ({"type": "sql", "query": "select read_text('/etc/passwd')", "mustBe": 0}, "function read_text"),
    ({"type": "unheard of"}, "a text for people"),
]  # fmt: skip
WORDS = [
    ("", Classification.INTERNAL),
    ("Public", Classification.PUBLIC),
    ("internal-use", Classification.INTERNAL),
    ("restricted", Classification.CONFIDENTIAL),
    ("Highly_Confidential", Classification.CONFIDENTIAL),
    ("sensitive", Classification.CONFIDENTIAL),
    ("PII", Classification.PERSONAL),
    ("stripes", Classification.CONFIDENTIAL),
]


@pytest.mark.parametrize(("logical", "keys", "wanted"), TYPES)
def test_types_are_the_contracts_own(logical, keys, wanted):
    assert one(logical, **keys).contract.columns[0].type == wanted


def test_a_property_without_logical_type_has_that_of_its_physical_type():
    named = {"a": "BIGINT", "b": "varchar(3)", "c": "numeric(5,1)", "d": "timestamptz", "e": "geo"}
    found = read(document(*({"name": n, "physicalType": t} for n, t in named.items())))
    types = [column.type for column in found.contract.columns]
    assert types == ["int64", "string", "decimal(5,1)", "timestamp", "string"]
    assert "is no type that Mesh knows" in kept_of(found)["4"]


@pytest.mark.parametrize(("logical", "options", "wanted"), OPTIONS)
def test_options_are_rules(logical, options, wanted):
    assert rules_of(one(logical, logicalTypeOptions=options).contract) == wanted


def test_exclusive_bounds_are_flags_in_the_older_standard():
    options = {"minimum": 1, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
    found = one("integer", version="v3.0.2", logicalTypeOptions=options)
    assert rules_of(found.contract) == ["value in (1, 9]"]


def test_options_that_mean_nothing_here_are_kept():
    noon = {"minimum": "9:00 AM", "format": "h:mm a"}
    found = one("time", logicalTypeOptions=noon)
    assert rules_of(found.contract) == ["value is h:mm a"]
    assert "are in an order" in kept_of(found)["0.logicalTypeOptions.minimum"]
    found = one("string", logicalTypeOptions={"pattern": "(?=x)", "format": "isbn", "minimum": "a"})
    assert not found.contract.rules
    kept = kept_of(found)
    assert "look-ahead" in kept["0.logicalTypeOptions.pattern"]
    assert "'isbn' is no format" in kept["0.logicalTypeOptions.format"]
    assert kept["0.logicalTypeOptions.minimum"] == "a string has no bounds"
    assert "maxLength" in kept_of(one(physicalType="varchar(2)"))["*.physicalType"]
    tags = one("array", items={"logicalType": "string"}, enum=[{"value": "a"}])
    assert kept_of(tags)["0.enum"] == "values of a list<string> are not listed"


def test_bounds_are_values_of_the_columns_own_type():
    bounds = {"physicalType": "decimal(5,2)", "logicalTypeOptions": {"minimum": 0.5}}
    assert one("number", **bounds).contract.rules[0].arguments == {"min_value": Decimal("0.5")}
    days = one("date", enum=[{"value": "2020-01-31"}]).contract
    assert days.rules[0].arguments == {"allowed_values": [date(2020, 1, 31)]}
    moment = one("timestamp", logicalTypeOptions={"minimum": "2020-01-01T01:00:00+01:00"}).contract
    assert moment.rules[0].arguments == {"min_value": datetime(2020, 1, 1, tzinfo=UTC)}


def test_what_is_required_inside_of_objects_and_lists_has_to_be_there():
    city = {"name": "city", "logicalType": "string", "required": True}
    address = {"name": "address", "logicalType": "object", "properties": [city]}
    person = one("object", properties=[address], logicalTypeOptions={"required": ["address"]})
    assert rules_of(person.contract) == ["value has address, address.city"]
    people = one("array", items={"logicalType": "object", "properties": [address]})
    assert rules_of(people.contract) == ["value has address.city"]


@pytest.mark.parametrize(("item", "wanted"), QUALITY)
def test_quality_of_library_and_sql_is_enforced(item, wanted):
    assert rules_of(one(quality=[item]).contract) == [wanted]


@pytest.mark.parametrize(("item", "wanted"), OLDER)
def test_quality_of_the_older_standard_is_enforced(item, wanted):
    assert rules_of(one(version="v3.0.2", quality=[item]).contract) == [wanted]


@pytest.mark.parametrize(("item", "why"), NOT_ENFORCED)
def test_quality_that_is_kept_says_why(item, why):
    found = one(quality=[item])
    assert not found.contract.rules
    (told,) = [what for path, what in kept_of(found).items() if path.startswith("0.quality.0")]
    assert why in told


def test_quality_may_stand_at_the_table():
    items = [
        {"metric": "duplicateValues", "arguments": {"properties": ["a", "b"]}, "mustBe": 0},
        {"type": "sql", "query": "select max(a) from ${object}", "mustBeLessThan": 9, "name": "top",
         "dimension": "accuracy"},
    ]  # fmt: skip
    columns = [{"name": name, "logicalType": "integer"} for name in "ab"]
    found = read(document(*columns, quality=items)).contract
    assert rules_of(found) == ["duplicateValues of a, b = 0", "top < 9"]
    assert found.rules[1].dimension == "accuracy"


def test_a_rule_of_meshs_own_comes_back_as_it_was():
    rule = read(document({"name": "a", "logicalType": "date", "unique": True})).contract.rules[0]
    told = {"type": "custom", "engine": "mesh", "implementation": rule.as_json()}
    column = {"name": "a", "logicalType": "date"}
    assert read(document(column, quality=[told])).contract.rules == (rule,)
    short = {"check": "greater_than", "arguments": {"min_value": "2020-01-01"}}
    item = {"type": "custom", "engine": "mesh", "implementation": short, "severity": "warning"}
    found = read(document({**column, "quality": [item]})).contract
    assert rules_of(found) == ["a > 2020-01-01 (warning)"]
    assert found.rules[0].arguments == {"min_value": date(2020, 1, 1)}


def test_a_check_in_python_is_kept():
    item = {"type": "custom", "engine": "mesh", "implementation": {"check": "custom", "id": "x"}}
    found = one(quality=[item])
    assert not found.contract.rules
    assert "a check in Python" in kept_of(found)["0.quality.0"]


def test_keys_are_in_the_order_of_their_positions():
    found = read(
        document(
            {"name": "a", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 2},
            {"name": "b", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 1},
            {"name": "c", "logicalType": "string", "primaryKey": False, "primaryKeyPosition": -1},
        )
    ).contract
    assert found.key == ("b", "a")
    assert [column.is_nullable for column in found.columns] == [False, False, True]
    assert "(b, a) is unique" in rules_of(found)


def test_partition_keys_are_in_the_order_of_their_positions():
    found = read(
        document(
            {"name": "a", "logicalType": "string", "partitioned": True, "partitionKeyPosition": 2},
            {"name": "b", "logicalType": "string", "partitioned": True, "partitionKeyPosition": 1},
        )
    )
    assert found.partition_by == ("b", "a")


@pytest.mark.parametrize(("word", "wanted"), WORDS)
def test_classifications_are_meshs_own_and_the_document_keeps_its_word(word, wanted):
    found = one(classification=word)
    assert found.contract.columns[0].classification is wanted
    assert found.contract.document["schema"][0]["properties"][0]["classification"] == word


def test_relationships_refer_to_products():
    found = read(
        document(
            {
                "name": "a",
                "logicalType": "string",
                "relationships": [{"to": "network.airports_v1.faa"}],
            },
            {"name": "b", "logicalType": "string"},
            relationships=[
                {
                    "from": ["orders.a", "orders.b"],
                    "to": ["net.x_v1.a", "net.x_v1.b"],
                    "customProperties": [{"property": "mesh.severity", "value": "warning"}],
                },
            ],
        )
    ).contract
    assert rules_of(found) == [
        "a is in network.airports_v1.faa",
        "(a, b) is in net.x_v1.a,b (warning)",
    ]
    assert found.columns[0].references == "network.airports_v1.faa"


def test_relationships_to_tables_of_the_document_count_where_those_are_products():
    found = read(rich(), table="orders")
    kept = {item.path: item.what for item in found.kept}
    where = "schema.0.properties.1.relationships.0"
    assert kept[where] == "countries is a table of this document: enforced where it is a product"
    products = {"countries": "shop.countries_v1"}
    known = read(rich(), table="orders", product_of=lambda table: products.get(table, ""))
    assert "country is in shop.countries_v1.code" in rules_of(known.contract)
    assert "(country, day) is in shop.countries_v1.code,day" in rules_of(known.contract)
    assert where not in {item.path for item in known.kept}


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("elsewhere.code", "'elsewhere' is no table of this document, and no product"),
        ("other.odcs.yaml#schema/a/properties/b", "other.odcs.yaml is another document"),
        ("schema/a/quality/b", "'schema/a/quality/b' is no property of a schema object"),
    ],
)
def test_relationships_to_what_is_not_there_are_kept(to, why):
    found = one(relationships=[{"to": to}])
    assert not found.contract.rules
    assert kept_of(found)["0.relationships.0.to"] == why


def test_a_relationship_may_name_ids():
    text = rich()
    text["schema"][1]["id"] = "countries_obj"
    text["schema"][1]["properties"][0]["id"] = "code_prop"
    item = {"to": "/schema/countries_obj/properties/code_prop"}
    text["schema"][0]["properties"][1]["relationships"] = [item]
    found = read(text, table="orders", product_of=lambda table: f"shop.{table}_v1").contract
    assert "country is in shop.countries_v1.code" in rules_of(found)


def test_own_words_say_what_the_standard_cannot():
    custom = {"mesh.unit": "min", "mesh.keyPosition": 3, "mesh.classification": "personal",
              "mesh.renamedFrom": "old", "mesh.references": {"to": "a.b_v1.c", "severity": "warning"}}  # fmt: skip
    properties = [{"property": name, "value": value} for name, value in custom.items()]
    table = [
        {"property": "mesh.name", "value": "Orders"},
        {"property": "mesh.isStrict", "value": False},
        {"property": "mesh.ruleOrder", "value": ["value_references", "value_not_null"]},
    ]
    column = {"name": "value", "logicalType": "integer", "primaryKey": True}
    found = read(document({**column, "customProperties": properties}, customProperties=table))
    (read_column,) = found.contract.columns
    assert (read_column.unit, read_column.key_position, read_column.renamed_from) == (
        "min",
        3,
        "old",
    )
    assert read_column.classification is Classification.PERSONAL
    assert (found.contract.name, found.contract.is_strict) == ("Orders", False)
    assert [rule.id for rule in found.contract.rules] == [
        "value_references",
        "value_not_null",
        "value_unique",
    ]
    assert "0.customProperties" not in kept_of(found)


@pytest.mark.parametrize(
    ("text", "wanted"), [("1.2.3", (1, 2, 3)), ("v2", (2, 0, 0)), ("1.4", (1, 4, 0))]
)
def test_versions_may_be_short(text, wanted):
    assert read({**document(), "version": text}).contract.version == Version(*wanted)


def test_service_levels_become_terms_where_they_are_of_the_table():
    found = read(rich(), table="orders")
    assert found.levels == Levels("4h", "3y", "at")
    assert read(rich(), table="countries").levels == Levels()
    levels = [
        {"property": "freshness", "value": "2", "unit": "weeks"},
        {"property": "retention", "value": 18, "unit": "months"},
        {"property": "frequency", "value": 1},
    ]
    found = read({**document(), "slaProperties": levels})
    assert found.levels == Levels("2w", "18mo")
    assert [item.path for item in found.kept if "slaP" in item.path] == ["slaProperties.2"]


def test_everything_that_is_not_enforced_is_named_with_its_reason():
    found = read(rich(), table="orders")
    kept = {item.path: item.what for item in found.kept}
    for path in (
        "team",
        "servers",
        "context",
        "schema.0.context",
        "schema.0.properties.*.examples",
    ):
        assert kept[path]
    assert kept["schema.0.quality.3"] == "a text for people: nothing can measure it"


def test_a_contract_that_was_read_is_the_same_from_the_catalogs_copy():
    contract = read(rich(), table="orders").contract
    again = Contract.from_json(contract.as_json())
    assert again.digest == contract.digest
    assert again.document == rich()


def test_a_document_without_tables_promises_nothing():
    found = read({**document(), "schema": []})
    assert found.contract.columns == ()
    assert found.contract.document["id"] == "orders-contract"


@shared_data.needs_shared_data
def test_every_example_of_the_standard_is_read():
    for file in shared_data.files("odcs/examples/*.odcs.yaml"):
        text, where = content(file)
        for table in tables_of(text) or [""]:
            found = read(text, table=table, where=where)
            assert found.contract.document == text
            assert found.contract.table == table


@shared_data.needs_shared_data
def test_the_full_example_becomes_a_contract():
    found = load(shared_data.file("odcs/examples/full-example.odcs.yaml"), table="receivers")
    assert found.contract.key == ("id", "country_code")
    assert rules_of(found.contract) == [
        "id is not null",
        "(id) is unique",
        "country_code is not null",
        "receiver_name is not null",
        "(id, country_code) is unique",
    ]
