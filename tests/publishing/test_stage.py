"""Staged files: their size, their names, their encoding, and that they go when they are not wanted."""

import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import mesh
from mesh.catalog.receipts import publication_id
from mesh.lake import Lake
from mesh.lake.partitions import folder_of, partition_text, why_no_partition
from mesh.publishing import publish
from mesh.publishing.stage import STAGED_NAME, Stage
from mesh.settings import PublishingSettings
from tests.behaviour.products import orders, product, publish_small

MEBIBYTE = 1024 * 1024


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def incompressible(rows: int) -> pl.DataFrame:
    numbers = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "order_id": numbers,
            "country": numbers.hash(seed=1).cast(pl.String),
            "amount": numbers.hash(seed=2).cast(pl.Float64),
        }
    )


def test_a_file_is_closed_at_its_size_and_the_next_begun(lake):
    settings = PublishingSettings(workers=1, batch_rows=5_000, file_bytes=MEBIBYTE)
    publish(product(), incompressible(200_000), lake=lake, run_id="run", settings=settings)

    sizes = sorted(file.size for file in lake.table(product().id).snapshot().files)
    assert len(sizes) > 4
    assert all(MEBIBYTE <= size < 1.5 * MEBIBYTE for size in sizes[1:])


def test_a_file_s_name_tells_its_publication_and_attempt(lake):
    declared = product(partition_by=("country",))
    publish_small(declared, orders([(1, "DE", 1.0), (2, "Ü b", 1.0)]), lake, "run")

    for file in lake.table(declared.id).snapshot().files:
        folder, _, name = file.path.rpartition("/")
        match = STAGED_NAME.fullmatch(name)
        assert match["publication"] == publication_id(str(declared.id), "run")
        assert folder in {"country=DE", "country=%C3%9C%20b"}


def test_sizes_and_counts_in_the_log_are_those_of_the_files(lake):
    declared = product(partition_by=("country",))
    publish_small(declared, orders([(n, f"C{n % 2}", 1.0) for n in range(40)]), lake, "run")

    table = lake.table(declared.id)
    lying = {file.path: file.size for file in table.store.list() if "part-" in file.path}
    assert {file.path: file.size for file in table.snapshot().files} == lying
    for file in table.snapshot().files:
        assert pq.read_metadata(f"{table.url}/{file.path}").num_rows == file.rows
    assert DeltaTable(table.url).count() == 40


def test_only_columns_that_repeat_themselves_have_a_dictionary(lake):
    numbers = incompressible(10_000)
    frame = numbers.with_columns(amount=(pl.col("order_id") % 7).cast(pl.Float64))
    publish(product(), frame, lake=lake, run_id="run", settings=PublishingSettings(workers=1))

    table = lake.table(product().id)
    (file,) = table.snapshot().files
    group = pq.read_metadata(f"{table.url}/{file.path}").row_group(0)
    encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(3)}
    assert "RLE_DICTIONARY" in encodings["amount"]
    assert "RLE_DICTIONARY" not in encodings["country"]


def test_what_is_discarded_is_gone_and_what_is_kept_stays(lake):
    stages = [new_stage(lake, "a" * 32), new_stage(lake, "b" * 32)]
    for stage in stages:
        writer = stage.writer("0")
        writer.write(orders([(1, "DE", 1.0)]).to_arrow().cast(stage.schema).to_batches()[0])
        writer.close()
    stages[0].keep()
    for stage in stages:
        stage.discard()

    (left,) = stages[0].table.store.list()
    assert left.path == stages[0].files[0].path


def test_what_is_abandoned_is_no_file_that_could_be_read(lake):
    stage = new_stage(lake, "a" * 32)
    writer = stage.writer("0")
    writer.write(orders([(1, "DE", 1.0)]).to_arrow().cast(stage.schema).to_batches()[0])
    writer.abandon()

    assert stage.files == ()
    stage.discard()
    assert list(stage.table.store.list()) == []


def test_attempts_at_one_publication_never_share_a_name(lake):
    first, second = new_stage(lake, "a" * 32), new_stage(lake, "a" * 32)
    assert first.attempt != second.attempt
    assert first.beside().attempt == first.attempt


def new_stage(lake: Lake, publication: str) -> Stage:
    schema = orders([]).to_arrow().schema
    return Stage(lake.table(product().id), schema, (), publication, MEBIBYTE)


def test_a_partition_s_folder_is_one_name_whatever_its_value():
    for value in ["a/b", "..", "../x", "a b", "ü", "=", "%2F", "\n"]:
        folder = folder_of({"column": partition_text(value)})
        assert folder.count("/") == 1
        assert folder.startswith("column=")
        assert " " not in folder


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [("", True), ("__HIVE_DEFAULT_PARTITION__", True), ("x" * 249, True), ("x" * 248, False),
     (None, False), ("null", False)],
)  # fmt: skip
def test_a_partition_value_that_readers_would_change_is_known(text, is_refused):
    assert bool(why_no_partition("column", text)) is is_refused


class Lists(mesh.Contract):
    """Rows that cannot be laid out by their lists."""

    id: int
    parts: pl.List(pl.Int64)


def test_lists_are_no_partition():
    with pytest.raises(mesh.MeshError, match="parts"):
        product(Lists, partition_by=("parts",))
