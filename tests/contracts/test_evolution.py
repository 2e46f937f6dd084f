"""Every kind of change between two contracts, as it stands with consumers and with the producer."""

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

import mesh
from mesh.contracts.evolution import Bump, Kind, Standing, compare
from mesh.contracts.measures import Bound, metric, sql
from mesh.contracts.model import Classification, Contract, Severity, Version
from mesh.contracts.pandera import load
from mesh.contracts.rules import references, unique
from tests.contracts.made import made

COMPATIBLE, RISKY, BREAKING = Standing
NONE, PATCH, MINOR, MAJOR = Bump


class Base(mesh.Contract):
    """One row each."""

    id: int = mesh.Field(key=True)
    value: float = mesh.Field(ge=0, lt=254, unit="mph", description="How fast")
    kind: str = mesh.Field(isin=["a", "b"])
    note: str = mesh.Field(nullable=True)


BASE = load(Base)


def told(before, after):
    """Changes as (kind, consumer, producer, bump), without the contract's own name."""
    changes = compare(load(before), load(after)).changes
    return [(c.kind, c.consumer, c.producer, c.bump) for c in changes if c.before != "Made"]


def one(annotation=float, other=None, **pair):
    """The one change between two contracts of one column."""
    before = {name: value[0] for name, value in pair.items() if value[0] is not None}
    after = {name: value[1] for name, value in pair.items() if value[1] is not None}
    (change,) = compare(
        load(made(annotation, **before)), load(made(other or annotation, **after))
    ).changes
    return change


def standing(change):
    return change.kind, change.consumer, change.producer, change.bump


def test_equal_contracts_have_no_changes_also_when_one_was_kept_as_json():
    assert compare(BASE, BASE).changes == ()
    assert compare(BASE, Contract.from_json(BASE.as_json())).changes == ()
    assert compare(BASE, BASE).is_bumped


def test_a_column_that_is_added_asks_for_a_minor():
    class After(Base):
        """One row each."""

        more: int = mesh.Field(nullable=True)
        most: int

    found = compare(BASE, replace(load(After), name="Base"))
    assert [standing(c) for c in found.changes] == [
        (Kind.COLUMN_ADDED, COMPATIBLE, BREAKING, MINOR)
    ] * 2
    assert [c.after for c in found.changes] == ["int64, nullable", "int64, not null"]
    assert (found.needed, found.made, found.is_bumped) == (MINOR, NONE, False)
    assert str(found.wanted) == "1.1.0"
    bumped = compare(BASE, replace(load(After), name="Base", version=Version(1, 1, 0)))
    assert bumped.is_bumped


def test_a_column_that_is_gone_breaks_and_a_near_name_is_offered():
    columns = tuple(replace(c, name="values") if c.name == "value" else c for c in BASE.columns)
    rules = tuple(r for r in BASE.rules if r.columns != ("value",))
    found = compare(BASE, replace(BASE, columns=columns, rules=rules)).changes
    assert standing(found[0]) == (Kind.COLUMN_REMOVED, BREAKING, BREAKING, MAJOR)
    assert "renamed_from='value'" in found[0].reason
    assert [c.kind for c in found] == [Kind.COLUMN_REMOVED, Kind.COLUMN_ADDED]


def test_a_declared_rename_is_one_change_and_its_rules_are_compared():
    class After(mesh.Contract):
        """One row each."""

        id: int = mesh.Field(key=True)
        speed: float = mesh.Field(
            ge=0, lt=300, unit="mph", description="How fast", renamed_from="value"
        )
        kind: str = mesh.Field(isin=["a", "b"])
        note: str = mesh.Field(nullable=True)

    renamed, loosened = compare(BASE, replace(load(After), name="Base")).changes
    assert standing(renamed) == (Kind.COLUMN_RENAMED, BREAKING, BREAKING, MAJOR)
    assert (renamed.before, renamed.after) == ("value", "speed")
    assert standing(loosened) == (Kind.RULE_LOOSENED, RISKY, COMPATIBLE, MINOR)
    assert loosened.column == "value"


