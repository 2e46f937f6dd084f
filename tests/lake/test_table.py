"""A commit lands as the very next version of what it was planned on, or says that it did not."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from mesh.errors import CommitConflictError, StorageError
from mesh.lake import StagedFile
from mesh.lake.store import local_path
from mesh.lake.table import Change
from mesh.naming import ProductId

SCHEMA = pa.schema([pa.field("value", pa.int64(), metadata={"comment": "what is counted"})])


@pytest.fixture
def table(lake):
    return lake.table(ProductId("shop", "counts", 1))


def change(name: str, **options) -> Change:
    """A commit of a file that nobody reads."""
    statistics = json.dumps({"numRecords": 3})
    file = StagedFile(f"{name}.parquet", 10, 3, {}, statistics)
    return Change([file], SCHEMA, (), {"by": name}, f"test:{name}", **options)


def opened(table) -> DeltaTable:
    options = None if local_path(table.url) else table.access.delta
    return DeltaTable(table.root, storage_options=options)


def test_versions_follow_each_other(table):
    assert table.commit(change("a"), None) == 0
    assert table.commit(change("b"), table.snapshot()) == 1
    assert table.commit(change("c", is_overwrite=True), table.snapshot()) == 2

    assert [file.path for file in table.snapshot().files] == ["c.parquet"]
    assert sorted(file.path for file in table.snapshot(1).files) == ["a.parquet", "b.parquet"]
    assert (table.snapshot(1).rows, table.snapshot().rows) == (6, 3)


@pytest.mark.parametrize("is_overwrite", [True, False])
def test_what_was_planned_on_an_older_version_does_not_land(table, is_overwrite):
    table.commit(change("a"), None)
    planned_on = table.snapshot()
    table.commit(change("b"), table.snapshot())

    with pytest.raises(CommitConflictError) as raised:
        table.commit(change("c", is_overwrite=is_overwrite), planned_on)
    assert raised.value.where == table.url
    assert sorted(file.path for file in table.snapshot().files) == ["a.parquet", "b.parquet"]


def test_a_table_is_made_once(table):
    table.commit(change("a"), None)
    with pytest.raises(CommitConflictError):
        table.commit(change("b"), None)
    assert table.version() == 0


def test_a_removed_file_is_gone_from_the_version_and_not_from_older_ones(table):
    table.commit(change("a"), None)
    snapshot = table.snapshot()
    table.commit(change("b", removes=snapshot.files), snapshot)

    assert [file.path for file in table.snapshot().files] == ["b.parquet"]
    assert [file.path for file in table.snapshot(0).files] == ["a.parquet"]


def test_a_snapshot_knows_which_transactions_have_landed(table):
    table.commit(change("a"), None)
    table.commit(change("b"), table.snapshot())

    assert [table.snapshot().has_transaction(f"test:{name}") for name in "abc"] == [
        True,
        True,
        False,
    ]
    assert not table.snapshot(0).has_transaction("test:b")


def test_the_history_has_what_commits_say_of_themselves_newest_first(table):
    table.commit(change("a"), None)
    table.commit(change("b"), table.snapshot())

    assert [(c.version, c.metadata["by"]) for c in table.commits()] == [(1, "b"), (0, "a")]
    assert all(commit.timestamp.tzinfo is not None for commit in table.commits())


def test_columns_come_with_the_rows_in_one_commit_or_not_at_all(table):
    table.commit(change("a"), None)
    snapshot = table.snapshot()
    note = pa.field("note", pa.string(), metadata={"comment": "why"})
    wider = replace(change("b"), schema=pa.schema([*SCHEMA, note]), is_evolving=True)

    assert table.commit(wider, snapshot) == 1
    assert table.snapshot().schema.names == ["value", "note"]
    assert table.snapshot().schema.field("note").metadata == {b"comment": b"why"}
    assert sorted(file.path for file in table.snapshot().files) == ["a.parquet", "b.parquet"]
    assert table.snapshot().has_transaction("test:b")
    assert next(table.commits()).metadata["mesh.columns"] == "note"
    assert table.snapshot(0).schema.names == ["value"]
    with pytest.raises(CommitConflictError):
        table.commit(wider, snapshot)


def test_an_overwrite_that_brings_columns_shows_its_own_files_alone(table):
    table.commit(change("a"), None)
    other = pa.schema([pa.field("other", pa.timestamp("us"))])
    whole = replace(change("b"), schema=other, is_evolving=True, is_overwrite=True)
    table.commit(whole, table.snapshot())

    assert [file.path for file in table.snapshot().files] == ["b.parquet"]
    assert table.snapshot().schema.names == ["other"]
    assert "timestampNtz" in opened(table).protocol().writer_features


def test_what_others_say_of_a_column_stays(table):
    table.commit(change("a"), None)
    opened(table).alter.set_column_metadata("value", {"theirs": "kept", "comment": "old"})
    said = pa.field("value", SCHEMA.field("value").type, metadata={"comment": "new"})
    told = replace(change("b"), schema=pa.schema([said]), is_evolving=True)
    table.commit(told, table.snapshot())

    found = table.snapshot().schema.field("value").metadata
    assert found == {b"theirs": b"kept", b"comment": b"new"}


@pytest.mark.parametrize("configured", ["delta.appendOnly", "delta.columnMapping.mode"])
def test_columns_stay_as_they_are_in_a_table_that_asks_for_more_than_is_known(table, configured):
    value = "true" if configured.endswith("Only") else "name"
    table.commit(replace(change("a"), configuration={configured: value}), None)
    snapshot = table.snapshot()
    wider = pa.schema([*snapshot.schema, pa.field("note", pa.string())])
    told = replace(change("b", removes=snapshot.files), schema=wider, is_evolving=True)
    with pytest.raises(StorageError, match="cannot do while columns change"):
        table.commit(told, snapshot)

    assert table.version() == 0


def test_a_log_that_is_evolved_is_summed_up_as_any_other(table):
    table.commit(change("0"), None)
    fields = [*SCHEMA]
    for number in range(1, 11):
        fields.append(pa.field(f"added_{number}", pa.int64()))
        told = replace(change(str(number)), schema=pa.schema(fields), is_evolving=True)
        table.commit(told, table.snapshot())

    paths = {file.path for file in table.store.list("_delta_log")}
    assert "_delta_log/00000000000000000009.checkpoint.parquet" in paths
    assert table.snapshot().schema.names == [field.name for field in fields]
    assert len(table.snapshot().files) == 11


def test_columns_that_differ_are_named(table):
    table.commit(change("a"), None)
    snapshot = table.snapshot()

    assert snapshot.columns_unlike(SCHEMA) == ()
    assert snapshot.columns_unlike(pa.schema([("value", pa.int32())])) == ("value",)
    assert snapshot.columns_unlike(pa.schema([("other", pa.int64())])) == ("value",)
    wider = pa.schema([*SCHEMA, pa.field("note", pa.string())])
    assert snapshot.columns_unlike(wider) == ()


def test_descriptions_of_columns_are_in_the_table(table):
    table.commit(replace(change("a"), description="Counts of things."), None)
    assert table.snapshot().schema.field("value").metadata[b"comment"] == b"what is counted"
