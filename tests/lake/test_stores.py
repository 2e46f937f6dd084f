"""A store that cannot be used safely is refused, and says in one readable line what is wrong."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.errors import DamagedTableError, NotPublishedError, StorageError, UnsafeStoreError
from mesh.lake import Lake
from mesh.lake.store import open_store
from mesh.naming import ProductId
from mesh.settings import load
from tests.behaviour.products import orders, product, publish_small, rows_of, state_of
from tests.behaviour.proxy import error, proxied

ORDERS = ProductId("shop", "orders", 1)


def ignore_conditions(request, ask):
    """As s3rver and nanio do: whatever is there is written over. The header is signed: moto's only."""
    request.headers = {n: v for n, v in request.headers.items() if n.lower() != "if-none-match"}
    return ask(request)


def deny(request, ask):
    return error(403, "SignatureDoesNotMatch", "The signature does not match your secret key.")


def through(endpoint: str, bucket) -> Lake:
    return Lake(bucket.lake().url, {**bucket.options, "aws_endpoint_url": endpoint})


def test_a_store_that_ignores_conditional_writes_is_refused_before_anything_is_written(moto):
    with proxied(moto.endpoint, ignore_conditions) as endpoint:
        lake = through(endpoint, moto)
        with pytest.raises(UnsafeStoreError, match="ignores conditional writes") as raised:
            publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")

    assert raised.value.where == lake.table(ORDERS).url
    assert "If-None-Match" in raised.value.hint
    honest = Lake(lake.url, moto.options)
    assert state_of(honest.table(ORDERS)) == (None, [], [])


def test_a_store_is_probed_once_a_process(bucket):
    written = []

    def count(request, ask):
        if "_mesh_probe" in request.path and request.method == "PUT":
            written.append(request.path)
        return ask(request)

    with proxied(bucket.endpoint, count) as endpoint:
        lake = through(endpoint, bucket)
        for name in ("orders", "returns", "refunds"):
            publish_small(product(name=name), orders([(1, "DE", 1.0)]), lake, "run")

    assert len(written) == 2
    assert len(set(written)) == 1


def test_wrong_credentials_are_a_readable_error(bucket):
    with proxied(bucket.endpoint, deny) as endpoint:
        lake = through(endpoint, bucket)
        with pytest.raises(StorageError) as raised:
            publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")
        with pytest.raises(StorageError) as on_read:
            lake.table(ORDERS).scan()

    for found in (raised.value, on_read.value):
        assert "The signature does not match your secret key." in found.what
        assert "\n" not in found.what
        assert "credentials" in found.hint
        assert bucket.secret_key not in str(found)


def test_a_missing_bucket_is_a_readable_error(bucket):
    lake = Lake("s3://nowhere/dev", bucket.options)
    with pytest.raises(StorageError) as raised:
        publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")

    assert "bucket does not exist" in raised.value.what
    assert "MESH_STORAGE" in raised.value.hint
    assert "s3://nowhere/dev" in raised.value.where


def test_a_store_that_is_not_there_is_a_readable_error(bucket):
    options = {**bucket.options, "aws_endpoint_url": "http://127.0.0.1:9", "max_retries": "0"}
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9|onnect") as raised:
        Lake("s3://lake/dev", options).table(ORDERS).version()

    assert "MESH_STORAGE" in raised.value.hint


@pytest.mark.parametrize(
    "url", ["gopher://lake/dev", "s3://", "nonsense://"], ids=["scheme", "no bucket", "nothing"]
)
def test_a_url_that_is_none_is_a_readable_error(url):
    with pytest.raises(StorageError) as raised:
        publish_small(product(), orders([(1, "DE", 1.0)]), Lake(url), "run")

    assert raised.value.hint


def test_secrets_are_in_no_representation(bucket):
    lake = bucket.lake()
    for shown in (repr(lake), repr(lake.table(ORDERS)), repr(lake.table(ORDERS).store)):
        assert bucket.secret_key not in shown


