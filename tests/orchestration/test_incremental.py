"""An incremental input hands over what changed since the version last published from, once."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import InputVersion, Reading, Refusal
from mesh.errors import CommitConflictError, MeshError
from mesh.orchestration.execution import Run, execute
from tests.orchestration.chained import Downstream, Loose, Upstream, current, used
from tests.orchestration.declared import bound, empty_mesh


@pytest.fixture
def workspace(tmp_path):
    return empty_mesh(tmp_path)


@pytest.fixture
def up(workspace):
    return Upstream(workspace)


def test_the_first_run_reads_everything_and_the_next_only_what_was_added(workspace, up):
    up.publish((1, 1), (2, 4))
    down = Downstream(workspace)
    first = down.run()
    up.publish((3, 9))
    up.publish((4, 16))
    second = down.run()

    assert used(first) == (None, 0, Reading.ALL_ROWS)
    assert first.notes == ()
    assert used(second) == (0, 2, Reading.ADDED_FILES)
    assert down.last_handed == [(3, 9, "insert"), (4, 16, "insert")]
    assert down.handed[-1]["_commit_version"].to_list() == [1, 2]
    assert down.rows == [(1, 1), (2, 4), (3, 9), (4, 16)]


def test_nothing_new_publishes_nothing_and_returns_the_latest_receipt(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    first = down.run()
    again = down.run()

    assert again.is_repeated
    assert again == first
    assert len(down.handed) == 1
    assert down.table.version() == 0


def test_a_publication_that_died_or_was_refused_consumed_nothing(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    up.publish((2, 4))
    down.broken = True
    with pytest.raises(MeshError):
        down.run()
    down.broken = False
    refusing = Downstream(
        workspace, body=lambda frame: frame.select("n", pl.lit(None).alias("square"))
    )
    assert isinstance(execute(refusing.product, workspace, Run("refused")), Refusal)
    down.run()

    assert down.last_handed == [(2, 4, "insert")]
    assert down.rows == [(1, 1), (2, 4)]


def test_the_same_run_again_publishes_nothing_though_more_has_come(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    first = down.run(run_id="r")
    up.publish((2, 4))

    assert down.run(run_id="r") == first
    assert down.rows == [(1, 1)]
    assert down.run(run_id="s").inputs[0].since == 0
    assert down.rows == [(1, 1), (2, 4)]


def test_it_is_the_lake_that_knows_what_was_consumed(workspace, up, tmp_path):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    up.publish((2, 4))
    for file in Path(workspace.settings.path(workspace.settings.state)).rglob("*.db*"):
        file.unlink()
    again = Downstream(empty_mesh(tmp_path))
    again.run(run_id="later")
    assert again.last_handed == [(2, 4, "insert")]


def test_two_runs_at_once_consume_once(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace, contract=Loose)
    down.run()
    up.publish((2, 4))

    def overtaken(frame: pl.LazyFrame) -> pl.LazyFrame:
        down.run()
        return frame.select("n", "square")

    slow = Downstream(workspace, contract=Loose, body=overtaken)
    with pytest.raises(CommitConflictError, match="run down2 published it meanwhile"):
        execute(slow.product, workspace, Run("slow"))
    assert down.rows == [(1, 1), (2, 4)]
    assert execute(down.product, workspace, Run("slow")).is_repeated


def test_an_upsert_is_handed_updates_with_what_they_were(workspace):
    up = Upstream(workspace, mesh.Upsert(on="n"))
    up.publish((1, 1), (2, 4), (3, 9))
    down = Downstream(workspace, mesh.Upsert(on="n"), body=current)
    down.run()
    up.publish((2, 5), (7, 49))
    receipt = down.run()

    assert used(receipt) == (0, 1, Reading.CHANGES)
    assert down.last_handed == [
        (2, 4, "update_preimage"), (2, 5, "update_postimage"), (7, 49, "insert"),
    ]  # fmt: skip
    assert down.rows == [(1, 1), (2, 5), (3, 9), (7, 49)]
    assert receipt.rows_accepted == 2


def test_an_upstream_that_overwrites_hands_over_what_differs(workspace):
    up = Upstream(workspace, mesh.Overwrite())
    up.publish((1, 1), (2, 4))
    down = Downstream(workspace)
    down.run()
    up.publish((1, 1), (2, 4), (3, 9))
    assert used(down.run()) == (0, 1, Reading.CHANGES)
    assert down.last_handed == [(3, 9, "insert")]

    up.publish((3, 9), (1, 1), (2, 4))
    unmoved = down.run()
    assert (unmoved.rows_accepted, unmoved.is_repeated, used(unmoved)[:2]) == (0, False, (1, 2))
    assert down.rows == [(1, 1), (2, 4), (3, 9)]


def test_a_closed_partition_that_is_replaced_hands_over_its_corrections(workspace):
    class Daily(mesh.Contract):
        n: int = mesh.Field(key=True)
        square: int

    write = mesh.ReplacePartitions(by="square")
    up = Upstream(workspace, write, contract=Daily)
    up.publish((1, 1), (2, 1), (3, 2), (4, 2))
    down = Downstream(workspace, mesh.Upsert(on="n"), body=current)
    down.run()
    up.publish((1, 1), (2, 1), (9, 1))

    assert used(down.run()) == (0, 1, Reading.CHANGES)
    assert down.last_handed == [(9, 1, "insert")]
    assert down.rows == [(1, 1), (2, 1), (3, 2), (4, 2), (9, 1)]


def test_append_takes_nothing_back_so_a_correction_makes_it_anew_in_one_commit(workspace):
    up = Upstream(workspace, mesh.Upsert(on="n"))
    up.publish((1, 1), (2, 4))
    down = Downstream(workspace)
    down.run()
    up.publish((2, 5), (3, 9))
    receipt = down.run()

    assert used(receipt) == (None, 1, Reading.ALL_ROWS)
    assert receipt.notes == (
        (
            "all rows of retail.source_v1 were read: version 1 changed or removed rows, and Append "
            "takes nothing back"
        ),
    )
    assert (receipt.write_mode, receipt.table_version) == ("overwrite", 1)
    assert down.last_handed == [(1, 1, "insert"), (2, 5, "insert"), (3, 9, "insert")]
    assert down.rows == [(1, 1), (2, 5), (3, 9)]
    up.publish((4, 16))
    assert used(down.run()) == (1, 2, Reading.ADDED_FILES)
    assert down.rows == [(1, 1), (2, 5), (3, 9), (4, 16)]


def test_an_upsert_without_a_word_for_deletes_is_made_anew_when_rows_were_removed(workspace, up):
    up.publish((1, 1), (2, 4))
    down = Downstream(workspace, mesh.Upsert(on="n"), body=current)
    down.run()
    up.delta.delete("n = 1")
    receipt = down.run()

    assert receipt.notes == (
        (
            "all rows of retail.source_v1 were read: version 1 removed rows, and Upsert has no "
            "delete_when"
        ),
    )
    assert down.rows == [(2, 4)]


def test_a_full_refresh_replaces_what_was_appended_and_goes_on_from_there(workspace, up):
    up.publish((1, 1))
    up.publish((2, 4))
    down = Downstream(workspace)
    down.run()
    receipt = down.run(is_full_refresh=True)

    assert (receipt.write_mode, receipt.notes) == ("overwrite", ())
    assert down.rows == [(1, 1), (2, 4)]
    up.publish((3, 9))
    assert used(down.run()) == (1, 2, Reading.ADDED_FILES)
    assert down.rows == [(1, 1), (2, 4), (3, 9)]


def test_changed_code_is_told_with_what_makes_everything_anew(workspace, up):
    up.publish((1, 1))
    down = Downstream(workspace)
    down.run()
    object.__setattr__(down.product, "code_version", "another")
    receipt = down.run()

    assert receipt.rows_accepted == 0
    assert receipt.notes == (
        (
            "its code or contract changed, and rows of earlier runs are as they were made: "
            "`mesh run retail.target_v1 --full-refresh` makes them anew"
        ),
    )


def test_two_ports_on_one_product_are_read_up_to_one_version(workspace, up):
    """Groups that changed are made anew from everything: the usual way to sum up."""
    seen = []

    class Sums(mesh.Contract):
        parity: int = mesh.Field(key=True)
        total: int

    def sums(changed: pl.LazyFrame, everything: pl.LazyFrame) -> pl.LazyFrame:
        parity = pl.col("n") % 2
        touched = changed.select(parity.alias("parity")).unique()
        seen.append(sorted(touched.collect()["parity"]))
        parts = everything.with_columns(parity=parity)
        return (
            parts.join(touched, on="parity", how="semi")
            .group_by("parity")
            .agg(total=pl.col("square").sum())
        )

    ports = {
        "changed": mesh.Input("retail.source_v1", ["n"], incremental=True),
        "everything": mesh.Input("retail.source_v1", ["n", "square"]),
    }
    product = bound(
        mesh.data_product(contract=Sums, write=mesh.Upsert(on="parity"), inputs=ports)(sums)
    )
    up.publish((1, 1), (2, 4))
    execute(product, workspace, Run("a"))
    up.publish((3, 9))
    receipt = execute(product, workspace, Run("b"))

    assert seen == [[0, 1], [1]]
    assert [(i.port, i.since, i.version, i.how) for i in receipt.inputs] == [
        ("changed", 0, 1, Reading.ADDED_FILES), ("everything", None, 1, None),
    ]  # fmt: skip
    found = workspace.lake.table(product.id).scan().sort("parity").collect()
    assert found.rows() == [(0, 4), (1, 10)]
    assert execute(product, workspace, Run("c")).is_repeated


def test_a_receipt_of_an_earlier_mesh_is_read_and_a_plain_input_says_no_more_than_it_did():
    plain = InputVersion("a.b_v1", 3, "rows", ("n",))
    assert plain.as_json() == {
        "product": "a.b_v1", "version": 3, "port": "rows", "columns": ("n",),
    }  # fmt: skip
    assert InputVersion.from_json(json.loads(json.dumps(plain.as_json()))) == plain
    told = InputVersion("a.b_v1", 3, "rows", None, 1, Reading.CHANGES, "", "id")
    assert InputVersion.from_json({**told.as_json(), "later": 1}) == told
    assert told.words == "changes since version 1"
