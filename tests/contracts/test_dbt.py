"""Contracts from a dbt model's YAML: what they promise, and what they refuse."""

import datetime as dt
from decimal import Decimal

import duckdb
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mesh.contracts.dbt import load
from mesh.contracts.dbt_yaml import DbtModel
from mesh.contracts.expressions import keeps_of
from mesh.contracts.model import Classification, Column, Contract, Rule, Scope, Severity, Version
from mesh.contracts.rules import RowCount
from mesh.contracts.sql_checks import rules_of_check
from mesh.contracts.sql_types import contract_types
from mesh.errors import ContractDefinitionError, Problem

FARES = """
name: fares
description: What a seat costs.
constraints:
  - {type: primary_key, columns: [origin, day]}
  - {type: unique, columns: [day, fare_usd]}
  - {type: check, expression: lowest_usd <= fare_usd}
columns:
  - name: day
    data_type: date
    description: Day of travel
    constraints: [{type: check, expression: "day >= date '2013-01-01'"}]
  - name: origin
    data_type: text
    constraints:
      - {type: not_null}
      - {type: check, expression: "origin in ('EWR', 'JFK')"}
    config:
      meta:
        mesh:
          classification: confidential
          references: {to: network.airports_v1.airport_code, severity: warning}
  - name: fare_usd
    data_type: numeric(12, 2)
    constraints:
      - {type: check, expression: fare_usd >= 0.01}
      - {type: check, expression: fare_usd < 100000}
    config: {meta: {mesh: {unit: USD}}}
  - name: lowest_usd
    data_type: numeric(12, 2)
  - name: sold_at
    data_type: timestamptz
    constraints: [{type: unique}]
"""


def test_a_class_that_was_written_down_is_told_from_one_that_nobody_spoke_of():
    said = FARES.replace("mesh: {unit: USD}", "mesh: {unit: USD, classification: internal}")
    assert contract_from(said).column("fare_usd").is_classified
    assert not contract_from(FARES).column("fare_usd").is_classified
    assert contract_from(FARES).column("origin").is_classified


def contract_from(text: str, rows: RowCount | None = None) -> Contract:
    model = DbtModel.model_validate(yaml.safe_load(text))
    return load(
        model,
        name="Fares",
        version=Version(1, 0, 0),
        rows=rows,
        where=lambda path: ".".join(str(part) for part in path),
    )


def rule_of(contract: Contract, rule_id: str) -> Rule:
    return next(rule for rule in contract.rules if rule.id == rule_id)


def column(name: str, kind: str) -> dict[str, Column]:
    return {name: Column(name, kind)}


def test_the_yaml_becomes_columns():
    contract = contract_from(FARES)
    assert contract.description == "What a seat costs."
    assert [(c.name, c.type, c.is_nullable) for c in contract.columns] == [
        ("day", "date", False),
        ("origin", "string", False),
        ("fare_usd", "decimal(12,2)", True),
        ("lowest_usd", "decimal(12,2)", True),
        ("sold_at", "timestamp", True),
    ]
    assert contract.key == ("origin", "day")
    assert contract.column("day").description == "Day of travel"
    assert contract.column("origin").classification is Classification.CONFIDENTIAL
    assert contract.column("fare_usd").unit == "USD"


def test_the_yaml_becomes_rules():
    contract = contract_from(FARES, RowCount(1, 10))
    assert [rule.text for rule in contract.rules] == [
        "day is not null",
        "day ≥ 2013-01-01",
        "origin is not null",
        "origin in {EWR, JFK}",
        "origin is in network.airports_v1.airport_code",
        "fare_usd in [0.01, 100000)",
        "(sold_at) is unique",
        "(origin, day) is unique",
        "(day, fare_usd) is unique",
        "between 1 and 10 rows",
        "lowest_usd ≤ fare_usd",
    ]
    assert rule_of(contract, "origin_references").severity is Severity.WARNING
    assert rule_of(contract, "fare_usd_in_range").arguments["min_value"] == Decimal("0.01")
    assert rule_of(contract, "day_greater_than_or_equal_to").arguments == {
        "min_value": dt.date(2013, 1, 1)
    }
    assert rule_of(contract, "lowest_usd_less_than_or_equal_to_fare_usd").scope is Scope.ROW


def test_a_contract_survives_the_catalog():
    contract = contract_from(FARES)
    assert Contract.from_json(contract.as_json()).digest == contract.digest


