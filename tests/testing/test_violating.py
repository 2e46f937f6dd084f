"""Data that breaks one rule: the gate finds that rule, and no other unless it has to."""

import datetime as dt
from dataclasses import replace
from typing import Annotated

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from pandera.polars import PolarsData

import mesh
from mesh.contracts import measures, value_rules
from mesh.contracts.model import Contract, Severity
from mesh.contracts.pandera import load
from mesh.errors import ContractDefinitionError, SamplingError, UnknownRuleError
from mesh.testing import judge, sample, violate
from mesh.testing.breaking import broken_by
from mesh.testing.sampling import Samples
from tests.publishing.generated import Drawn, drawn


class Trips(mesh.Contract):
    """One row per trip."""

    trip_id: str = mesh.Field(key=True, str_matches=r"^T[0-9]{6}$")
    rider_email: str = mesh.Field(format="email", nullable=True)
    driver_id: str = mesh.Field(references="people.drivers_v1.driver_id")
    booked_at: mesh.UTCDatetime = mesh.Field()
    day: dt.date = mesh.Field(ge=dt.date(2020, 1, 1))
    started_at: mesh.UTCDatetime = mesh.Field()
    kind: str = mesh.Field(isin=["city", "airport"])
    seats: int = mesh.Field(ge=1, le=8)
    price_usd: float = mesh.Field(gt=0, multiple_of=0.05)
    stops: Annotated[pl.List, pl.String] = mesh.Field(
        item_count={"at_least": 1, "at_most": 4}, unique_items=True
    )
    place: Annotated[pl.Struct, {"city": pl.String, "zip": pl.String}] = mesh.Field(
        required_fields=["city"]
    )

    @mesh.dataframe_check
    @classmethod
    def day_is_that_of_the_start(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("day") == pl.col("started_at").dt.date())

    @mesh.check("seats")
    @classmethod
    def there_are_several_sizes(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).n_unique() > 1)

    class Config:
        row_count = mesh.RowCount(at_least=3, at_most=500)


def _trips() -> Contract:
    loaded = load(Trips)
    added = (
        value_rules.compare("booked_at", "less_than_or_equal_to", "started_at"),
        measures.metric(
            "nullValues", measures.Bound("mustBeLessThan", 40), columns=("rider_email",)
        ),
        measures.metric(
            "duplicateValues", measures.Bound("mustBeLessThan", 5), columns=("rider_email",)
        ),
        measures.sql(
            "few_at_airports",
            "SELECT COUNT(*) FROM Trips WHERE kind = 'airport' AND seats > 6 AND price_usd > 900",
            measures.Bound("mustBe", 0),
            table="Trips",
            severity=Severity.WARNING,
        ),
    )
    return replace(loaded, rules=(*loaded.rules, *added))


TRIPS = _trips()
DRIVERS = {"people.drivers_v1": pl.DataFrame({"driver_id": ["ann", "bo", "cy"]})}


@pytest.mark.parametrize("rule", [rule.text for rule in TRIPS.rules])
def test_exactly_one_rule_is_broken(rule):
    rows = violate(TRIPS, rule, references=DRIVERS)
    broken = judge(TRIPS, rows, references=DRIVERS).failures
    assert [item.rule.text for item in broken] == [rule]


def test_the_other_rows_are_good():
    rows = violate(TRIPS, "seats_in_range", rows=20, references=DRIVERS)
    good = rows.filter(pl.col("seats").is_between(1, 8))
    assert (rows.height, good.height) == (20, 19)
    assert judge(TRIPS, good, references=DRIVERS).is_accepted


def test_the_same_seed_breaks_it_in_the_same_way():
    first, second = (violate(TRIPS, "kind in {city, airport}", seed=5) for _ in range(2))
    assert first.equals(second)


def test_what_has_to_break_with_it_is_named_and_may_be_allowed():
    class Counts(mesh.Contract):
        part: int = mesh.Field(ge=0)
        total: int = mesh.Field(ge=0)

    loaded = load(Counts)
    compared = value_rules.compare("part", "less_than_or_equal_to", "total")
    contract = replace(loaded, rules=(*loaded.rules, compared))
    with pytest.raises(SamplingError, match="break `total ≥ 0` and keep `part ≤ total`") as caught:
        violate(contract, "total ≥ 0")
    assert f'implying=["{compared.id}"]' in caught.value.hint
    rows = violate(contract, "total ≥ 0", implying=[compared.id])
    assert {f.rule.text for f in judge(contract, rows).failures} == {"total ≥ 0", "part ≤ total"}


def test_a_rule_that_nothing_breaks_says_so():
    class Flags(mesh.Contract):
        is_open: bool = mesh.Field(isin=[True, False])

    rule = load(Flags).rules[1].text
    with pytest.raises(SamplingError, match="no rows were found that break"):
        violate(Flags, rule)


def test_an_unknown_rule_is_told_with_near_ones():
    with pytest.raises(UnknownRuleError, match="did you mean") as caught:
        violate(TRIPS, "seats in [1, 9]")
    assert "seats in [1, 8]" in str(caught.value)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_whatever_the_contract_what_breaks_a_rule_breaks_it(case: Drawn):
    try:
        contract = load(case.contract())
        sample(contract)
    except (ContractDefinitionError, SamplingError):
        assume(False)
    order = Samples().order(contract)
    for rule in contract.rules:
        found = broken_by(order, rule)
        if found is not None:
            broken = {item.rule.id for item in judge(contract, found.rows).failures}
            assert broken == {rule.id, *(item.id for item in found.implied)}
