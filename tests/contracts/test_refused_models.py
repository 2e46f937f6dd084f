"""A Pandera model that cannot be a contract is refused, with every problem and its place."""

from typing import Optional

import polars as pl
import pytest

import mesh
from tests.contracts.made import made, problems_of


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
