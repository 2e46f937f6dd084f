"""Changes flow through a chain of upserts, deletes included, without a line about them."""

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Reading
from tests.orchestration.chained import Downstream, Upstream, used
from tests.orchestration.declared import empty_mesh

TAKES_ZERO_BACK = mesh.Upsert(on="n", delete_when=pl.col("square") == 0)
AS_TOLD = mesh.Upsert(on="n", delete_when=pl.col("_change_type") == "delete")


@pytest.fixture
def workspace(tmp_path):
    return empty_mesh(tmp_path)


def as_it_is(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame


def test_changes_are_handed_on_as_they_are(workspace):
    up = Upstream(workspace, TAKES_ZERO_BACK)
    up.publish((1, 1), (2, 4), (3, 9))
    down = Downstream(workspace, AS_TOLD, body=as_it_is)
    down.run()
    up.publish((2, 5), (3, 0), (7, 49))
    receipt = down.run()

    assert used(receipt) == (0, 1, Reading.CHANGES)
    assert down.rows == [(1, 1), (2, 5), (7, 49)]
    assert (receipt.rows_accepted, receipt.rows_deleted) == (2, 1)


def test_several_versions_at_once_are_one_change_a_key(workspace):
    up = Upstream(workspace, TAKES_ZERO_BACK)
    up.publish((1, 1), (2, 4), (3, 9))
    down = Downstream(workspace, AS_TOLD, body=as_it_is)
    down.run()
    for rows in [((1, 0), (2, 0), (8, 64)), ((2, 6), (8, 0)), ((9, 81), (3, 8)), ((3, 7),)]:
        up.publish(*rows)
    down.run()

    assert down.rows == [(2, 6), (3, 7), (9, 81)]


def test_a_row_whose_own_key_changes_moves(workspace):
    up = Upstream(workspace, mesh.Upsert(on="n"))
    up.publish((1, 10), (2, 20))
    down = Downstream(
        workspace, AS_TOLD, body=lambda f: f.with_columns(n="square", square=pl.col("n"))
    )
    down.run()
    up.publish((2, 30))
    down.run()

    assert down.rows == [(10, 1), (30, 2)]
