"""Samples keep their contract, look right, fit each other, and are the same for the same seed."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from pandera.polars import PolarsData

import mesh
from mesh.contracts import measures, rules, value_rules
from mesh.contracts.formats import NAMES
from mesh.contracts.model import Severity
from mesh.contracts.pandera import load
from mesh.errors import ContractDefinitionError, MeshError, SamplingError, UnknownColumnError
from mesh.products.collection import load_organization
from mesh.settings import load as load_settings
from mesh.testing import judge, sample, samples
from mesh.testing.sampling import Samples
from tests.house.repository import ROOT
from tests.publishing.generated import Drawn, drawn
from tests.publishing.test_gate_property import gated


class Orders(mesh.Contract):
    """One row per order."""

    order_id: str = mesh.Field(key=True, str_matches=r"^[0-9]{6}$")
    customer_email: str = mesh.Field(format="email")
    ordered_at: mesh.UTCDatetime = mesh.Field()
    shipped_at: mesh.UTCDatetime = mesh.Field(nullable=True)
    status: str = mesh.Field(isin=["open", "done"])
    quantity: int = mesh.Field(ge=10, le=500, multiple_of=10)
    price_usd: Annotated[pl.Decimal, 12, 2] = mesh.Field(gt=Decimal("0.50"), lt=Decimal(100))
    total_usd: float = mesh.Field(ge=0)

    @mesh.dataframe_check
    @classmethod
    def shipped_after_it_was_ordered(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("ordered_at") <= pl.col("shipped_at"))

    @mesh.dataframe_check
    @classmethod
    def total_is_price_times_quantity(cls, data: PolarsData) -> pl.LazyFrame:
        total = pl.col("price_usd").cast(pl.Float64) * pl.col("quantity")
        return data.lazyframe.select((pl.col("total_usd") - total).abs() < 0.005)


ORDERS = load(Orders)


@pytest.fixture(scope="module")
def organization():
    return load_organization(load_settings(ROOT))


def test_a_sample_keeps_its_contract():
    rows = sample(Orders, rows=500)
    assert judge(Orders, rows).is_accepted
    assert rows.height == 500
    assert rows["shipped_at"].null_count() > 0
    assert rows["status"].unique().sort().to_list() == ["done", "open"]


def test_the_same_seed_makes_the_same_rows_and_another_other_ones():
    assert sample(Orders, seed=3).equals(sample(ORDERS, seed=3))
    assert not sample(Orders, seed=3).equals(sample(Orders, seed=4))


def test_a_hundred_thousand_rows_have_a_hundred_thousand_keys():
    assert sample(Orders, rows=100_000)["order_id"].n_unique() == 100_000


def test_the_share_of_nulls_is_what_was_asked_for():
    assert sample(Orders, null_share=0.0)["shipped_at"].null_count() == 0
    assert sample(Orders, null_share=1.0)["shipped_at"].null_count() == 100


@pytest.mark.parametrize("name", [*NAMES, "yyyy-MM-dd", "dd.MM.yyyy HH:mm", "EEE, d MMM yyyy"])
def test_texts_have_every_format(name):
    class Texts(mesh.Contract):
        text: str = mesh.Field(format=name, unique=name not in {"date", "time", "yyyy-MM-dd"})

    assert judge(Texts, sample(Texts)).is_accepted


@pytest.mark.parametrize(
    "options",
    [
        {"pattern": r"^[A-Z]{2}-\d{3,}\u00e4?$"},
        {"pattern": r"[^a-z]\w+\s(?:b|c)*"},
        {"pattern": r"(?<year>\d{4})\p{L}+\u{41}[\b]?"},
        {"str_matches": r"(?P<year>\d{4})[^\W_]+.?"},
        {"str_matches": r"^(N|D-)[0-9A-F]{1,5}(\.[a-z]+)*$"},
        {"str_contains": "@", "str_startswith": "a"},
        {"str_startswith": "id:", "str_endswith": "!"},
        {"str_length": {"min_value": 30, "max_value": 40}},
        {"str_length": {"min_value": 2, "max_value": 2}},
        {"isin": ["a", "b"], "ne": "a"},
    ],
    ids=str,
)
def test_texts_match_every_pattern(options):
    class Texts(mesh.Contract):
        email: str = mesh.Field(**options)

    assert judge(Texts, sample(Texts)).is_accepted


def test_lists_and_structs_have_the_items_and_fields_that_are_promised():
    class Nested(mesh.Contract):
        vector: Annotated[pl.List, pl.Float32] = mesh.Field(
            item_count={"at_least": 4, "at_most": 4}
        )
        tags: Annotated[pl.List, pl.String] = mesh.Field(
            item_count={"at_least": 2}, unique_items=True
        )
        address: Annotated[pl.Struct, {"city": pl.String, "zip": pl.Int32, "note": pl.String}] = (
            mesh.Field(required_fields=["zip"], field_count={"at_most": 2})
        )

    assert judge(Nested, sample(Nested)).is_accepted


def test_a_key_of_few_values_has_as_many_rows_as_there_are():
    class Hours(mesh.Contract):
        airport: str = mesh.Field(key=True, isin=["EWR", "JFK", "LGA"])
        hour: int = mesh.Field(key=True, ge=0, le=4)

    assert sample(Hours, rows=15).height == 15
    with pytest.raises(SamplingError, match="only 15 of 16 rows could be told apart by") as caught:
        sample(Hours, rows=16)
    assert "rows=15" in caught.value.hint


def test_columns_compare_as_they_are_promised():
    class Spans(mesh.Contract):
        low: int = mesh.Field(ge=0, le=10)
        middle: int = mesh.Field(ge=0, le=10)
        high: int = mesh.Field(ge=0, le=10)

    loaded = load(Spans)
    compared = (
        value_rules.compare("low", "less_than", "middle"),
        value_rules.compare("middle", "less_than_or_equal_to", "high"),
    )
    contract = replace(loaded, rules=(*loaded.rules, *compared))
    assert judge(contract, sample(contract)).is_accepted


@pytest.mark.parametrize(
    "rule",
    [
        rules.row_count(rules.RowCount(at_least=120, at_most=130)),
        measures.metric("rowCount", measures.Bound("mustBeBetween", [7, 9])),
        measures.metric("nullValues", measures.Bound("mustBe", 0), columns=("shipped_at",)),
        measures.metric(
            "nullValues",
            measures.Bound("mustBeLessThan", 20),
            columns=("shipped_at",),
            unit="percent",
        ),
        measures.metric(
            "duplicateValues", measures.Bound("mustBe", 0), columns=("customer_email", "status")
        ),
        measures.metric(
            "invalidValues",
            measures.Bound("mustBe", 0),
            columns=("customer_email",),
            arguments={"pattern": "^[a-m]"},
        ),
        measures.sql(
            "late",
            "SELECT COUNT(*) FROM Orders WHERE shipped_at > ordered_at + INTERVAL 2 HOUR",
            measures.Bound("mustBe", 0),
            table="Orders",
        ),
        measures.sql(
            "dear",
            "SELECT AVG(total_usd) FROM Orders",
            measures.Bound("mustBeGreaterThan", 100),
            table="Orders",
        ),
    ],
    ids=lambda rule: rule.text,
)
def test_rules_on_the_whole_are_kept(rule):
    left = tuple(item for item in ORDERS.rules if item.check != "row_count")
    contract = replace(ORDERS, rules=(*left, rule))
    assert judge(contract, sample(contract)).is_accepted


def test_a_rule_that_no_rows_keep_is_named_with_what_to_pass():
    class Odd(mesh.Contract):
        code: int = mesh.Field(ge=0)

        @mesh.check("code")
        @classmethod
        def is_one_that_nobody_guesses(cls, data: PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key) ** 2 == 1_524_155_677_489)

    with pytest.raises(SamplingError, match="is one that nobody guesses") as caught:
        sample(Odd)
    assert 'columns={"code": […]}' in caught.value.hint
    assert sample(Odd, rows=3, columns={"code": [1_234_567]})["code"].to_list() == [1_234_567] * 3


def test_a_column_may_be_given_as_values_or_made_of_others():
    given = {"status": ["done"], "order_id": pl.col("quantity").rank("ordinal").cast(pl.String)}
    with pytest.raises(SamplingError, match="order_id"):
        sample(Orders, columns=given)
    digits = {"order_id": pl.int_range(pl.len()).cast(pl.String).str.zfill(6)}
    rows = sample(Orders, rows=20, columns={"status": ["done"], **digits})
    assert set(rows["status"]) == {"done"}
    with pytest.raises(SamplingError, match=r"Orders.quantity: values given .* none of its type"):
        sample(Orders, columns={"quantity": ["many"]})
    with pytest.raises(SamplingError, match="rows is -1"):
        sample(Orders, rows=-1)
    with pytest.raises(UnknownColumnError, match="statuss"):
        sample(Orders, columns={"statuss": ["done"]})


def test_what_is_no_contract_is_refused_by_name():
    with pytest.raises(MeshError, match="is no contract and no product"):
        sample(7)  # type: ignore[arg-type]


class Lines(mesh.Contract):
    """One row per line of an order."""

    order_id: str = mesh.Field(key=True, references="sales.orders_v1.order_id")
    line: int = mesh.Field(key=True, ge=1, le=9)
    replaces: str = mesh.Field(
        nullable=True, references=mesh.Reference("sales.orders_v1.order_id", severity="warning")
    )


def test_references_take_values_of_the_given_rows():
    orders = sample(Orders, rows=5)
    lines = sample(Lines, rows=40, references={"sales.orders_v1": orders})
    assert set(lines["order_id"]) == set(orders["order_id"])
    assert set(lines["replaces"].drop_nulls()) <= set(orders["order_id"])
    verdict = judge(Lines, lines, references={"sales.orders_v1": orders.head(4)})
    assert {item.rule.check for item in verdict.failures} == {"references"}


def test_a_contract_by_itself_takes_what_it_refers_to_as_being_there():
    assert sample(Lines, rows=30).height == 30


def test_a_product_may_refer_to_itself(organization):
    class People(mesh.Contract):
        person_id: str = mesh.Field(key=True)
        manager_id: str = mesh.Field(nullable=True)

    loaded = load(People)
    own = rules.references("manager_id", "fleet.aircraft_v1.person_id", Severity.ERROR)
    contract = replace(loaded, rules=(*loaded.rules, own))
    product = replace(organization.products["fleet.aircraft_v1"], contract=contract)
    people = sample(product, rows=50)
    assert judge(product, people).is_accepted
    assert people["manager_id"].drop_nulls().is_in(people["person_id"].implode()).all()


def test_samples_of_several_products_refer_to_each_other(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = samples({"operations.flights": 300, "network.carriers_v1": 12})
    flights, carriers = found["operations.flights_v1"], found["network.carriers_v1"]
    assert (flights.height, carriers.height) == (300, 12)
    assert set(flights["carrier_code"]) == set(carriers["carrier_code"])


def test_every_product_of_this_mesh_has_a_sample(organization):
    made = Samples(known=organization)
    for name, product in organization.products.items():
        rows = made.rows_of(name)
        judged = made.order(product).judge(rows).verdict(rows)
        assert judged.is_accepted, judged.describe(name)
        assert rows.height == 100


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_whatever_the_contract_a_sample_passes_the_gate(case: Drawn):
    """And where rows are known that keep it, there is a sample."""
    try:
        contract = load(case.contract())
    except ContractDefinitionError:
        assume(False)
    try:
        rows = sample(contract)
    except SamplingError:
        frame = case.frame()
        assert frame.is_empty() or gated(contract, frame, case).verdict.failures
    else:
        assert judge(contract, rows).is_accepted
        assert rows.equals(sample(contract))


def test_dates_and_times_stay_within_their_bounds():
    first, last = dt.date(1999, 12, 30), dt.date(2000, 1, 2)

    class Days(mesh.Contract):
        day: dt.date = mesh.Field(key=True, ge=first, le=last)
        took: dt.timedelta = mesh.Field(ge=dt.timedelta(0), lt=dt.timedelta(seconds=2))
        local: dt.datetime = mesh.Field(ge=dt.datetime(1900, 1, 1), lt=dt.datetime(1900, 1, 2))

    rows = sample(Days, rows=4)
    assert (rows["day"].min(), rows["day"].max()) == (first, last)
    assert judge(Days, rows).is_accepted
