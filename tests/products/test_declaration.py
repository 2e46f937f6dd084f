"""A function and a contract become a product, or everything that is wrong is said at once."""

import json
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.contracts.pandera import load
from mesh.errors import DefinitionError
from mesh.naming import ProductId
from mesh.products.declaration import code_version, declaration_of
from mesh.products.ports import Access, DailyPartitions, MonthlyPartitions, StaticPartitions
from tests.products.small import Things, declared, named


class Later(Things):
    """One row per thing, with a change that breaks."""

    class Config:
        version = "2.1.0"


class Dated(mesh.Contract):
    """Days and countries."""

    day: str
    country: str
    amount: float


def problems_of(*arguments, **options) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        declared(*arguments, **options)
    return [problem.what for problem in caught.value.problems]


def test_the_function_stays_an_ordinary_function():
    def things(factor):
        """Things, by a factor."""
        return pl.LazyFrame({"id": [factor], "name": ["x"]})

    marked = mesh.data_product(contract=Things, inputs={"factor": mesh.Input("shop.factors_v1")})(
        things
    )
    assert marked is things
    assert things(3).collect().to_dicts() == [{"id": 3, "name": "x"}]


def test_a_declaration_says_what_was_declared_and_nothing_more():
    product = declared(named("things"))
    assert product.id == ProductId("shop", "things", 1)
    assert product.description == "What it makes."
    assert product.contract == load(Things)
    assert isinstance(product.write, mesh.Overwrite)
    assert isinstance(product.on_violation, mesh.Refuse)
    assert product.access is Access.PROTECTED
    assert product.engine == "python"
    assert product.inputs == {}


def test_a_function_that_was_not_declared_declares_nothing():
    assert declaration_of(named("things")) is None
    assert declaration_of(5) is None


def test_everything_that_can_be_declared_is_kept():
    product = declared(
        named("totals", "things"),
        inputs={"things": mesh.Input("shop.things_v1", columns=["id"], purpose="totals")},
        on_violation=mesh.Quarantine(tolerance=0.01),
        write=mesh.Upsert(on="id"),
        freshness=mesh.Freshness(within="36h"),
        schedule="0 6 * * *",
        access="public",
        tags={"tier": "gold"},
    )
    assert product.write.on == ("id",)
    assert product.freshness.duration == timedelta(hours=36)
    assert product.access is Access.PUBLIC
    written = json.loads(json.dumps(product.as_json()))
    assert written["inputs"]["things"] == {
        "product": "shop.things_v1",
        "columns": ["id"],
        "purpose": "totals",
        "incremental": False,
        "expects": {},
    }
    assert written["tolerance"] == 0.01
    assert written["write"] == "upsert"
    assert written["tags"] == {"tier": "gold"}


def test_a_product_without_its_own_words_takes_those_of_its_module_or_contract():
    function = named("things")
    function.__doc__ = None
    assert declared(function).description.startswith("Domains written into a folder")
    alone = named("things", of="no.module")
    alone.__doc__ = None
    assert declared(alone).description == "One row per thing."


def test_the_major_comes_from_the_contract():
    assert declared(named("things"), contract=Later).id.major == 2
    assert declared(named("things_v2"), contract=Later).id == ProductId("shop", "things", 2)
    assert problems_of(named("things_v3"), contract=Later) == [
        "the function says v3, its contract says 2.1.0"
    ]


def test_a_contract_may_be_given_as_its_value():
    assert declared(named("things"), contract=load(Things)).contract == load(Things)


def test_every_problem_is_told_at_once_with_its_place():
    class Wrong(mesh.Contract):
        id: int = mesh.Field(key=True, nullable=True)

    with pytest.raises(DefinitionError) as caught:
        declared(named("Things", "other"), contract=Wrong, inputs={"input": mesh.Input("x")})
    assert {problem.what for problem in caught.value.problems} == {
        "a key column cannot be nullable",
        "'Things' cannot be a product's name",
        "parameter 'other' has no input",
        "input 'input' is not a parameter of the function",
    }
    assert all(problem.where for problem in caught.value.problems)


def test_ports_columns_and_partitions_are_told_at_once():
    found = problems_of(
        named("things", "a", "b"),
        inputs={"a": mesh.Input("things"), "b": mesh.Input("shop.things_v1", columns=[])},
        write=mesh.ReplacePartitions(by="country"),
        partition_by=["nmae"],
    )
    assert found == [
        "partition_by names 'nmae', which is not a column of the contract",
        "ReplacePartitions(by) names 'country', which is not a column of the contract",
        "ReplacePartitions(by) names columns that partition_by does not",
        "'things' is not a product's name",
        "it declares no columns",
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"write": mesh.Upsert(on=[])}, "Upsert needs a key"),
        ({"write": mesh.Upsert(on=["nmae"])}, "Upsert(on) names 'nmae', which is not a column"),
        ({"partition_by": ["id", "name"]}, "partition_by leaves no column for the files"),
    ],
)
def test_a_way_to_write_that_cannot_work_is_refused(options, problem):
    assert any(found.startswith(problem) for found in problems_of(named("things"), **options))