@pytest.mark.parametrize("facts", [
    {"customProperties": [{"property": "renamedFrom", "value": "value"}]},
    {"id": "stable"},
])  # fmt: skip
def test_a_rename_is_declared_in_odcs_by_a_custom_property_or_a_stable_id(facts):
    def document(name, own):
        return {"schema": [{"name": "t", "properties": [{"name": name, **own}]}]}

    before = replace(load(made()), document=document("value", {"id": "stable"}), table="t")
    (column,), (rule,) = before.columns, before.rules
    after = replace(before, columns=(replace(column, name="other"),),
                    rules=(replace(rule, columns=("other",)),),
                    document=document("other", facts))  # fmt: skip
    assert [c.kind for c in compare(before, after).changes] == [Kind.COLUMN_RENAMED]


@pytest.mark.parametrize(("before", "after", "expected"), [
    (pl.Int32, pl.Int64, (Kind.TYPE_WIDENED, RISKY, COMPATIBLE, MINOR)),
    (pl.Float32, pl.Float64, (Kind.TYPE_WIDENED, RISKY, COMPATIBLE, MINOR)),
    (pl.Int64, pl.Int32, (Kind.TYPE_NARROWED, BREAKING, BREAKING, MAJOR)),
    (pl.Int64, pl.String, (Kind.TYPE_CHANGED, BREAKING, BREAKING, MAJOR)),
    (dt.date, pl.String, (Kind.TYPE_CHANGED, BREAKING, BREAKING, MAJOR)),
])  # fmt: skip
def test_types(before, after, expected):
    assert standing(one(before, after)) == expected


def test_a_column_that_may_be_null_breaks_consumers():
    change = one(nullable=(None, True))
    assert standing(change) == (Kind.BECAME_NULLABLE, BREAKING, COMPATIBLE, MAJOR)
    assert change.effect == "would become nullable"


def test_a_column_that_must_have_a_value_is_decided_by_published_rows():
    change = one(nullable=(True, None))
    assert standing(change) == (Kind.BECAME_REQUIRED, COMPATIBLE, RISKY, MINOR)
    assert change.rule == "value_not_null"
    assert change.depends_on_data


@pytest.mark.parametrize(("before", "after", "expected"), [
    ({"ge": 0}, {"ge": 1}, Kind.RULE_TIGHTENED),
    ({"ge": 0}, {"gt": 0}, Kind.RULE_TIGHTENED),
    ({"ge": 0, "lt": 254}, {"ge": 0, "le": 254}, Kind.RULE_LOOSENED),
    ({"ge": 0, "le": 10}, {"ge": 5, "le": 20}, Kind.RULE_CHANGED),
    ({"ge": 0}, {"ge": 0, "le": 5}, Kind.RULE_TIGHTENED),
    ({"in_range": {"min_value": 0, "max_value": 9}}, {"ge": 0, "le": 9}, None),
    ({"ne": 0.0}, {"notin": [0.0, 1.0]}, Kind.RULE_TIGHTENED),
    ({"notin": [0.0, 1.0]}, {"notin": [1.0]}, Kind.RULE_LOOSENED),
])  # fmt: skip
def test_ranges_are_compared_by_what_they_allow(before, after, expected):
    changes = compare(load(made(float, **before)), load(made(float, **after))).changes
    assert [change.kind for change in changes] == ([expected] if expected else [])


@pytest.mark.parametrize(("before", "after", "expected"), [
    ({"str_length": {"max_value": 5}}, {"str_length": {"max_value": 3}}, Kind.RULE_TIGHTENED),
    ({"str_length": {"min_value": 2}}, {"str_length": {"min_value": 1}}, Kind.RULE_LOOSENED),
    ({"str_startswith": "A"}, {"str_startswith": "AB"}, Kind.RULE_TIGHTENED),
    ({"str_endswith": "BA"}, {"str_endswith": "A"}, Kind.RULE_LOOSENED),
    ({"str_matches": "a+"}, {"str_matches": "a*"}, Kind.RULE_CHANGED),
])  # fmt: skip
def test_texts_are_compared_where_they_can_be(before, after, expected):
    (change,) = compare(load(made(str, **before)), load(made(str, **after))).changes
    assert change.kind is expected