def test_every_problem_is_reported_at_once_with_its_place():
    with pytest.raises(ContractDefinitionError) as caught:
        contract_from("""
            name: fares
            description: "{{ doc('fares') }}"
            constraints:
              - {type: primary_key, columns: [dya]}
              - {type: unique}
            columns:
              - {name: day, data_type: hugeint}
              - {name: "a b", data_type: quux}
              - {name: origin}
              - {name: ORIGIN, data_type: text}
              - name: fare_usd
                data_type: double
                constraints:
                  - {type: foreign_key, to: somewhere}
                  - {type: check}
                  - {type: check, expression: fare_usd > 0 or fare_usd is null}
                  - {type: check, expression: fare_used > 0}
                  - {type: check, expression: "fare_usd = 'x'"}
                config: {meta: {mesh: {references: nothing}}}
            """)
    found = {(problem.where, problem.what) for problem in caught.value.problems}
    assert found == {
        ("description", "a description is text, not Jinja"),
        ("constraints.0.columns", "there is no column 'dya'"),
        ("constraints.1", "the unique constraint names no columns"),
        ("columns.0.data_type", "type hugeint cannot be promised"),
        ("columns.1.data_type", "'quux' is not a type that DuckDB knows"),
        ("columns.1.name", "'a b' cannot be a column's name"),
        ("columns.2", "column 'origin' has no data_type"),
        ("columns.3.name", "column 'ORIGIN' is there twice"),
        ("columns.4.constraints.0", "a foreign_key constraint becomes no rule"),
        ("columns.4.constraints.1", "the check has no expression"),
        (
            "columns.4.constraints.2",
            "check `fare_usd > 0 or fare_usd is null` cannot become a rule of the contract",
        ),
        (
            "columns.4.constraints.3",
            "check `fare_used > 0` names 'fare_used', which is not a column",
        ),
        (
            "columns.4.constraints.4",
            "check `fare_usd = 'x'` compares fare_usd, of type float64, with 'x'",
        ),
        ("columns.4.config.meta.mesh.references", "'nothing' is no column of a product"),
    }
    assert all(problem.hint for problem in caught.value.problems if "twice" not in problem.what)


def test_promises_that_contradict_each_other_are_found():
    with pytest.raises(ContractDefinitionError) as caught:
        contract_from("""
            name: fares
            columns:
              - name: code
                data_type: text
                constraints:
                  - {type: check, expression: "code in ('UA', 'ABC')"}
                  - {type: check, expression: length(code) = 2}
            """)
    assert caught.value.problems[0].where == "columns.0"


def test_a_key_that_is_declared_in_two_ways_is_refused():
    with pytest.raises(ContractDefinitionError, match=r"declared 2 times: \(a\) and \(b\)"):
        contract_from("""
            name: fares
            constraints: [{type: primary_key, columns: [a]}]
            columns:
              - {name: a, data_type: int}
              - {name: b, data_type: int, config: {meta: {mesh: {key: true}}}}
            """)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("int4", "int32"),
        ("double precision", "float64"),
        ("DECIMAL", "decimal(18,3)"),
        ("varchar(10)", "string"),
        ("timestamp with time zone", "timestamp"),
        ("datetime", "local_timestamp"),
        ("uinteger", "int64"),
        ("integer[]", "list<int32>"),
        ("struct(a int, b varchar[])", "struct<a: int32, b: list<string>>"),
    ],
)
def test_duckdb_types_are_read_as_duckdb_reads_them(name, expected):
    assert contract_types([name])[name] == expected


@pytest.mark.parametrize(
    "name",
    [
        "hugeint",
        "interval",
        "time",
        "map(int, int)",
        "enum('a')",
        "int); drop table x; --",
        "",
        "é",
    ],
)
def test_a_type_that_cannot_be_promised_says_what_to_use(name):
    found = contract_types([name])[name]
    assert isinstance(found, Problem)
    assert found.hint


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a",
        "a >",
        "a > 1; drop table x",
        "a > 1 or a < 0",
        "not a > 1",
        "a > (select 1)",
        "a + 1 > 2",
        "1 > 2",
        "a is null",
        "a in ()",
        "length(a) = 1",
        "a > 1 --",
        "a not between 1 and 2",
        "a > 1e999999999",
        "a > 9223372036854775808",
        "(" * 5_000 + "a > 1" + ")" * 5_000,
        "a > {{ var('x') }}",
        "a\x00 > 1",
    ],
)
def test_what_the_gate_cannot_check_is_refused_with_a_hint(expression):
    with pytest.raises(ContractDefinitionError) as caught:
        rules_of_check(expression, column("a", "int64"))
    assert caught.value.problems[0].hint


def test_names_in_quotes_keep_their_case_and_others_do_not():
    columns = {"Delay": Column("Delay", "int64"), "select": Column("select", "int64")}
    assert rules_of_check('"Delay" > 1 and delay < 9', columns)[0].columns == ("Delay",)
    assert rules_of_check('"select" > 1', columns)[0].columns == ("select",)


