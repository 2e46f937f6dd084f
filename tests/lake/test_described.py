"""A version is told in Delta's own words, as its log has them."""

import json

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema

from mesh.lake import Lake, Table
from mesh.lake.described import protocol_of, schema_json
from tests.behaviour.products import Orders, orders, product, publish_small

SPLIT = product(Orders, partition_by=("country",))


@pytest.fixture
def described(tmp_path):
    """Orders in two countries, one without an amount."""
    lake = Lake(str(tmp_path / "lake"))
    publish_small(SPLIT, orders([(1, "a b/ä", 1.5), (2, "de", None), (3, "de", 2.5)]), lake, "one")
    return lake.table(SPLIT.id).snapshot().described


def test_files_are_told_with_plain_paths_and_partitions(described):
    files = described.files.sort("partition")
    assert [json.loads(text) for text in files["partition"]] == [
        {"country": "a b/ä"},
        {"country": "de"},
    ]
    assert files["rows"].to_list() == [1, 2]
    assert not any("%25" in path for path in files["path"])


def test_statistics_are_what_the_log_has_for_types_that_all_readers_understand(described):
    told = [json.loads(text) for text in described.files.sort("rows")["stats"]]
    assert told[1]["numRecords"] == 2
    assert told[1]["minValues"] == {"order_id": 2}
    assert told[1]["maxValues"] == {"order_id": 3}
    assert told[1]["nullCount"]["amount"] == 1


def test_metadata_tells_of_columns_and_nothing_of_mesh(described):
    fields = [field["name"] for field in json.loads(described.metadata["schemaString"])["fields"]]
    assert fields == ["order_id", "country", "amount"]
    assert described.metadata["partitionColumns"] == ["country"]
    assert described.metadata["configuration"] == {}
    assert described.features == frozenset()
    assert described.protocol["minReaderVersion"] == 1


def test_a_time_without_a_zone_asks_more_of_a_reader():
    plain = pa.schema([("on", pa.date32()), ("at", pa.timestamp("us", "UTC"))])
    assert protocol_of(schema_json(plain))["minReaderVersion"] == 1
    local = pa.schema([("at", pa.list_(pa.timestamp("us")))])
    assert protocol_of(schema_json(local))["readerFeatures"] == ["timestampNtz"]


def test_a_version_without_files_is_told_all_the_same(tmp_path):
    schema = Schema.from_arrow(pa.schema([("id", pa.int64())]))
    DeltaTable.create(str(tmp_path / "empty"), schema)
    found = Table(str(tmp_path / "empty")).snapshot().described
    assert found.files.height == 0
    assert {"path", "size", "rows", "partition", "stats"} <= set(found.files.columns)