def test_days_are_compared_as_days_whichever_side_was_kept_as_json():
    before = load(made(dt.date, ge=dt.date(2020, 1, 1)))
    after = Contract.from_json(load(made(dt.date, ge=dt.date(2021, 1, 1))).as_json())
    assert [c.kind for c in compare(before, after).changes] == [Kind.RULE_TIGHTENED]


def test_rules_that_come_and_go():
    assert standing(one(ge=(None, 0))) == (Kind.RULE_ADDED, COMPATIBLE, RISKY, MINOR)
    assert standing(one(ge=(0, None))) == (Kind.RULE_REMOVED, RISKY, COMPATIBLE, MINOR)
    assert one(ge=(None, 0)).rule == "value_greater_than_or_equal_to"


def test_values_that_are_added_and_removed_are_two_changes():
    before, after = load(made(str, isin=["a", "b"])), load(made(str, isin=["b", "c"]))
    assert [standing(c) for c in compare(before, after).changes] == [
        (Kind.VALUES_ADDED, RISKY, COMPATIBLE, MINOR),
        (Kind.VALUES_REMOVED, COMPATIBLE, RISKY, MINOR),
    ]
    assert compare(before, after).changes[0].effect == 'could also be "c"'


def test_a_rule_that_only_warns_keeps_nothing_out():
    change = one(ge=(0, 5), raise_warning=(True, True))
    assert standing(change) == (Kind.RULE_TIGHTENED, COMPATIBLE, COMPATIBLE, MINOR)


def test_severity_raised_and_lowered():
    raised = one(ge=(0, 0), raise_warning=(True, None))
    lowered = one(ge=(0, 0), raise_warning=(None, True))
    assert standing(raised) == (Kind.SEVERITY_RAISED, COMPATIBLE, RISKY, MINOR)
    assert standing(lowered) == (Kind.SEVERITY_LOWERED, RISKY, COMPATIBLE, MINOR)


def with_rules(*rules):
    return replace(BASE, rules=(*BASE.rules, *rules))


def compared(before, after):
    (change,) = compare(with_rules(*before), with_rules(*after)).changes
    return standing(change)


def test_uniqueness_that_is_gone_breaks_unless_another_promise_says_it():
    found = compared([unique(("value",))], [])
    assert found == (Kind.RULE_REMOVED, BREAKING, COMPATIBLE, MAJOR)
    implied = compared([unique(("id", "value"))], [])
    assert implied == (Kind.RULE_REMOVED, COMPATIBLE, COMPATIBLE, MINOR)


def test_references():
    before = [references("kind", "a.b_v1.c", Severity.ERROR)]
    after = [references("kind", "a.b_v2.c", Severity.ERROR)]
    assert compared(before, after) == (Kind.RULE_CHANGED, RISKY, RISKY, MINOR)
    assert compared(before, []) == (Kind.RULE_REMOVED, RISKY, COMPATIBLE, MINOR)


@pytest.mark.parametrize(("before", "after", "expected"), [
    (Bound("mustBeLessThan", 10), Bound("mustBeLessThan", 5), Kind.RULE_TIGHTENED),
    (Bound("mustBeLessThan", 10), Bound("mustBe", 0), Kind.RULE_TIGHTENED),
    (Bound("mustBe", 0), Bound("mustBeBetween", [0, 5]), Kind.RULE_LOOSENED),
    (Bound("mustNotBeBetween", [1, 5]), Bound("mustNotBeBetween", [0, 9]), Kind.RULE_TIGHTENED),
    (Bound("mustNotBe", 0), Bound("mustBeGreaterThan", 0), Kind.RULE_TIGHTENED),
    (Bound("mustBeGreaterThan", 3), Bound("mustBeLessThan", 3), Kind.RULE_CHANGED),
])  # fmt: skip
def test_metrics_and_queries_are_compared_by_their_bounds(before, after, expected):
    def measured(bound):
        return metric("nullValues", bound, columns=("note",))

    def queried(bound, query="select 1"):
        return sql("q", query, bound, table="t")

    assert compared([measured(before)], [measured(after)])[0] is expected
    assert compared([queried(before)], [queried(after)])[0] is expected
    assert compared([queried(before)], [queried(before, "select 2")])[0] is Kind.RULE_CHANGED


