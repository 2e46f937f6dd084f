"""Whatever happens to an upstream or to the product itself, changes are followed or told why not."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

import mesh
from mesh.catalog.receipts import Reading
from mesh.errors import DefinitionError, MeshError
from mesh.publishing import publish
from tests.orchestration.chained import Downstream, Upstream, current, numbers, used
from tests.orchestration.declared import Numbers, bound, empty_mesh


@pytest.fixture
def workspace(tmp_path):
    return empty_mesh(tmp_path)


@pytest.fixture
def up(workspace):
    return Upstream(workspace)


def test_compaction_upstream_is_nothing_new(workspace, up):
    up.publish((1, 1))
    up.publish((2, 4))
    down = Downstream(workspace)
    down.run()
    up.delta.optimize.compact()

    assert up.table.version() == 2
    assert down.run().is_repeated


def test_what_was_compacted_away_meanwhile_is_handed_over_all_the_same(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    up.publish((2, 4))
    up.delta.optimize.compact()
    down.run()

    assert down.last_handed == [(2, 4, "insert")]
    assert down.rows == [(1, 1), (2, 4)]


def test_rows_of_a_foreign_writer_count(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    write_deltalake(up.table.url, numbers((5, 25)), mode="append")
    down.run()
    assert down.last_handed == [(5, 25, "insert")]


def test_a_restore_upstream_is_a_change_like_any_other(workspace, up):
    up.publish((1, 1))
    up.publish((2, 4))
    down = Downstream(workspace, mesh.Upsert(on="n"), body=current)
    down.run()
    up.delta.restore(0)
    up.publish((3, 9))
    receipt = down.run()

    assert "version 2 removed rows" in receipt.notes[0]
    assert down.rows == [(1, 1), (3, 9)]


def test_an_upstream_that_was_made_anew_is_read_as_a_whole(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    for file in sorted(Path(up.table.url).rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    up.publish((7, 49))
    up.publish((8, 64))
    receipt = down.run()

    assert receipt.notes == ("all rows of retail.source_v1 were read: its table was made anew",)
    assert down.rows == [(7, 49), (8, 64)]


def test_an_upstream_that_was_vacuumed_too_early_is_read_as_a_whole(workspace):
    up = Upstream(workspace, mesh.Upsert(on="n"))
    up.publish((1, 1))
    down = Downstream(workspace, mesh.Upsert(on="n"), body=current)
    down.run()
    up.publish((1, 2))
    up.delta.vacuum(0, enforce_retention_duration=False, dry_run=False)

    assert "a file that version 1 removed is vacuumed" in down.run().notes[0]
    assert down.rows == [(1, 2)]


def test_a_column_that_came_in_between_is_handed_over(workspace, up):
    class Wider(Numbers):
        note: str = mesh.Field(nullable=True)

        class Config:
            name = "Numbers"
            version = "1.1.0"

    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()

    def source() -> None:
        """Wider."""

    wider = bound(mesh.data_product(contract=Wider, write=mesh.Append())(source))
    frame = numbers((2, 4)).with_columns(note=pl.lit("new"))
    publish(wider, frame, lake=workspace.lake, run_id="wider")
    down.run()
    assert down.handed[-1]["note"].to_list() == ["new"]
    assert down.rows == [(1, 1), (2, 4)]


def test_a_product_that_becomes_incremental_starts_anew_and_says_so(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    publish(down.product, numbers((9, 81)), lake=workspace.lake, run_id="by hand")
    receipt = down.run()

    assert receipt.notes == (
        (
            "all rows of retail.source_v1 were read: what the product has was not made from it "
            "incrementally"
        ),
    )
    assert down.rows == [(1, 1)]


def test_rows_published_by_hand_in_between_neither_count_nor_go(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    publish(down.product, numbers((9, 81)), lake=workspace.lake, run_id="by hand")
    up.publish((2, 4))
    assert used(down.run()) == (0, 1, Reading.ADDED_FILES)
    assert down.rows == [(1, 1), (2, 4), (9, 81)]


def test_a_restored_product_goes_on_from_what_it_was_restored_to(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    up.publish((2, 4))
    down.run()
    DeltaTable(down.table.url).restore(0)
    assert down.rows == [(1, 1)]
    assert used(down.run()) == (0, 1, Reading.ADDED_FILES)
    assert down.rows == [(1, 1), (2, 4)]


def test_an_upstream_with_a_column_of_delta_s_name_is_not_read_by_halves(workspace):
    class Logs(mesh.Contract):
        n: int
        square: int
        change: str = mesh.Field(alias="_change_type")

    up = Upstream(workspace, contract=Logs)
    frame = numbers((1, 1)).with_columns(_change_type=pl.lit("x"))
    publish(up.product, frame, lake=workspace.lake, run_id="r")
    down = Downstream(workspace)
    with pytest.raises(DefinitionError, match="_change_type"):
        down.run()
    narrow = mesh.Input("retail.source_v1", ["n", "square"], incremental=True)
    Downstream(workspace, rows=narrow).run()


def test_a_history_is_made_of_what_changed_and_is_never_made_anew(workspace):
    class History(mesh.Contract):
        n: int = mesh.Field(key=True)
        square: int
        since: mesh.UTCDatetime = mesh.Field(key=True)
        until: mesh.UTCDatetime = mesh.Field(nullable=True)

    def told(rows: pl.LazyFrame) -> pl.LazyFrame:
        is_told = pl.col("_change_type") != "update_preimage"
        kept = ("n", "square", "_change_type", pl.col("_commit_timestamp").alias("since"))
        return rows.filter(is_told).select(*kept)

    is_gone = pl.col("_change_type") == "delete"
    write = mesh.SlowlyChanging("n", valid_from="since", valid_to="until", delete_when=is_gone)
    up = Upstream(workspace, mesh.Upsert(on="n"))
    down = Downstream(workspace, write, contract=History, body=told)
    up.publish((1, 1), (2, 4))
    down.run()
    up.publish((2, 5))
    down.run()
    up.delta.delete("n = 1")
    down.run()
    periods = down.table.scan().select("n", "square", pl.col("until").is_null()).collect()
    assert sorted(periods.rows()) == [(1, 1, False), (2, 4, False), (2, 5, True)]

    with pytest.raises(MeshError, match="would lose the history"):
        down.run(is_full_refresh=True)
    up.publish((2, 6))
    up.delta.vacuum(0, enforce_retention_duration=False, dry_run=False)
    (note,) = down.run().notes
    assert "is vacuumed" in note
    kept = down.table.scan().select("n", "square").collect()
    assert sorted(kept.rows()) == [(1, 1), (2, 4), (2, 5), (2, 6)]
