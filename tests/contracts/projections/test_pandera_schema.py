"""The Pandera schema of a contract, without the model that it was read from, judges as the gate."""

from dataclasses import replace

import pandera.polars as pandera
import polars as pl
import pytest
from hypothesis import given, settings
from pandera.errors import SchemaErrorReason

from mesh.contracts.expressions import keeps_of
from mesh.contracts.model import Contract, Severity
from mesh.contracts.odcs import reading
from mesh.contracts.pandera import load
from mesh.contracts.projections.pandera_schema import schema
from tests.contracts.made import Observations
from tests.contracts.projections.forms import reference_contracts
from tests.contracts.projections.test_pandera_module import ORDERS
from tests.publishing.generated import drawn
from tests.publishing.test_gate_property import without_reports

ROWS = {SchemaErrorReason.SERIES_CONTAINS_NULLS, SchemaErrorReason.DATAFRAME_CHECK}


def accepts(contract: Contract, frame: pl.DataFrame) -> bool:
    """Whether Pandera finds nothing on rows that is wrong with a frame."""
    with without_reports():
        try:
            schema(contract).validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            return not any(error.reason_code in ROWS for error in errors.schema_errors)
    return True


@settings(max_examples=150, deadline=None)
@given(drawn())
def test_pandera_accepts_a_frame_exactly_when_every_row_keeps_the_contracts_rules(case):
    contract = load(case.contract())
    rules = [replace(r, severity=Severity.ERROR, function=None) for r in contract.row_rules]
    rules = tuple(rule for rule in rules if rule.check != "custom")
    read = Contract.from_json(replace(contract, rules=rules).as_json())
    frame = case.frame()
    kept = (
        [frame.select(keeps_of(rule, read).all()).item() for rule in rules] if frame.height else []
    )

    assert accepts(read, frame) == all(kept)


@pytest.mark.parametrize("name", sorted(reference_contracts()))
def test_every_contract_of_the_reference_mesh_has_a_schema(name):
    contract = reference_contracts()[name]

    made = schema(contract)

    assert tuple(made.columns) == contract.column_names


def test_a_contract_from_odcs_validates_frames():
    contract = reading.read(ORDERS).contract
    made = schema(contract)
    good = pl.DataFrame(
        {
            "amount": [pl.Series([5], dtype=pl.Decimal(12, 2))[0]],
            "class": ["A"],
            "mesh": ["a@b.example"],
            "Straße-1": [[1]],
            "on": [None],
        },
        schema={name: column.dtype.type for name, column in made.columns.items()},
    )

    assert made.validate(good).equals(good)
    with pytest.raises(pandera.errors.SchemaError):
        made.validate(good.with_columns(pl.lit("ab").alias("class")))
    with pytest.raises(pandera.errors.SchemaError):
        made.validate(pl.concat([good, good]))


def test_the_number_of_rows_and_uniqueness_are_validated():
    made = schema(load(Observations))

    assert [check.error for check in made.checks][-1] == "between 10 and 99 rows"
    assert made.unique == [["origin", "observed_at"], ["station", "observed_at"]]
