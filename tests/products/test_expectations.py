"""What is expected of an input is said in a few words, and everything wrong with it at once."""

import datetime as dt
import json

import pytest

import mesh
from mesh.contracts.model import Severity
from mesh.errors import DefinitionError
from mesh.products.consistency import check
from mesh.products.expectations import WORDS, expectations, expectations_of
from tests.products.small import Things, declared

UPSTREAM = "network.airports_v1"


def problems_of(expects, columns=("code", "height")):
    with pytest.raises(DefinitionError) as caught:
        bound(expects, columns)
    return [
        f"{p.where.partition('expects ')[2]}: {p.what} | {p.hint}" for p in caught.value.problems
    ]


def bound(expects, columns=("code", "height")):
    def things(airports):
        return airports

    return declared(
        things, contract=Things, inputs={"airports": mesh.Input(UPSTREAM, columns, expects=expects)}
    )


def test_expectations_are_rules_that_people_can_read():
    product = bound(
        {
            "height": {"max_null_share": 0.05, "max": 9_000, "severity": "warning"},
            "code": {"isin": ["EWR", "JFK"], "unique": True},
            "*": {"min_rows": 1_000, "published_within": "2d"},
        }
    )

    found = expectations(product.inputs)
    assert [item.text for item in found] == [
        "height is null in at most 0.05 of rows",
        "height ≤ 9000",
        "code in {EWR, JFK}",
        "code is unique",
        "at least 1,000 rows",
        "it was published at most 2d ago",
    ]
    assert [item.severity for item in found[:3]] == [Severity.WARNING] * 2 + [Severity.ERROR]
    assert found[0].rule.id == "expects_airports_height_max_null_share"
    assert found[0].rule.text == (
        f"input 'airports': of {UPSTREAM}, height is null in at most 0.05 of rows"
    )
    assert {item.rule.id for item in found} < {rule.id for rule in product.rules}


def test_expectations_are_told_as_plain_values():
    product = bound(
        {"height": {"min": dt.date(2024, 1, 1), "isin": {dt.date(2024, 1, 2)}}, "code": {"isin": ("b", "a")}}
    )  # fmt: skip

    told = product.as_json()["inputs"]["airports"]["expects"]
    assert json.loads(json.dumps(told)) == {
        "height": {"min": "2024-01-01", "isin": ["2024-01-02"]},
        "code": {"isin": ["b", "a"]},
    }


def test_every_problem_is_said_at_once():
    assert problems_of(
        {
            "heigth": {"max": 3},
            "height": {"max_nul_share": 0.1, "min": 5, "max": 3, "min_rows": 4},
            "code": {"max_null_share": 5, "unique": False, "isin": [], "severity": "fatal"},
            "*": {"min_rows": 9, "max_rows": 3, "published_within": "soon", "max": 4},
        }
    ) == [
        "'heigth': 'heigth' is not a column of the input | did you mean height?",
        "'height': there is no expectation 'max_nul_share' | did you mean max_null_share or max_age?",
        "'height': min_rows is expected of the whole input | say it of the whole input, or one of max_null_share, min, max, isin, unique, max_age",
        "'height': min 5 is above max 3: nothing would do | change one of them",
        "'code': max_null_share is 5 | a share of rows from 0 to 1, such as 0.05",
        "'code': unique is False | true: leave it out otherwise",
        """\'code\': isin is [] | a list of values, such as ["EWR", "JFK"]""",
        "'code': severity is 'fatal' | error or warning",
        "'*': published_within is 'soon' | a duration such as 30m, 12h, 1d or 2w",
        "'*': max is expected of a column | say it of a column, or one of min_rows, max_rows, published_within",
        "'*': min_rows 9 is above max_rows 3: nothing would do | change one of them",
    ]


@pytest.mark.parametrize(
    ("expects", "what"),
    [
        (["height"], "expects is list, not a mapping"),
        ({"height": 3}, "it is not a mapping of words to values"),
        ({"height": {}}, "it is not a mapping of words to values"),
        ({"height": {"severity": "warning"}}, "it expects nothing"),
        ({"height": {"max": None}}, "max is None"),
        ({"height": {"min": float("nan")}}, "min is nan"),
        ({"height": {"isin": "EWR"}}, "isin is 'EWR'"),
        ({"height": {"isin": [1, 20], "max": 10}}, "isin names 20, which min or max excludes"),
        ({"height": {"max_null_share": True}}, "max_null_share is True"),
        ({"height": {"min": "2024-02-01", "max": dt.date(2024, 1, 1)}}, "min 2024-02-01 is above max 2024-01-01: nothing would do"),
        ({"*": {"min_rows": 1.5}}, "min_rows is 1.5"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_problem(expects, what):
    (problem,) = problems_of(expects)

    assert f": {what} | " in f": {problem}" or what in problem


def test_a_bound_of_another_kind_is_left_to_where_the_column_is_known():
    product = bound({"height": {"min": 1, "max": "b"}})

    assert len(expectations_of("airports", product.inputs["airports"])) == 2


def test_every_word_is_told_of_where_inputs_are_declared():
    assert all(f"`{word}`" in (mesh.Input.__doc__ or "") for word in WORDS)


def test_expectations_are_held_against_the_contract_of_the_input(tmp_path):
    from mesh.products.collection import load_organization
    from tests.products.small import module, write_mesh

    reader = '''
"""Reads things."""
import polars as pl

import mesh


class Reads(mesh.Contract):
    """One row each."""

    id: int = mesh.Field(key=True)


@mesh.data_product(
    contract=Reads,
    inputs={"things": mesh.Input("shop.things_v1", expects={
        "id": {"min": "a", "max_age": "1d"}, "name": {"unique": True}, "*": {"min_rows": 1},
    })},
)
def reads(things: pl.LazyFrame) -> pl.LazyFrame:
    return things
'''
    settings = write_mesh(tmp_path, {"shop": {"things": module("things"), "reads": reader}})

    assert [problem.what for problem in check(load_organization(settings))] == [
        "min cannot be expected of shop.things_v1: id is a int64, and 'a' is none",
        "max_age cannot be expected of shop.things_v1: id is a int64, which has no age: name a date or a time",
        "unique cannot be expected of shop.things_v1: there is no column 'name'",
    ]