@pytest.mark.parametrize("url", ["{}", "file://{}"], ids=["a path", "a file URL"])
def test_a_lake_on_disk_may_be_named_either_way(tmp_path, url):
    folder = tmp_path / "with space and ü"
    lake = Lake(url.format(folder))
    declared = product(partition_by=("country",))
    publish_small(declared, orders([(1, "Côte d'Ivoire", 1.0)]), lake, "run")

    assert rows_of(declared, lake) == [(1, "Côte d'Ivoire", 1.0)]
    assert (folder / "shop" / "orders" / "v1" / "_delta_log").is_dir()


def test_a_relative_storage_is_below_the_mesh(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load(tmp_path, storage="lake")
    lake = Lake.of(settings)
    publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")

    assert Path(lake.url) == tmp_path / "lake" / "dev"
    assert lake.table(ORDERS).exists()


def test_environments_have_tables_of_their_own(tmp_path):
    dev, prod = (Lake.of(load(tmp_path, environment=name)) for name in ("dev", "prod"))
    publish_small(product(), orders([(1, "DE", 1.0)]), dev, "run")

    assert dev.table(ORDERS).exists()
    assert not prod.table(ORDERS).exists()


def test_what_was_never_published_is_said_to_be_so(lake):
    table = lake.table(ORDERS)
    assert (table.exists(), table.find(), list(table.commits())) == (False, None, [])
    for ask in (table.version, table.scan, table.snapshot):
        with pytest.raises(NotPublishedError):
            ask()


def test_a_version_that_there_never_was_is_a_readable_error(lake):
    publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")
    with pytest.raises(NotPublishedError, match="no version 7") as raised:
        lake.table(ORDERS).scan(7)

    assert raised.value.hint == "versions are 0 to 0"


def test_a_damaged_log_is_a_readable_error(tmp_path):
    lake = Lake(str(tmp_path))
    publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")
    (log,) = (Path(lake.table(ORDERS).url) / "_delta_log").glob("*.json")
    log.write_text("{not json\n")

    with pytest.raises(DamagedTableError, match=log.name) as raised:
        lake.table(ORDERS).version()
    assert raised.value.where == str(ORDERS)


def test_files_are_listed_with_size_and_time_and_deleted_with_their_folders(lake):
    store = open_store(f"{lake.url}/files", lake.options)
    for path, text in [("a/b/one.txt", b"1"), ("a/two.txt", b"22")]:
        with store.open_output(path) as sink:
            sink.write(text)

    assert sorted((file.path, file.size) for file in store.list()) == [
        ("a/b/one.txt", 1),
        ("a/two.txt", 2),
    ]
    assert [file.path for file in store.list("a/b")] == ["a/b/one.txt"]
    assert all(file.modified_at.tzinfo is not None for file in store.list())
    store.delete(["a/b/one.txt", "a/never.txt"])
    assert [file.path for file in store.list()] == ["a/two.txt"]
    store.delete(["a/two.txt"])
    assert list(store.list()) == []
    if lake.is_local:
        assert not os.path.lexists(f"{lake.url}/files/a")


def test_content_that_is_put_once_stays_as_it_was(lake):
    store = open_store(f"{lake.url}/files", lake.options)
    store.put_once("notes/a.json", b"first")
    store.put_once("notes/a.json", b"second")

    assert store.read("notes/a.json") == b"first"
    assert [file.path for file in store.list()] == ["notes/a.json"]


def test_what_cannot_be_read_is_a_readable_error(lake):
    with pytest.raises(StorageError):
        open_store(lake.url, lake.options).read("never.json")


def test_a_file_that_is_written_is_not_there_before_it_is_closed_in_a_bucket(bucket):
    store = open_store(bucket.lake().url, bucket.options)
    sink = store.open_output("large.bin")
    sink.write(b"x" * 12_000_000)
    assert list(store.list()) == []
    sink.close()
    assert [file.size for file in store.list()] == [12_000_000]


def test_a_product_of_another_lake_is_another_table(lake):
    other = replace(lake, url=f"{lake.url}-other")
    publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")
    assert not other.table(ORDERS).exists()
