"""What is wrong with a write mode is said when it is declared, all of it at once."""

import datetime as dt

import polars as pl
import pytest

import mesh
from mesh.errors import DefinitionError
from tests.products.small import declared, named


class Prices(mesh.Contract):
    """One row per article and period."""

    article: str = mesh.Field(key=True)
    begin: dt.date = mesh.Field(key=True)
    end: dt.date = mesh.Field(nullable=True)
    price: float


class Unkeyed(mesh.Contract):
    """Rows without a key."""

    article: str
    begin: dt.date = mesh.Field(nullable=True)
    end: mesh.UTCDatetime
    price: float


def problems_of(contract=Prices, **options) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        declared(named("things"), contract=contract, **options)
    return [problem.what for problem in caught.value.problems]


def history(**changed) -> mesh.SlowlyChanging:
    words = {"key": "article", "valid_from": "begin", "valid_to": "end"}
    return mesh.SlowlyChanging(**{**words, **changed})


def test_a_history_is_declared_by_its_key_and_its_two_moments():
    product = declared(named("things"), contract=Prices, write=history(delete_when="is_gone"))
    assert product.write.on == ("article", "begin")
    assert product.write.condition == "is_gone"
    assert product.write_rules == ()
    assert product.as_json()["write"] == "slowly_changing"


def test_a_history_without_a_promised_key_is_held_against_one():
    class Loose(Unkeyed):
        begin: dt.date
        end: dt.date = mesh.Field(nullable=True)

    product = declared(named("things"), contract=Loose, write=history())
    assert [rule.text for rule in product.write_rules] == ["(article, begin) is unique"]


def test_everything_that_is_wrong_with_a_history_is_told_at_once():
    assert problems_of(Unkeyed, write=history(key=["article", "colour"])) == [
        "SlowlyChanging(key) names 'colour', which is not a column of the contract",
        "valid_from 'begin' may be null",
        "valid_to 'end' is a timestamp, valid_from a date",
        "valid_to 'end' is not nullable",
    ]


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({"key": []}, ["SlowlyChanging needs a key",
                       "SlowlyChanging: the contract's key is not (key, valid_from)"]),
        ({"key": "price"}, ["SlowlyChanging: the contract's key is not (key, valid_from)"]),
        ({"valid_from": "price"}, ["SlowlyChanging: the contract's key is not (key, valid_from)",
                                   "valid_from 'price' is a float64",
                                   "valid_to 'end' is a date, valid_from a float64"]),
        ({"valid_to": "begin"}, ["SlowlyChanging names a column twice",
                                 "valid_to 'begin' is not nullable"]),
        ({"delete_when": 3}, ["delete_when is a int"]),
        ({"delete_when": "price < 0"}, ["delete_when 'price < 0' is not the name of a column"]),
        ({"delete_when": pl.lit(value=True)}, ["delete_when looks at no column"]),
    ],
    ids=["no key", "another key", "no moment", "one column twice", "a number", "SQL", "no column"],
)  # fmt: skip
def test_each_misuse_of_a_history_has_its_words(changed, problems):
    assert problems_of(write=history(**changed)) == problems


def test_a_period_ends_in_a_column_of_the_contract():
    (problem,) = problems_of(write=history(valid_to="ends"))
    assert problem == "SlowlyChanging(valid_to) names 'ends', which is not a column of the contract"


def test_files_are_not_laid_out_by_a_periods_end():
    assert problems_of(write=history(), partition_by=["end"]) == [
        "files cannot be laid out by 'end', which changes"
    ]


def test_an_upsert_names_columns_of_the_contract_and_its_key():
    assert problems_of(write=mesh.Upsert(on=["article", "colour"])) == [
        "Upsert(on) names 'colour', which is not a column of the contract",
        "Upsert(on) is not the contract's key",
    ]
    assert problems_of(Unkeyed, write=mesh.Upsert(on=[])) == ["Upsert needs a key"]


@pytest.mark.parametrize(
    "condition",
    [pl.col("price") > pl.col("price").mean(), pl.col("price").shift(1) > 0,
     (pl.col("price").sum() > 0).over("article")],
    ids=["a total", "a neighbour", "a window"],
)  # fmt: skip
def test_what_deletes_a_row_is_in_that_row(condition):
    (problem,) = problems_of(write=mesh.Upsert(on=["article", "begin"], delete_when=condition))
    assert problem.startswith("delete_when looks at more than one row")


def test_modes_that_delete_by_the_same_condition_are_equal():
    def mode(kind):
        return mesh.Upsert(on="article", delete_when=pl.col("_change_type") == kind)

    assert mode("delete") == mode("delete")
    assert mode("delete") != mode("insert")
    assert hash(mode("delete")) == hash(mode("delete"))
