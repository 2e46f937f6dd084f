"""A contract whose rules cannot be kept is refused when it is loaded, before there is any data."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

import polars as pl
import pytest

import mesh
from mesh.contracts.model import Column, Contract, Rule, Version
from mesh.contracts.pandera import load
from mesh.contracts.rules import builtin, not_null
from mesh.contracts.soundness import soundness_problems
from mesh.errors import ContractDefinitionError
from tests.contracts.made import made

BETWEEN = {"min_value": 0, "max_value": 9}


@pytest.mark.parametrize(
    ("annotation", "checks", "problem"),
    [
        (int, {"ge": 5, "le": 1}, "`value in [5, 1]` cannot be a rule"),
        (int, {"gt": 5, "lt": 5}, "`value in (5, 5)` cannot be a rule"),
        (date, {"ge": date(2013, 2, 1), "le": date(2013, 1, 1)}, "cannot be a rule"),
        (int, {"isin": [1, 20], "le": 10}, "`value in {1, 20}` names 20, which `value ≤ 10` ref"),
        (int, {"isin": [1, 20], "in_range": BETWEEN}, "names 20, which `value in [0, 9]` refuses"),
        (str, {"isin": ["EWR", "JFKX"], "str_length": {"max_value": 3}}, "names 'JFKX', which `le"),
        (str, {"isin": ["a", "b"], "str_matches": "^a$"}, "names 'b', which `value matches ^a$`"),
        (int, {"eq": 3, "gt": 3}, "`value = 3` names 3, which `value > 3` refuses"),
        (int, {"eq": 3, "ne": 3}, "no value keeps all of `value = 3`, `value ≠ 3`"),
        (int, {"isin": [1, 2], "notin": [1, 2]}, "no value keeps all of"),
        (int, {"eq": 3, "isin": [1, 2]}, "no value keeps all of"),
        (Annotated[pl.Enum, ["x", "y"]], {"isin": ["z"]}, "no value keeps all of"),
        (int, {"isin": []}, "`value in {}` allows nothing"),
        (float, {"isin": [float("nan")]}, "names nan, which `value is not null` refuses"),
        (Annotated[pl.Decimal, 12, 2], {"isin": [Decimal(5)], "lt": Decimal(5)}, "which `value <"),
    ],
)  # fmt: skip
def test_rules_that_leave_no_value_are_refused(annotation, checks, problem):
    with pytest.raises(ContractDefinitionError, match=re.escape(problem)) as caught:
        load(made(annotation, **checks))
    assert caught.value.problems[0].where == "somewhere.Made.value"


@pytest.mark.parametrize(
    ("annotation", "checks"),
    [
        (int, {"ge": 5, "le": 5}),
        (int, {"isin": [1, 20], "le": 20}),
        (int, {"isin": [1, 2, 3], "notin": [3]}),
        (str, {"isin": ["a", "b"], "ne": "b"}),
        (Annotated[pl.Enum, ["x", "y", "z"]], {"isin": ["x", "y"]}),
        (str, {"isin": ["EWR", None], "str_length": {"max_value": 3}, "nullable": True}),
        (int, {"isin": [1, 20], "le": 10, "raise_warning": True}),
        (float, {"isin": [1.0, 2.5], "ge": 0}),
        (pl.Int8, {"isin": [1, 1000], "ge": 0}),
        (mesh.UTCDatetime, {"ge": datetime(2013, 1, 1, tzinfo=UTC)}),
    ],
)
def test_rules_that_leave_a_value_are_not(annotation, checks):
    assert load(made(annotation, **checks)).column_names == ("value",)


@pytest.mark.parametrize(
    ("annotation", "checks"),
    [
        (int, {"ge": "low"}),
        (int, {"str_matches": "x"}),
        (str, {"isin": [1, 2]}),
        (float, {"isin": [1, 2.5]}),
        (str, {"str_contains": "(?=lookahead)"}),
        (bool, {"str_length": {"max_value": 3}}),
        (mesh.UTCDatetime, {"ge": datetime(2013, 1, 1)}),
        (Annotated[pl.List, pl.Int64], {"ge": 1}),
    ],
    ids=str,
)
def test_a_rule_that_does_not_fit_its_columns_type_is_refused(annotation, checks):
    with pytest.raises(ContractDefinitionError, match="cannot be a rule: "):
        load(made(annotation, **checks))


def test_a_check_of_a_column_that_is_not_there_is_refused():
    class Checked(mesh.Contract):
        value: int

        @mesh.dataframe_check
        @classmethod
        def compares(cls, data):
            return data.lazyframe.select(pl.col("value") < pl.col("other"))

    with pytest.raises(ContractDefinitionError, match='unable to find column "other"'):
        load(Checked)


def test_a_check_that_answers_no_yes_or_no_is_refused():
    class Checked(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def adds(cls, data):
            return data.lazyframe.select(pl.col(data.key) + 1)

    with pytest.raises(ContractDefinitionError, match="answers Int64, not yes or no"):
        load(Checked)


def test_unique_columns_are_the_contracts():
    with pytest.raises(ContractDefinitionError, match=r"`\(value, other\) is unique` names other"):
        load(made(config={"unique": ["value", "other"]}))


@pytest.mark.parametrize(
    "bounds", [mesh.RowCount(at_least=5, at_most=1), mesh.RowCount(-1), mesh.RowCount(None, -1)]
)
def test_bounds_on_rows_that_cannot_be_kept_are_refused(bounds):
    with pytest.raises(ContractDefinitionError, match=r"Config: `.*` cannot be kept"):
        load(made(config={"row_count": bounds}))


def test_columns_that_differ_only_in_case_are_refused():
    class Cased(mesh.Contract):
        wind: float
        Wind: float

    with pytest.raises(ContractDefinitionError, match="differs from column 'wind' only in upper"):
        load(Cased)


def test_a_contract_that_was_not_written_in_pandera_is_held_to_the_same():
    rules = (
        not_null("value"),
        builtin("isin", {"allowed_values": [1, 20]}, "value"),
        builtin("in_range", {"min_value": 9, "max_value": 0}, "value"),
        Rule("other_unique", "(other) is unique", "unique", ("other",)),
    )
    contract = Contract("Written", Version(1, 0, 0), "", (Column("value", "int64"),), rules)
    assert [problem.what.partition(":")[0] for problem in soundness_problems(contract)] == [
        "`value in [9, 0]` cannot be a rule",
        "`(other) is unique` names other, not a column",
    ]
