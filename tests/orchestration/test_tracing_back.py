"""A row leads back to its publication, and a publication can be made again and compared."""

import shutil
from dataclasses import replace

import polars as pl
import pytest

import mesh
from mesh.contracts.model import Version
from mesh.errors import MeshError, NotPublishedError, VersionRemovedError
from mesh.lake.removed import note_removed
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.explaining import explain
from mesh.orchestration.reproducing import Outcome, reproduce
from mesh.reading.origin import origin_of
from mesh.upkeep.compaction import Compaction
from tests.orchestration.declared import bound, empty_mesh

SENT = {}


class Orders(mesh.Contract):
    """One row per order."""

    order_id: int = mesh.Field(key=True)
    amount: float = mesh.Field(ge=0)

    class Config:
        version = "1.0.0"


class Totals(mesh.Contract):
    """One row per sign."""

    is_even: bool = mesh.Field(key=True)
    amount: float

    class Config:
        version = "1.0.0"


class Lines(mesh.Contract):
    """Rows without a key."""

    amount: float

    class Config:
        version = "1.0.0"


@mesh.data_product(contract=Orders, write=mesh.Upsert(on=["order_id"]))
def orders() -> pl.LazyFrame:
    """What was sent."""
    return pl.LazyFrame(SENT, schema={"order_id": pl.Int64, "amount": pl.Float64}, orient="row")