def test_row_counts():
    def bounded(low, high):
        return load(made(config={"row_count": mesh.RowCount(low, high)}))

    kinds = [c.kind for c in compare(bounded(1, 10), bounded(1, 20)).changes]
    assert kinds == [Kind.RULE_LOOSENED]
    assert [c.kind for c in compare(bounded(1, None), bounded(5, None)).changes] == [
        Kind.RULE_TIGHTENED
    ]


def test_custom_rules_are_the_same_or_another():
    class Before(mesh.Contract):
        value: float

        @mesh.check("value")
        @classmethod
        def is_whole(cls, data):
            return data.lazyframe.select(pl.col(data.key) % 1 == 0)

    class After(mesh.Contract):
        value: float

        @mesh.check("value")
        @classmethod
        def is_whole(cls, data):
            return data.lazyframe.select(pl.col(data.key) % 2 == 0)

    found = compare(load(Before), replace(load(After), name="Before")).changes
    assert [standing(c) for c in found] == [(Kind.RULE_CHANGED, RISKY, RISKY, MINOR)]


def keyed(*names):
    places = {name: place for place, name in enumerate(names)}
    columns = tuple(replace(c, key_position=places.get(c.name)) for c in BASE.columns)
    rules = tuple(r for r in BASE.rules if r.check != "unique")
    return replace(BASE, columns=columns, rules=(*rules, *([unique(names)] if names else [])))


@pytest.mark.parametrize(("before", "after", "expected"), [
    (("id",), ("id", "kind"), (BREAKING, RISKY, MAJOR)),
    (("id", "kind"), ("id",), (BREAKING, RISKY, MAJOR)),
    (("id",), (), (BREAKING, COMPATIBLE, MAJOR)),
    ((), ("id",), (COMPATIBLE, RISKY, MINOR)),
    (("id", "kind"), ("kind", "id"), (COMPATIBLE, COMPATIBLE, PATCH)),
])  # fmt: skip
def test_keys(before, after, expected):
    (change,) = compare(keyed(*before), keyed(*after)).changes
    assert standing(change) == (Kind.KEY_CHANGED, *expected)


def altered(**facts):
    columns = tuple(replace(c, **facts) if c.name == "value" else c for c in BASE.columns)
    (change,) = compare(BASE, replace(BASE, columns=columns)).changes
    return standing(change)


def test_classification_unit_and_words():
    raised = altered(classification=Classification.PERSONAL)
    lowered = altered(classification=Classification.PUBLIC)
    assert raised == (Kind.CLASSIFICATION_RAISED, RISKY, COMPATIBLE, MINOR)
    assert lowered == (Kind.CLASSIFICATION_LOWERED, COMPATIBLE, RISKY, MINOR)
    assert altered(unit="km/h") == (Kind.UNIT_CHANGED, BREAKING, BREAKING, MAJOR)
    assert altered(unit="") == (Kind.UNIT_CHANGED, RISKY, COMPATIBLE, MINOR)
    assert altered(description="Speed") == (Kind.SEMANTICS_CHANGED, COMPATIBLE, COMPATIBLE, PATCH)


def test_order_and_strictness():
    (moved,) = compare(BASE, replace(BASE, columns=BASE.columns[::-1])).changes
    assert standing(moved) == (Kind.COLUMNS_REORDERED, COMPATIBLE, COMPATIBLE, PATCH)
    (opened,) = compare(BASE, replace(BASE, is_strict=False)).changes
    assert standing(opened) == (Kind.STRICTNESS_CHANGED, COMPATIBLE, COMPATIBLE, MINOR)


