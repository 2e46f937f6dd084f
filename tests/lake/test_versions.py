"""A server holds versions open, and never shows one that is older than what was committed."""

import pytest

from mesh.errors import NotPublishedError
from mesh.lake.versions import Versions
from mesh.naming import ProductId
from tests.lake.test_table import change

COUNTS = ProductId("shop", "counts", 1)


@pytest.fixture
def table(lake):
    return lake.table(COUNTS)


@pytest.fixture
def versions(lake):
    return Versions(lake)


def test_a_version_is_opened_until_it_is_known_to_be_the_same_and_then_no_more(table, versions):
    table.commit(change("a"), None)
    versions.latest(COUNTS)
    held = versions.latest(COUNTS)
    assert [versions.latest(COUNTS) for _ in range(3)] == [held] * 3


def test_a_commit_is_seen_at_once(table, versions):
    table.commit(change("a"), None)
    for number in range(1, 4):
        assert [versions.latest(COUNTS).version for _ in range(3)] == [number - 1] * 3
        table.commit(change(str(number)), table.snapshot())
    assert versions.latest(COUNTS).version == 3


def test_a_table_that_is_made_anew_in_its_place_is_another(table, versions):
    table.commit(change("a"), None)
    before = [versions.latest(COUNTS) for _ in range(3)][-1]
    table.store.delete([file.path for file in table.store.list("_delta_log")])
    with pytest.raises(NotPublishedError):
        versions.latest(COUNTS)
    table.commit(change("b"), None)

    found = versions.latest(COUNTS)
    assert (found.version, [file.path for file in found.files]) == (0, ["b.parquet"])
    assert found.table_id != before.table_id
