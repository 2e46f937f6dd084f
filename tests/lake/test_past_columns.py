"""Columns that a table had in any version that its log still tells of."""

import deltalake
import polars as pl
import pytest

from mesh.errors import StorageError
from mesh.lake.log import log_path
from mesh.lake.past_columns import columns_ever
from mesh.lake.table import Table


@pytest.fixture
def table(tmp_path):
    """A table whose columns were a and b, then a and c, and then a alone."""
    for columns in ("ab", "ac", "a"):
        written(tmp_path / "table", columns)
    return Table(str(tmp_path / "table"))


def written(folder, columns, mode="overwrite"):
    rows = pl.DataFrame({name: [1] for name in columns}).to_arrow()
    options = {"schema_mode": "overwrite"} if mode == "overwrite" else {}
    deltalake.write_deltalake(folder, rows, mode=mode, **options)


def without(table, version):
    """Take an entry of the log away, as another program's cleaning does."""
    (table.store.root / log_path(version)).unlink()


def test_columns_that_are_gone_are_told(table):
    assert table.snapshot().schema.names == ["a"]
    assert columns_ever(table.snapshot()) == {"a", "b", "c"}
    assert columns_ever(table.snapshot(0)) >= {"a", "b"}


def test_what_comes_later_is_added_to_what_was_known(table):
    assert columns_ever(table.snapshot()) == {"a", "b", "c"}
    written(table.url, "ad")
    assert columns_ever(table.snapshot()) == {"a", "b", "c", "d"}


def test_a_table_made_anew_in_the_place_of_another_has_a_past_of_its_own(table, tmp_path):
    assert "b" in columns_ever(table.snapshot())
    for file in sorted((tmp_path / "table").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    written(table.url, "x")
    assert columns_ever(table.snapshot()) == {"x"}


def test_where_the_log_begins_later_it_is_told_from_there(table):
    deltalake.DeltaTable(table.url, version=1).create_checkpoint()
    without(table, 0)
    assert columns_ever(table.snapshot()) == {"a", "c"}


def test_a_log_of_which_something_is_missing_tells_nothing(table):
    snapshot = table.snapshot()
    without(table, 1)
    with pytest.raises(StorageError, match="an entry of the log is gone"):
        columns_ever(snapshot)


def test_a_log_without_a_beginning_tells_nothing(table):
    snapshot = table.snapshot()
    without(table, 0)
    with pytest.raises(StorageError, match="no beginning"):
        columns_ever(snapshot)