def documented(**document):
    return replace(BASE, document={"id": "c", **document}, table="t")


@pytest.mark.parametrize(("before", "after", "expected"), [
    ({"property": "latency", "value": 1, "unit": "d"}, {"property": "latency", "value": 12, "unit": "h"},
     (Kind.LEVEL_TIGHTENED, COMPATIBLE, RISKY)),
    ({"property": "latency", "value": 24, "unit": "h"}, {"property": "latency", "value": 2, "unit": "d"},
     (Kind.LEVEL_LOOSENED, RISKY, COMPATIBLE)),
    ({"property": "retention", "value": 3, "unit": "y"}, {"property": "retention", "value": 1, "unit": "y"},
     (Kind.LEVEL_LOOSENED, RISKY, COMPATIBLE)),
    ({"property": "endOfLife", "value": "2030-01-01"}, {"property": "endOfLife", "value": "2031-01-01"},
     (Kind.LEVEL_TIGHTENED, COMPATIBLE, RISKY)),
    ({"property": "mood", "value": "good"}, {"property": "mood", "value": "bad"},
     (Kind.LEVEL_CHANGED, RISKY, RISKY)),
])  # fmt: skip
def test_service_levels_know_which_way_is_better(before, after, expected):
    found = compare(documented(slaProperties=[before]), documented(slaProperties=[after])).changes
    assert [standing(c) for c in found] == [(*expected, MINOR)]


def test_a_level_in_another_unit_is_the_same_level():
    before = documented(slaProperties=[{"property": "latency", "value": 1, "unit": "d"}])
    after = documented(slaProperties=[{"property": "latency", "value": 24, "unit": "hours"}])
    assert compare(before, after).changes == ()


def test_terms_price_and_the_rest_of_a_document():
    before = documented(
        description={"usage": "Reports", "purpose": "p"}, price={"priceAmount": 1}, tags=["a"]
    )
    after = documented(
        description={"usage": "None", "purpose": "q"}, price={"priceAmount": 2}, tags=["b"]
    )
    assert [standing(c) for c in compare(before, after).changes] == [
        (Kind.TERMS_CHANGED, RISKY, COMPATIBLE, MINOR),
        (Kind.PRICE_CHANGED, RISKY, COMPATIBLE, MINOR),
        (Kind.SEMANTICS_CHANGED, COMPATIBLE, COMPATIBLE, PATCH),
        (Kind.SEMANTICS_CHANGED, COMPATIBLE, COMPATIBLE, PATCH),
    ]


@pytest.mark.parametrize("document", [
    {"slaProperties": "soon"}, {"slaProperties": [1, {"property": None}]}, {"schema": 5},
    {"schema": [{"name": "t", "properties": [7, {"name": ["x"], "customProperties": 3}]}]},
    {"description": ["a", 1]}, {"price": "free"},
])  # fmt: skip
def test_a_document_of_any_shape_is_compared(document):
    assert compare(documented(), documented(**document)).needed in set(Bump)
    assert compare(documented(**document), documented()).needed in set(Bump)


def test_a_bump_is_judged_by_the_versions():
    assert Bump.between(Version(1, 0, 0), Version(1, 0, 1)) is PATCH
    assert Bump.between(Version(1, 9, 9), Version(2, 0, 0)) is MAJOR
    assert Bump.between(Version(1, 1, 0), Version(1, 0, 9)) is NONE
    assert MAJOR.covers(MINOR)
    assert not PATCH.covers(MINOR)
    back = compare(BASE, replace(BASE, version=Version(0, 9, 0)))
    assert not back.is_bumped


def test_renamed_from_a_column_that_is_still_there_is_a_problem():
    class Twice(mesh.Contract):
        old: int
        new: int = mesh.Field(renamed_from="old")

    with pytest.raises(mesh.MeshError, match="renamed_from names 'old', which is a column still"):
        load(Twice)
