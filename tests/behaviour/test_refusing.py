"""A refused publication leaves the table exactly as it was."""

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.catalog.receipts import Refusal
from mesh.contracts.verdict import Outcome
from mesh.errors import TransformError, UnsupportedDataError
from tests.behaviour.products import (
    OrdersByCountry,
    orders,
    product,
    publish_small,
    state_of,
)

GOOD = [(1, "DE", 1.0), (2, "DE", 2.0), (3, "FR", None), (4, "FR", 4.0), (5, "IT", 5.0)]
BAD = {
    "a row that breaks a rule": orders([(number, "DE", 1.0) for number in range(10, 40)])
    .with_columns(amount=pl.when(pl.col("order_id") == 33).then(-1.0).otherwise("amount")),
    "a null in the key": orders([(10, "DE", 1.0), (11, None, 1.0)]),
    "a key twice, batches apart": orders([*((n, "DE", 1.0) for n in range(10, 40)), (10, "DE", 2.0)]),
    "a missing column": orders(GOOD).drop("amount"),
    "an unknown column": orders(GOOD).with_columns(extra=1),
    "another type": orders(GOOD).with_columns(pl.col("order_id").cast(pl.String)),
    "no columns at all": pa.table({}),
}  # fmt: skip
MODES = [
    mesh.Overwrite(),
    mesh.Append(),
    mesh.ReplacePartitions(by="country"),
    mesh.Upsert(on=["order_id", "country"]),
]


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
@pytest.mark.parametrize("write", MODES, ids=lambda mode: mode.name)
def test_refused_data_leaves_the_table_as_it_was(lake, write, data):
    declared = product(OrdersByCountry, write=write)
    publish_small(declared, orders(GOOD), lake, "first")
    table = lake.table(declared.id)
    before = state_of(table)
    outcome = publish_small(declared, data, lake, "second")

    assert isinstance(outcome, Refusal)
    assert outcome.verdict.reasons
    assert state_of(table) == before


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_data_that_is_refused_at_first_makes_no_table(lake, data):
    declared = product(OrdersByCountry, partition_by=("country",))
    outcome = publish_small(declared, data, lake, "first")

    assert isinstance(outcome, Refusal)
    assert state_of(lake.table(declared.id)) == (None, [], [])


def test_a_refused_publication_may_be_tried_again_under_the_same_run(lake):
    declared = product()
    assert isinstance(publish_small(declared, orders([(1, "DE", -1.0)]), lake, "run"), Refusal)
    receipt = publish_small(declared, orders([(1, "DE", 1.0)]), lake, "run")

    assert (receipt.table_version, receipt.is_repeated) == (0, False)


def test_a_refusal_tells_what_is_wrong_with_the_whole_after_a_row_that_refuses(lake):
    rows = [(0, "DE", -1.0), *((n, "DE", 1.0) for n in range(1, 200)), (7, "FR", 2.0)]
    outcome = publish_small(product(), orders(rows), lake, "run")

    assert isinstance(outcome, Refusal)
    assert len(outcome.verdict.reasons) == 2
    twice = outcome.verdict.finding("order_id_unique")
    assert (twice.outcome, twice.failed) == (Outcome.FAILED, 2)


def test_a_rule_that_only_warns_is_counted_and_publishes(lake):
    class Lenient(mesh.Contract):
        value: int = mesh.Field(le=3, raise_warning=True)

    declared = product(Lenient)
    receipt = publish_small(declared, pl.DataFrame({"value": range(10)}), lake, "run")

    assert receipt.rows_accepted == 10
    (broken,) = [tally for tally in receipt.tallies if tally.outcome is Outcome.FAILED]
    assert (broken.failed, str(broken.severity)) == (6, "warning")


def failing_reader(after: int) -> pa.RecordBatchReader:
    """A stream that breaks once it has given some batches."""
    table = orders(GOOD).to_arrow()

    def batches():
        for _ in range(after):
            yield from table.to_batches()
        message = "the source went away"
        raise ConnectionError(message)

    return pa.RecordBatchReader.from_batches(table.schema, batches())


def raise_midway(frame: pl.DataFrame) -> pl.DataFrame:
    if (frame["order_id"] > 2).any():
        message = "the source went away"
        raise ConnectionError(message)
    return frame


STREAMS = {
    "a reader at once": lambda: failing_reader(0),
    "a reader midway": lambda: failing_reader(9),
    "a lazy frame": lambda: orders(GOOD).lazy().map_batches(raise_midway, streamable=True),
    "a column of a lazy frame": lambda: (
        orders(GOOD)
        .lazy()
        .with_columns(
            pl.col("amount").map_elements(
                lambda _: 1 / 0, return_dtype=pl.Float64, skip_nulls=False
            )
        )
    ),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_transform_that_raises_halfway_is_an_error_and_leaves_the_table_as_it_was(lake, stream):
    declared = product()
    publish_small(declared, orders([(1, "DE", 1.0)]), lake, "first")
    table = lake.table(declared.id)
    before = state_of(table)

    with pytest.raises(TransformError, match=r"the source went away|division by zero") as raised:
        publish_small(declared, stream(), lake, "second")

    assert raised.value.__cause__ is not None
    assert state_of(table) == before


@pytest.mark.parametrize("data", [None, 7, "text", [{"order_id": 1}], pl.Series([1])])
def test_what_is_no_table_of_rows_is_said_to_be_none(lake, data):
    with pytest.raises(UnsupportedDataError, match="not a table of rows"):
        publish_small(product(), data, lake, "run")
