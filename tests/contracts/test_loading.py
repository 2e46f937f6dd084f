"""A Pandera model becomes the one frozen contract, or says everything that is wrong with it."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated

import polars as pl
import pytest

import mesh
from mesh.contracts.model import Classification, Scope, Severity, Version
from mesh.contracts.pandera import load
from mesh.errors import ContractDefinitionError
from tests.contracts.made import Observations, made


def test_a_contract_has_the_columns_of_its_model_in_order():
    contract = load(Observations)
    assert contract.name == "Observations"
    assert contract.version == Version(2, 3, 4)
    assert (
        contract.description == "One row per airport and hour.\n\nAs the weather bureau reports it."
    )
    assert contract.column_names == ("origin", "observed_at", "temperature_f", "station")
    assert [c.type for c in contract.columns] == ["string", "timestamp", "float64", "string"]
    assert [c.is_nullable for c in contract.columns] == [False, False, True, False]
    assert contract.key == ("origin", "observed_at")
    assert contract.is_strict


def test_a_column_keeps_what_field_says_of_it():
    contract = load(Observations)
    assert contract.column("origin").description == "IATA code"
    assert contract.column("origin").classification is Classification.INTERNAL
    assert contract.column("temperature_f").unit == "degF"
    assert contract.column("station").classification is Classification.CONFIDENTIAL
    assert contract.column("station").references == "network.airports_v1.faa"


def test_a_class_that_was_written_down_is_told_from_one_that_nobody_spoke_of():
    said, unsaid = load(made(classification="internal")), load(made())
    assert said.column("value").classification is Classification.INTERNAL
    assert said.column("value").is_classified
    assert not unsaid.column("value").is_classified
    assert (said, said.digest) == (unsaid, unsaid.digest)


def test_metadata_of_a_domains_own_stays_on_the_pandera_column():
    model = made(str, metadata={"source": "NOAA"}, unit="1")
    assert load(model).column("value").unit == "1"
    assert model.to_schema().columns["value"].metadata["source"] == "NOAA"


def test_rules_read_as_people_would_write_them():
    assert {rule.id: rule.text for rule in load(Observations).rules} == {
        "origin_not_null": "origin is not null",
        "origin_isin": "origin in {EWR, JFK}",
        "observed_at_not_null": "observed_at is not null",
        "temperature_f_in_range": "temperature_f in [-60, 140]",
        "temperature_f_is_whole": "temperature_f: is whole",
        "station_not_null": "station is not null",
        "station_str_length": "length of station ≤ 3",
        "station_references": "station is in network.airports_v1.faa",
        "origin_observed_at_unique": "(origin, observed_at) is unique",
        "station_observed_at_unique": "(station, observed_at) is unique",
        "row_count": "between 10 and 99 rows",
        "has_both_airports": "has both airports",
    }


def test_a_rule_is_decided_by_row_where_it_can_be_and_on_the_whole_otherwise():
    scopes = {rule.id: rule.scope for rule in load(Observations).rules}
    on_the_whole = {rule_id for rule_id, scope in scopes.items() if scope is Scope.SET}
    assert on_the_whole == {
        "station_references",
        "origin_observed_at_unique",
        "station_observed_at_unique",
        "row_count",
        "has_both_airports",
    }


def test_a_warning_warns_and_everything_else_is_an_error():
    warned = {r.id for r in load(Observations).rules if r.severity is Severity.WARNING}
    assert warned == {"station_str_length"}
    contract = load(made(str, references=mesh.Reference("a.b_v1.c", severity="warning")))
    assert contract.rules[-1].severity is Severity.WARNING


def test_a_custom_rule_keeps_its_docstring_and_its_text():
    rule = next(r for r in load(Observations).rules if r.id == "temperature_f_is_whole")
    assert rule.description == "Thermometers show whole degrees."
    assert "% 1 == 0" in rule.arguments["source"]


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (pl.Int8, "int8"),
        (pl.Int16, "int16"),
        (pl.Int32, "int32"),
        (int, "int64"),
        (pl.Float32, "float32"),
        (float, "float64"),
        (str, "string"),
        (bool, "boolean"),
        (pl.Binary, "binary"),
        (date, "date"),
        (mesh.UTCDatetime, "timestamp"),
        (datetime, "local_timestamp"),
        (timedelta, "duration"),
        (Annotated[pl.Decimal, 12, 2], "decimal(12,2)"),
        (Annotated[pl.Enum, ["x", "y"]], "string"),
        (Annotated[pl.List, pl.String], "list<string>"),
        (Annotated[pl.Struct, {"x": pl.Int64, "y": pl.String}], "struct<x: int64, y: string>"),
        (
            Annotated[pl.List, pl.Struct({"at": pl.Datetime("us", "UTC"), "n": pl.List(pl.Int8)})],
            "list<struct<at: timestamp, n: list<int8>>>",
        ),
    ],
)
def test_every_promised_type_has_a_name(annotation, name):
    assert load(made(annotation)).column("value").type == name


@pytest.mark.parametrize(
    "annotation",
    [
        pl.UInt8,
        pl.UInt64,
        pl.Time,
        pl.Null,
        pl.Object,
        pl.List,
        Annotated[pl.Array, pl.Int64, 3],
        Annotated[pl.Datetime, "ns", "UTC"],
        Annotated[pl.Datetime, "us", "Europe/Berlin"],
        Annotated[pl.Duration, "ns"],
        Annotated[pl.List, pl.Duration("us")],
        Annotated[pl.Struct, {"a, b": pl.Int64}],
        Annotated[pl.List, pl.Struct({"a": pl.Struct({"b: c": pl.Int64})})],
        Annotated[pl.Struct, {"a>": pl.Int64}],
    ],
    ids=str,
)
def test_a_type_that_could_not_be_kept_is_refused_with_those_that_can(annotation):
    with pytest.raises(
        ContractDefinitionError, match=r"(?s)cannot be promised.*try: use "
    ) as error:
        load(made(annotation))
    assert error.value.problems[0].where == "somewhere.Made.value"


def test_an_enumeration_is_text_with_a_rule():
    rules = load(made(Annotated[pl.Enum, ["x", "y"]])).rules
    assert [rule.text for rule in rules] == ["value is not null", "value in {x, y}"]


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({"ge": 0, "le": 9}, "value in [0, 9]"),
        ({"gt": 0, "le": 9}, "value in (0, 9]"),
        ({"ge": 0, "lt": 9}, "value in [0, 9)"),
        ({"gt": 0, "lt": 9}, "value in (0, 9)"),
        ({"in_range": {"min_value": 0, "max_value": 9, "include_max": False}}, "value in [0, 9)"),
    ],
)
def test_a_lower_and_an_upper_bound_are_one_range(bounds, text):
    assert [rule.text for rule in load(made(**bounds)).rules[1:]] == [text]


def test_bounds_of_different_severity_stay_two_rules():
    class Speeds(mesh.Contract):
        speed: float = mesh.Field(ge=0)

        @mesh.check("speed", raise_warning=True)
        @classmethod
        def is_plausible(cls, data):
            return data.lazyframe.select(pl.col(data.key) < 254)

    severities = {rule.id: str(rule.severity) for rule in load(Speeds).rules}
    assert severities["speed_greater_than_or_equal_to"] == "error"
    assert severities["speed_is_plausible"] == "warning"


def test_ids_are_identifiers_and_unique_whatever_columns_are_called():
    class Awkward(mesh.Contract):
        size: float = mesh.Field(alias="größe", ge=0, unique=True)
        japan: str = mesh.Field(alias="日本")
        tokyo: str = mesh.Field(alias="東京")
        a_not: str = mesh.Field(alias="a-not")
        a: str

        @mesh.check("a", name="not_null")
        @classmethod
        def first(cls, data):
            return data.lazyframe.select(pl.col(data.key) != "x")

        @mesh.check("a", name="not_null", title="is not null")
        @classmethod
        def second(cls, data):
            return data.lazyframe.select(pl.col(data.key) != "y")

    rules = load(Awkward).rules
    assert len({rule.id for rule in rules}) == len(rules)
    assert len({rule.text for rule in rules}) == len(rules)
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", rule.id) for rule in rules)


def test_a_column_that_is_the_whole_key_and_unique_has_one_rule():
    rules = load(made(key=True, unique=True)).rules
    assert [rule.id for rule in rules] == ["value_not_null", "value_unique"]


def test_columns_that_are_unique_in_another_order_have_one_rule():
    class Pairs(mesh.Contract):
        a: int = mesh.Field(key=True)
        b: int = mesh.Field(key=True)

        class Config:
            unique = (["b", "a"], ["b"])

    assert [r.columns for r in load(Pairs).rules if r.check == "unique"] == [("a", "b"), ("b",)]


@pytest.mark.parametrize(
    "name",
    ["a b", "a;b", "a,b", "a=b", "{a}", "(a)", "a\nb", "a.b", "*", "^.*$", "a'b", 'a"b', "a`b",
     "../a", "a\\b", "\x7f", "\u202eb", "\ud800", "x" * 256, "_mesh_row"],
    ids=ascii,
)  # fmt: skip
def test_a_hostile_column_name_is_refused(name):
    with pytest.raises(ContractDefinitionError):
        load(made(alias=name))


@pytest.mark.parametrize("name", ["größe", "日本", "select", "a-b", "x" * 255, "Wind", "check"])
def test_an_unusual_column_name_is_none_the_worse(name):
    assert load(made(alias=name)).column_names == (name,)


def test_a_contract_inherits_columns_checks_and_options():
    class Airport(Observations):
        elevation_m: float = mesh.Field(unit="m")

    contract, base = load(Airport), load(Observations)
    assert contract.version == base.version
    assert contract.column_names == (*base.column_names, "elevation_m")
    assert {rule.id for rule in contract.rules} == {
        *(rule.id for rule in base.rules),
        "elevation_m_not_null",
    }
    assert contract.description == ""


def test_a_contract_that_inherits_may_say_otherwise():
    class Later(Observations):
        class Config:
            version = "3.0.0"
            row_count = mesh.RowCount(at_least=2)
            strict = False

    assert load(Later).version == Version(3, 0, 0)
    assert "row_count: at least 2 rows" in {f"{r.id}: {r.text}" for r in load(Later).rules}
    assert not load(Later).is_strict
    assert load(Observations).version == Version(2, 3, 4)


def test_one_config_may_serve_several_contracts():
    class Shared:
        version = "4.0.0"
        row_count = mesh.RowCount(at_least=2)

    class First(mesh.Contract):
        a: int
        Config = Shared

    class Second(mesh.Contract):
        a: int
        Config = Shared

    class Third(mesh.Contract):
        a: int

        class Config(Shared):
            strict = False

    for model in (First, Second, Third):
        assert load(model).version == Version(4, 0, 0)
        assert [rule.id for rule in load(model).rules] == ["a_not_null", "row_count"]
    assert not load(Third).is_strict
    assert Shared.version == "4.0.0"


def test_columns_that_are_not_promised_may_be_let_through_without_being_kept():
    assert load(made(config={"strict": "filter"})).is_strict is False
    assert load(made(config={})).is_strict is True


def test_the_model_is_still_panderas():
    frame = pl.DataFrame({"value": [1, 2]})
    assert made(ge=1).validate(frame).equals(frame)
