"""A Pandera model becomes the one frozen contract, or says everything that is wrong with it."""

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Optional

import polars as pl
import pytest

import mesh
from mesh.contracts.model import Classification, Scope, Severity, Version
from mesh.contracts.pandera import load
from mesh.errors import ContractDefinitionError
from tests.contracts.made import made


class Observations(mesh.Contract):
    """One row per airport and hour.

    As the weather bureau reports it.
    """

    origin: str = mesh.Field(isin=["EWR", "JFK"], key=True, description="IATA code")
    observed_at: mesh.UTCDatetime = mesh.Field(key=True)
    temperature_f: float = mesh.Field(ge=-60, le=140, nullable=True, unit="degF")
    station: str = mesh.Field(
        references="network.airports_v1.faa",
        classification="confidential",
        str_length={"max_value": 3},
        raise_warning=True,
    )

    @mesh.check("temperature_f", title="is whole")
    @classmethod
    def is_whole(cls, data):
        """Thermometers show whole degrees."""
        return data.lazyframe.select(pl.col(data.key) % 1 == 0)

    @mesh.dataframe_check
    @classmethod
    def has_both_airports(cls, data):
        return data.lazyframe.select(pl.col("origin").n_unique() == 2)

    class Config:
        version = "2.3.4"
        row_count = mesh.RowCount(at_least=10, at_most=99)
        unique = ("station", "observed_at")


def problems_of(model) -> list[str]:
    with pytest.raises(ContractDefinitionError) as caught:
        load(model)
    return [f"{p.where}: {p.what}" for p in caught.value.problems]


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


BY_ROW = {
    "compared": lambda c: pl.col(c) > 0,
    "among given values": lambda c: pl.col(c).is_in([1, 2]),
    "with a given format": lambda c: pl.col(c).cast(pl.String).str.to_date("%Y") > date(2013, 1, 1),
    "conditional": lambda c: pl.when(pl.col(c) > 0).then(pl.col(c) < 9).otherwise(True),
    "across columns": lambda c: pl.max_horizontal(c, pl.lit(3)) > 2,
}
ON_THE_WHOLE = {
    "average": lambda c: pl.col(c) > pl.col(c).mean(),
    "total": lambda c: pl.col(c).sum() > 0,
    "neighbour": lambda c: pl.col(c).shift(1) < pl.col(c),
    "uniqueness": lambda c: pl.col(c).is_unique(),
    "window": lambda c: pl.col(c).rank().over(c) > 0,
    "length": lambda _: pl.len() > 0,
    "constant": lambda _: pl.lit(True),
    "every column": lambda _: pl.all() > 0,
    # Each of these looks at more than its own row, without a name that says so.
    "joined text": lambda c: pl.col(c).cast(pl.String).str.join(",") != "",
    "guessed format": lambda c: pl.col(c).cast(pl.String).str.to_date(strict=False).is_null(),
    "among its own values": lambda c: pl.col(c).is_in(pl.col(c).implode()),
    "beside a given column": lambda c: pl.col(c) == pl.Series([1, 2, 3]),
}