TEXTS = [None, "", "a", "abc", "xabc", "abcx", "ABC", "a\n", "é", "日本語", "it's", "%", "_"]
NUMBERS = [None, -5, -1, 0, 1, 2, 3, 10, 2**40]
FLOATS = [None, -1.5, 0.0, 0.1, 0.5, 1.0, 2.25, float("inf"), float("-inf"), float("nan")]
DAYS = [None, dt.date(1969, 12, 31), dt.date(2013, 1, 1), dt.date(2013, 12, 31)]
MOMENTS = [None, dt.datetime(2013, 1, 1, tzinfo=dt.UTC), dt.datetime(2013, 1, 1, 5, tzinfo=dt.UTC)]


@pytest.mark.parametrize(
    ("expression", "kind", "sql_type", "values"),
    [
        ("a > 1", "int64", "bigint", NUMBERS),
        ("1 <= a", "int64", "bigint", NUMBERS),
        ("a >= 0.5", "int64", "bigint", NUMBERS),
        ("a <> 2 and (a between -1 and +3)", "int64", "bigint", NUMBERS),
        ("a not in (1, 2.0)", "int64", "bigint", NUMBERS),
        ("a == 1e1", "int64", "bigint", NUMBERS),
        ("a between 0 and 1", "float64", "double", FLOATS),
        ("a > .1", "float64", "double", FLOATS),
        ("a is not null", "float64", "double", FLOATS[:-1]),
        ("a in ('abc', 'it''s', '日本語')", "string", "varchar", TEXTS),
        ("a != ''", "string", "varchar", TEXTS),
        ("a >= 'a'", "string", "varchar", TEXTS),
        ("a like 'abc%'", "string", "varchar", TEXTS),
        ("a like '%c'", "string", "varchar", TEXTS),
        ("length(a) = 3", "string", "varchar", TEXTS),
        ("length(a) between 1 and 2 and LEN(a) < 2", "string", "varchar", TEXTS),
        ("regexp_full_match(a, 'a|abc')", "string", "varchar", TEXTS),
        ("regexp_full_match(a, '[a-z]+')", "string", "varchar", TEXTS),
        ("a >= date '2013-01-01'", "date", "date", DAYS),
        ("a < '2013-12-31'", "date", "date", DAYS),
        ("a = timestamptz '2013-01-01 00:00:00-05:00'", "timestamp", "timestamptz", MOMENTS),
        ("a > '2013-01-01'", "timestamp", "timestamptz", MOMENTS),
        ("a = true", "boolean", "boolean", [None, True, False]),
    ],
)
def test_a_rule_keeps_the_rows_that_duckdb_keeps(expression, kind, sql_type, values):
    assert kept_by_rules(expression, {"a": (kind, values)}) == kept_by_duckdb(
        expression, {"a": (sql_type, values)}
    )


def test_columns_are_compared_row_by_row():
    pairs = [(x, y) for x in NUMBERS for y in FLOATS[:-1]]
    left, right = [x for x, _ in pairs], [y for _, y in pairs]
    assert kept_by_rules("a <= b", {"a": ("int64", left), "b": ("float64", right)}) == (
        kept_by_duckdb("a <= b", {"a": ("bigint", left), "b": ("double", right)})
    )


@given(st.text(max_size=60))
def test_no_text_makes_the_reading_of_a_check_crash(expression):
    try:
        rules = rules_of_check(expression, column("a", "string"))
    except ContractDefinitionError:
        return
    assert rules


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_texts_in_a_check_are_taken_as_they_are(values):
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    (rule,) = rules_of_check(f"a in ({listed})", column("a", "string"))
    assert rule.arguments["allowed_values"] == values


def kept_by_rules(expression, columns):
    """What the gate's own expressions keep."""
    declared = {name: Column(name, kind) for name, (kind, _) in columns.items()}
    types = {"int64": pl.Int64, "float64": pl.Float64, "string": pl.String, "date": pl.Date,
             "timestamp": pl.Datetime("us", "UTC"), "boolean": pl.Boolean}  # fmt: skip
    frame = pl.DataFrame(
        {name: pl.Series(values, dtype=types[kind]) for name, (kind, values) in columns.items()}
    )
    rules = rules_of_check(expression, declared)
    contract = Contract("Data", Version(1, 0, 0), "", tuple(declared.values()), tuple(rules))
    kept = frame.select(pl.all_horizontal(keeps_of(rule, contract) for rule in rules))
    return kept.to_series().to_list()


def kept_by_duckdb(expression, columns):
    """What DuckDB's own check constraint would keep."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        typed = ", ".join(f'"{name}" {kind}' for name, (kind, _) in columns.items())
        connection.execute(f"create table data (n integer, {typed})")
        rows = list(zip(*(values for _, values in columns.values()), strict=True))
        marks = ", ".join("?" for _ in range(len(columns) + 1))
        connection.executemany(
            f"insert into data values ({marks})", [(n, *row) for n, row in enumerate(rows)]
        )
        found = connection.sql(f"select coalesce({expression}, true) from data order by n")
        return [row[0] for row in found.fetchall()]