@pytest.mark.parametrize("name", ["select", "class_", "_things", "Things", "things_", "con"])
def test_a_function_with_a_name_that_cannot_be_a_products_is_refused(name):
    assert any("product's name" in p or "reserved" in p for p in problems_of(named(name)))


def test_a_parameter_with_a_default_needs_no_input():
    assert declared(named("things", "factor=2")).inputs == {}


class TestPartitions:
    months = MonthlyPartitions(start="2013-01", end="2013-03")
    by_day = mesh.ReplacePartitions(by="day")

    def test_a_partitioned_product_takes_its_partition(self):
        product = declared(
            named("sales", "partition"), contract=Dated, partitions=self.months, write=self.by_day
        )
        assert product.partition_by == ("day",)
        assert product.partitions.keys() == ("2013-01", "2013-02", "2013-03")

    def test_it_says_what_is_missing(self):
        assert problems_of(named("sales"), contract=Dated, partitions=self.months) == [
            "the function takes no partition",
            "a run would replace every partition",
        ]
        assert problems_of(named("sales", "partition"), contract=Dated) == [
            "parameter 'partition' has no partitions"
        ]

    def test_an_input_cannot_take_its_parameter(self):
        options = {"inputs": {"partition": mesh.Input("shop.things_v1")}}
        found = problems_of(named("sales", "partition"), contract=Dated, **options)
        assert found == ["an input cannot be called 'partition'"]

    def test_open_partitions_end_with_the_last_that_is_over(self):
        today = date(2013, 3, 1)
        assert MonthlyPartitions("2012-12").keys(today) == ("2012-12", "2013-01", "2013-02")
        assert DailyPartitions("2013-02-27").keys(today) == ("2013-02-27", "2013-02-28")
        assert MonthlyPartitions("2013-03").keys(today) == ()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: MonthlyPartitions("2013"),
            lambda: MonthlyPartitions("2013-02", "2013-01"),
            lambda: MonthlyPartitions("2013-13"),
            lambda: DailyPartitions("2013-02-30"),
            lambda: StaticPartitions([]),
            lambda: StaticPartitions(["a", "a"]),
            lambda: StaticPartitions([""]),
        ],
        ids=["no month", "reversed", "month 13", "day 30", "none", "twice", "empty"],
    )
    def test_what_is_no_partition_is_refused_where_it_is_written(self, make):
        with pytest.raises(ValueError, match=r"partitions|is not a"):
            make()


@pytest.mark.parametrize("text", ["", "1", "d", "0d", "1 day", "-1d", "1.5h", "1y"])
def test_what_is_no_duration_is_refused_where_it_is_written(text):
    with pytest.raises(ValueError, match="is not a duration"):
        mesh.Freshness(within=text)


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_what_is_no_share_is_refused_where_it_is_written(share):
    with pytest.raises(ValueError, match="is not a share"):
        mesh.Quarantine(tolerance=share)


def test_the_code_version_is_that_of_the_module():
    assert code_version(declared) == code_version(named)
    assert len(code_version(declared)) == 12
    assert code_version(named("things", of="no.module")) == ""


def test_products_that_a_contract_only_refers_to_are_told_apart_from_those_that_are_read():
    class Flights(mesh.Contract):
        tail: str = mesh.Field(references="fleet.aircraft_v1.tail")
        origin: str = mesh.Field(references="network.airports_v1.faa")
        previous: str = mesh.Field(references="shop.flights_v1.tail", nullable=True)

    product = declared(
        named("flights", "airports"),
        contract=Flights,
        inputs={"airports": mesh.Input("network.airports_v1")},
    )
    assert [str(other) for other in product.referenced] == ["fleet.aircraft_v1"]


@pytest.mark.parametrize(
    ("write", "others", "problem"),
    [
        (mesh.Overwrite(), {}, "incremental, and each publication is the whole"),
        (mesh.ReplacePartitions(by="id"), {}, "changed rows alone would replace whole partitions"),
        (mesh.ReplacePartitions(by="id"), {"all": mesh.Input("shop.things_v1")}, ""),
        (mesh.Append(), {}, ""),
        (mesh.Upsert(on="id"), {}, ""),
    ],
)
def test_changed_rows_are_of_use_to_products_that_keep_what_they_have(write, others, problem):
    inputs = {"new": mesh.Input("shop.things_v1", incremental=True), **others}
    function = named("totals", *inputs)
    if not problem:
        assert declared(function, inputs=inputs, write=write).inputs["new"].incremental
        return
    with pytest.raises(DefinitionError, match=problem):
        declared(function, inputs=inputs, write=write)


def test_the_source_is_a_path_below_the_root():
    def things():
        """Written here."""

    declaration = declaration_of(mesh.data_product(contract=Things)(things))
    assert declaration.bind("shop", Path(__file__).parents[2]).source == (
        "tests/products/test_declaration.py"
    )
