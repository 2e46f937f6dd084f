"""An upload that fails leaves nothing: no object, and no parts that nobody sees and somebody pays."""

import pytest

from mesh.errors import StorageError, StoreUnavailableError, TransformError
from mesh.lake.store import open_store
from tests.behaviour.products import Notes, product, publish_small, state_of
from tests.behaviour.proxy import error, proxied

PART = b"x" * 12_000_000


def uploads(bucket, lake) -> list[str]:
    """Multipart uploads below a lake that are neither completed nor aborted."""
    prefix = lake.url.partition(f"{bucket.name}/")[2]
    found = bucket.client().list_multipart_uploads(Bucket=bucket.name, Prefix=prefix)
    return [upload["Key"] for upload in found.get("Uploads", [])]


def test_an_upload_that_is_given_up_leaves_nothing(bucket):
    lake = bucket.lake()
    store = open_store(lake.url, lake.options)
    sink = store.open_output("large.bin")
    sink.write(PART)
    assert len(uploads(bucket, lake)) == 1

    sink.abort()
    assert uploads(bucket, lake) == []
    assert list(store.list()) == []


def test_a_store_that_fails_midway_is_left_without_parts(bucket):
    def refuse_second_parts(request, ask):
        is_second = "partNumber=2" in request.path
        return error(503, "SlowDown", "Reduce your rate.") if is_second else ask(request)

    with proxied(bucket.endpoint, refuse_second_parts) as endpoint:
        lake = bucket.at(endpoint).lake()
        store = open_store(lake.url, {**lake.options, "retry_seconds": "0.5"})
        sink = store.open_output("large.bin")
        with pytest.raises(StoreUnavailableError):
            write_until_it_fails(sink)
        sink.abort()

    assert uploads(bucket, lake) == []


def write_until_it_fails(sink) -> None:
    for _ in range(2):
        sink.write(PART)
    sink.close()


def test_a_transform_that_fails_midway_leaves_nothing(bucket):
    """One row that is too large to wait for the file's end, then the failure."""
    import numpy as np
    import pyarrow as pa

    lake, letters = bucket.lake(), np.random.default_rng(1).integers(97, 123, 12_000_000, "u1")
    declared = product(Notes, name="notes")
    schema = pa.schema([("country", pa.string()), ("text", pa.string())])

    def batches():
        text = letters.tobytes().decode()
        yield pa.record_batch([pa.array(["DE"]), pa.array([text])], schema=schema)
        yield pa.record_batch([pa.array(["FR"]), pa.array([text])], schema=schema)
        raise OSError("the source is gone")

    with pytest.raises((TransformError, StorageError)):
        publish_small(declared, pa.RecordBatchReader.from_batches(schema, batches()), lake, "run")

    assert uploads(bucket, lake) == []
    assert state_of(lake.table(declared.id)) == (None, [], [])