@pytest.mark.parametrize("name", [*BY_ROW, *ON_THE_WHOLE])
def test_what_a_custom_check_selects_says_whether_it_is_decided_by_row(name):
    select = (BY_ROW | ON_THE_WHOLE)[name]

    class Checked(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def own(cls, data):
            return data.lazyframe.select(select(data.key))

    assert load(Checked).rules[-1].scope is (Scope.ROW if name in BY_ROW else Scope.SET)


def test_a_custom_check_that_does_more_than_select_is_decided_on_the_whole():
    class Checked(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def filtered(cls, data):
            return data.lazyframe.filter(pl.col(data.key) > 0).select(pl.col(data.key) > 1)

        @mesh.dataframe_check
        @classmethod
        def collected(cls, data):
            return data.lazyframe.collect().height > 0

        @mesh.check("value", element_wise=True)
        @classmethod
        def by_value(cls, value):
            return bool(repr(value))

    scopes = {rule.id: str(rule.scope) for rule in load(Checked).rules[1:]}
    assert scopes == {"value_filtered": "set", "value_by_value": "row", "collected": "set"}


def test_every_problem_is_reported_at_once_each_with_its_place():
    class Wrong(mesh.Contract):
        id: int = mesh.Field(key=True, nullable=True)
        count: pl.UInt64 = mesh.Field(coerce=True)
        name: str = mesh.Field(classification="secret", references="airports")
        note: Optional[str] = mesh.Field(default="none")  # noqa: UP045 -- as Pandera writes it
        when: str = mesh.Field(alias="a; DROP TABLE x")
        code: str = mesh.Field(references=mesh.Reference("a.b_v1.c", severity="fatal"))

        class Config:
            version = "1.0"
            drop_invalid_rows = True
            row_count = 5

    place = f"{Wrong.__module__}.Wrong."
    assert {problem.removeprefix(place) for problem in problems_of(Wrong)} == {
        "id: a key column cannot be nullable",
        "count: type UInt64 cannot be promised: uint64 cannot be stored in a Delta table",
        "count: coerce=True has no meaning in a contract",
        "name: classification 'secret' is not one of public, internal, confidential, personal",
        "name: 'airports' is no column of a product",
        "note: default='none' has no meaning in a contract",
        "note: a promised column cannot be optional",
        "a; DROP TABLE x: 'a; DROP TABLE x' cannot be a column's name",
        "code: severity 'fatal' is not one of error, warning",
        "Config: '1.0' is not a version such as 1.0.0",
        "Config: drop_invalid_rows=True has no meaning in a contract",
        "Config: row_count is 5, not a mesh.RowCount",
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [("coerce", True), ("add_missing_columns", True), ("dtype", pl.Int64)],
)
def test_an_option_that_would_change_data_is_refused(option, value):
    assert f"{option}=" in problems_of(made(config={option: value}))[0]


def test_a_column_by_pattern_is_refused():
    assert any("regex=True" in p for p in problems_of(made(alias="^v.*$", regex=True)))


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


def test_two_fields_of_one_name_are_refused():
    class Twice(mesh.Contract):
        a: str = mesh.Field(alias="b")
        b: str

    assert "two fields are the same column" in problems_of(Twice)[0]


def test_a_model_without_columns_promises_nothing():
    assert problems_of(type("Empty", (mesh.Contract,), {"__module__": "x"})) == [
        "x.Empty: it promises no columns"
    ]


def test_what_pandera_itself_refuses_is_a_problem_too():
    assert "versoin" in problems_of(made(config={"versoin": "2.0.0"}))[0]


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
            row_count = mesh.RowCount(at_least=1)
            strict = False

    assert load(Later).version == Version(3, 0, 0)
    assert "row_count: at least 1 row" in {f"{r.id}: {r.text}" for r in load(Later).rules}
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


class TestDigest:
    def test_is_the_same_for_the_same_promise(self):
        assert load(Observations).digest == load(Observations).digest
        assert load(made(isin={"a", "b", "c"}, annotation=str)).digest == (
            load(made(isin={"c", "b", "a"}, annotation=str)).digest
        )

    def test_is_known(self):
        # Written down, so that a change of what goes into it is noticed: it stands in receipts.
        assert load(made(ge=1, unit="m", key=True)).digest == (
            "0d2494344e98bbd987bd946b2a41a17b7b1511bd4dbd164da078eaede3f45dfb"
        )

    @pytest.mark.parametrize(
        "field",
        [
            {"ge": 2},
            {"ge": 1, "nullable": True},
            {"ge": 1, "unit": "m"},
            {"ge": 1, "description": "x"},
            {"ge": 1, "raise_warning": True},
            {"ge": 1, "ignore_na": False},
            {"ge": 1, "classification": "public"},
            {"ge": 1, "unique": True},
            {"ge": 1, "key": True},
            {"gt": 1},
        ],
    )
    def test_differs_when_anything_that_is_promised_does(self, field):
        assert load(made(**field)).digest != load(made(ge=1)).digest

    def test_differs_when_a_check_of_ones_own_is_written_otherwise(self):
        class First(mesh.Contract):
            value: int

            @mesh.check("value")
            @classmethod
            def own(cls, data):
                return data.lazyframe.select(pl.col(data.key) > 1)

        class Second(mesh.Contract):
            value: int

            @mesh.check("value")
            @classmethod
            def own(cls, data):
                return data.lazyframe.select(pl.col(data.key) > 2)

        First.__name__ = Second.__name__ = "Own"
        assert load(First).digest != load(Second).digest

    def test_survives_a_way_through_json(self):
        contract = load(Observations)
        text = json.dumps(contract.as_json())
        back = type(contract).from_json(json.loads(text))
        assert back.digest == contract.digest
        assert back.as_json() == contract.as_json()
        assert back.key == contract.key
        assert {r.id: r.scope for r in back.rules} == {r.id: r.scope for r in contract.rules}

    def test_takes_any_argument_that_a_check_takes(self):
        for annotation, value in [
            (mesh.UTCDatetime, datetime.fromisoformat("2013-01-01T00:00:00+00:00")),
            (date, date(2013, 1, 1)),
            (timedelta, timedelta(hours=1)),
            (Annotated[pl.Decimal, 12, 2], Decimal("1.50")),
            (float, float("inf")),
        ]:
            contract = load(made(annotation, ge=value))
            back = type(contract).from_json(json.loads(json.dumps(contract.as_json())))
            assert back.digest == contract.digest