@mesh.data_product(contract=Totals, inputs={"orders": mesh.Input("retail.orders_v1")})
def totals(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Even orders and odd ones."""
    return orders.group_by(is_even=pl.col("order_id") % 2 == 0).agg(pl.col("amount").sum())


@mesh.data_product(
    contract=Lines,
    inputs={"orders": mesh.Input("retail.orders_v1", incremental=True)},
    write=mesh.Append(),
)
def lines(orders: pl.LazyFrame) -> pl.LazyFrame:
    """What came."""
    return orders.select("amount")


ORDERS, TOTALS, LINES = bound(orders), bound(totals), bound(lines)


@pytest.fixture
def workspace(tmp_path):
    return empty_mesh(tmp_path)


def send(workspace, run, *rows):
    global SENT  # noqa: PLW0603 -- what the function fetches
    SENT = list(rows)
    return execute(ORDERS, workspace, Run(run))


def joined(workspace):
    """Let upkeep join the small files of the orders."""
    Compaction(workspace.lake.table(ORDERS.id), "table", workspace.settings.publishing).apply()


def written_in(workspace, version, order_id):
    table = workspace.lake.table(ORDERS.id)
    return origin_of(table, version, {"order_id": order_id}).commit.version


def test_a_row_comes_from_the_version_that_gave_it_its_values(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0), (3, 3.0))
    send(workspace, "2", (2, 20.0))
    send(workspace, "3", (4, 4.0), (3, 3.0))

    assert [written_in(workspace, 2, n) for n in (1, 2, 3, 4)] == [0, 1, 0, 2]
    assert written_in(workspace, 0, 2) == 0


def test_files_joined_by_upkeep_are_passed(workspace):
    for number in range(4):
        send(workspace, str(number), (number, float(number)))
    joined(workspace)
    latest = workspace.lake.table(ORDERS.id).version()

    assert latest == 4
    assert [written_in(workspace, latest, n) for n in range(4)] == [0, 1, 2, 3]


def test_where_earlier_versions_are_gone_the_row_may_be_older(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    send(workspace, "2", (2, 20.0))
    table = workspace.lake.table(ORDERS.id)
    note_removed(table, [0], "removed by retention")

    found = origin_of(table, 1, {"order_id": 1})

    assert found.is_latest_possible
    assert found.commit.version == 1
    with pytest.raises(NotPublishedError, match="no such row"):
        origin_of(table, 1, {"order_id": 9})


def test_a_row_is_explained_down_to_its_sources(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    execute(TOTALS, workspace, Run("1"))

    found = explain(TOTALS, workspace, "is_even")

    assert found.row == {"is_even": True, "amount": 2.0}
    assert found.key == {"is_even": True}
    assert found.origin.receipt.run_id == "1"
    assert [(item.product, item.version) for item in found.made_from] == [
        ("retail.totals_v1", 0),
        ("retail.orders_v1", 0),
    ]
    assert found.doubts == ()
    assert found.as_json()["publication"]["contract_version"] == "1.0.0"


def test_everything_that_speaks_against_a_row_is_told(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    execute(TOTALS, workspace, Run("1"))
    send(workspace, "2", (3, 3.0))
    raised = replace(TOTALS.contract, version=Version.parse("1.1.0"))
    changed = replace(TOTALS, contract=raised, code_version="other")

    doubts = "\n".join(explain(changed, workspace, "is_even").doubts)

    assert "retail.orders_v1 was published again since: version 1" in doubts
    assert "it was published under contract 1.0.0, which is 1.1.0 by now" in doubts
    assert "the product's code is another by now" in doubts


def test_a_row_that_somebody_else_wrote_is_told_as_such(workspace):
    send(workspace, "1", (1, 1.0))
    table = workspace.lake.table(ORDERS.id)
    foreign = pl.DataFrame({"order_id": [9], "amount": [-9.0]})
    foreign.write_delta(table.root, mode="append")

    found = explain(ORDERS, workspace, "order_id = 9")

    assert found.origin.receipt is None
    assert "version 1 was written by somebody else, past Mesh: WRITE" in found.doubts
    assert any("breaks a rule of today's contract" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("condition", "said"),
    [("order_id > 0", "holds for several rows"), ("order_id = 7", "holds for no row")],
)
def test_a_condition_has_to_name_one_row(workspace, condition, said):
    send(workspace, "1", (1, 1.0), (2, 2.0))

    with pytest.raises(MeshError, match=said) as caught:
        explain(ORDERS, workspace, condition)
    assert "--where" in caught.value.hint


def test_rows_without_a_key_cannot_be_explained(workspace):
    send(workspace, "1", (1, 1.0))
    execute(LINES, workspace, Run("1"))

    with pytest.raises(MeshError, match="it has no key"):
        explain(LINES, workspace, "amount = 1")


def test_a_publication_made_again_is_the_same_whatever_came_since(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    execute(TOTALS, workspace, Run("1"))
    send(workspace, "2", (2, 20.0))
    execute(TOTALS, workspace, Run("2"))

    first = reproduce(TOTALS, workspace.lake, workspace.settings, 0)
    latest = reproduce(TOTALS, workspace.lake, workspace.settings)

    assert (first.outcome, first.rows, first.receipt.inputs[0].version) == (Outcome.SAME, 2, 0)
    assert (latest.outcome, latest.receipt.table_version) == (Outcome.SAME, 1)
    assert workspace.lake.table(TOTALS.id).version() == 1


def test_an_increment_is_made_again_from_the_changes_that_it_read(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    execute(LINES, workspace, Run("1"))
    send(workspace, "2", (3, 1.0), (4, 4.0))
    execute(LINES, workspace, Run("2"))

    for version, rows in ((0, 2), (1, 2)):
        found = reproduce(LINES, workspace.lake, workspace.settings, version)
        assert (found.outcome, found.rows) == (Outcome.SAME, rows)


def test_an_upsert_is_compared_by_its_keys(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    send(workspace, "2", (2, 20.0))

    same = reproduce(ORDERS, workspace.lake, workspace.settings)
    globals()["SENT"] = [(2, 21.0)]
    other = reproduce(ORDERS, workspace.lake, workspace.settings)

    assert same.outcome is Outcome.SAME
    assert other.outcome is Outcome.DIFFERENT
    assert other.compared.rows.columns == {"amount": 1}
    assert any("what it fetches may have changed" in note for note in other.notes)


def test_a_difference_in_the_last_digits_is_told_apart(workspace):
    send(workspace, "1", (1, 0.1 + 0.2))
    globals()["SENT"] = [(1, 0.3)]

    found = reproduce(ORDERS, workspace.lake, workspace.settings)

    assert found.outcome is Outcome.ROUNDED


def test_another_result_is_told_row_by_row(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    execute(TOTALS, workspace, Run("1"))

    @mesh.data_product(contract=Totals, inputs={"orders": mesh.Input("retail.orders_v1")})
    def totals(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders.group_by(is_even=pl.col("order_id") % 2 == 0).agg(pl.col("amount").max() + 1)

    found = reproduce(bound(totals), workspace.lake, workspace.settings)

    assert found.outcome is Outcome.DIFFERENT
    assert found.compared.rows.changed == 2
    assert found.as_json()["is_same"] is False


def test_inputs_that_are_others_by_now_are_named(workspace):
    send(workspace, "1", (1, 1.0))
    execute(TOTALS, workspace, Run("1"))

    @mesh.data_product(contract=Totals, inputs={"sales": mesh.Input("retail.orders_v1")})
    def totals(sales: pl.LazyFrame) -> pl.LazyFrame:
        return sales

    with pytest.raises(MeshError, match=r"its inputs are others by now.*orders, sales"):
        reproduce(bound(totals), workspace.lake, workspace.settings)


def test_versions_that_cannot_be_made_again_say_why(workspace):
    send(workspace, "1", (1, 1.0), (2, 2.0))
    send(workspace, "2", (3, 1.0))
    execute(TOTALS, workspace, Run("1"))
    joined(workspace)

    with pytest.raises(MeshError, match="version 2 was made by no publication"):
        reproduce(ORDERS, workspace.lake, workspace.settings, 2)

    note_removed(workspace.lake.table(ORDERS.id), [0, 1, 2], "removed by retention on 2026-01-31")
    with pytest.raises(VersionRemovedError, match="removed by retention"):
        reproduce(TOTALS, workspace.lake, workspace.settings)

    shutil.rmtree(workspace.lake.table(TOTALS.id).root)
    with pytest.raises(NotPublishedError):
        reproduce(TOTALS, workspace.lake, workspace.settings)
