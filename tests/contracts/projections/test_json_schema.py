"""A row is valid under the JSON Schema of a contract where it keeps the rules that it says."""

import json
import math
from datetime import UTC, datetime
from typing import Annotated

import polars as pl
import pytest
from hypothesis import assume, given, settings
from jsonschema import Draft202012Validator

import mesh
from mesh.contracts.expressions import keeps_of
from mesh.contracts.pandera import load
from mesh.contracts.projections import json_schema
from tests.contracts.projections.forms import reference_contracts
from tests.publishing.generated import drawn


class Shipments(mesh.Contract):
    """Everything that JSON Schema has words for."""

    parcel: str = mesh.Field(pattern="^[A-Z]+$", str_length={"max_value": 3})
    email: str = mesh.Field(format="email", nullable=True)
    pieces: int = mesh.Field(multiple_of=5, gt=0, le=100)
    weight_kg: float = mesh.Field(ge=0, lt=10, nullable=True)
    status: str = mesh.Field(isin=["sent", "lost"], nullable=True)
    town: str = mesh.Field(notin=["Atlantis"], str_startswith="A", nullable=True)
    marks: Annotated[pl.List, pl.Int64] = mesh.Field(
        item_count={"at_least": 1, "at_most": 2}, unique_items=True
    )
    address: Annotated[pl.Struct, {"city": pl.String, "zip": pl.String}] = mesh.Field(
        required_fields=["city"]
    )
    seal: str = mesh.Field(nullable=True, ignore_na=False, ne="x")
    sent_at: mesh.UTCDatetime = mesh.Field(ge=datetime(2026, 1, 1, tzinfo=UTC))
    depth: int = mesh.Field(le=3, raise_warning=True)


GOOD = {
    "parcel": "AB",
    "email": "ada@example.com",
    "pieces": 5,
    "weight_kg": 1.5,
    "status": "sent",
    "town": "Ankara",
    "marks": [1, 2],
    "address": {"city": "Ankara", "zip": None},
    "seal": "y",
    "sent_at": "2026-02-01T00:00:00+00:00",
    "depth": 1,
}
BAD = [
    {"parcel": "ab"}, {"parcel": "ABCD"}, {"parcel": None}, {"parcel": 5}, {"email": "ada"},
    {"pieces": 7}, {"pieces": 0}, {"pieces": 105}, {"pieces": 2**63}, {"weight_kg": 10.0},
    {"weight_kg": -0.1}, {"status": "gone"}, {"town": "Atlantis"}, {"town": "Berlin"},
    {"marks": []}, {"marks": [1, 2, 3]}, {"marks": [1, 1]}, {"marks": None},
    {"address": {"city": None, "zip": "1"}}, {"seal": "x"}, {"seal": None}, {"sent_at": 5},
    {"colour": "red"},
]  # fmt: skip


def validator(contract):
    schema = json_schema.document(contract)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("change", BAD, ids=str)
def test_a_row_that_breaks_a_rule_is_invalid(change):
    valid = validator(load(Shipments))

    assert valid.is_valid(GOOD)
    assert not valid.is_valid(GOOD | change)


@pytest.mark.parametrize("column", ["email", "weight_kg", "status", "town"])
def test_a_column_that_may_be_empty_may_be_null(column):
    assert validator(load(Shipments)).is_valid(GOOD | {column: None})


@pytest.mark.parametrize("column", list(GOOD))
def test_every_column_has_to_be_there(column):
    row = {name: value for name, value in GOOD.items() if name != column}

    assert not validator(load(Shipments)).is_valid(row)


def test_what_json_schema_cannot_say_and_warnings_are_listed_in_it():
    told = json_schema.document(load(Shipments))["x-mesh-rules"]

    assert {(rule["id"], rule["severity"]) for rule in told} == {
        ("sent_at_greater_than_or_equal_to", "error"),
        ("depth_less_than_or_equal_to", "warning"),
    }
    assert validator(load(Shipments)).is_valid(GOOD | {"depth": 9})


@settings(max_examples=150)
@given(drawn())
def test_rows_are_valid_exactly_when_the_gates_rules_that_it_says_are_kept(case):
    assume(not any(column.kind in {"binary", "duration"} for column in case.columns))
    contract, frame = load(case.contract()), case.frame()
    valid = validator(contract)
    unsaid = {rule["id"] for rule in valid.schema.get("x-mesh-rules", [])}
    said = [rule for rule in contract.row_rules if rule.id not in unsaid and rule.is_blocking]
    kept = [True] * frame.height
    if said and frame.height:
        together = pl.all_horizontal(keeps_of(rule, contract) for rule in said)
        kept = frame.select(together).to_series().to_list()

    for row, expected in zip(frame.iter_slices(1), kept, strict=True):
        if all(not isinstance(v, float) or math.isfinite(v) for v in row.row(0)):
            found = json.loads(row.write_ndjson())
            assert valid.is_valid(found) == expected, found


@pytest.mark.parametrize("name", sorted(reference_contracts()))
def test_every_contract_of_the_reference_mesh_has_a_schema(name):
    contract = reference_contracts()[name]

    schema = validator(contract).schema

    assert list(schema["properties"]) == list(contract.column_names)
