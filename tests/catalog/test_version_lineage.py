"""A version names the publications that made it, and the versions below, to any depth."""

from dataclasses import replace

import pytest

from mesh.catalog.receipts import InputVersion
from mesh.errors import NotPublishedError
from tests.catalog.factories import receipt

SOURCE, MIDDLE, END = "a.source_v1", "a.middle_v1", "a.result_v1"


def published(catalog, name, version, mode="overwrite", *inputs, partition=""):
    made = receipt(name, version, [InputVersion(*pair, "port") for pair in inputs])
    catalog.record(replace(made, write_mode=mode, partition=partition))


def versions(made):
    return {(item.product, item.version): item.depth for item in made}


def test_a_version_is_made_from_exact_versions(catalog):
    for version in range(3):
        published(catalog, SOURCE, version)
    published(catalog, MIDDLE, 0, "overwrite", (SOURCE, 1))
    published(catalog, END, 0, "overwrite", (MIDDLE, 0), (SOURCE, 2))

    made = catalog.made_from(END, 0)

    assert versions(made) == {(END, 0): 0, (MIDDLE, 0): 1, (SOURCE, 2): 1, (SOURCE, 1): 2}
    assert made[0].inputs == ((MIDDLE, 0), (SOURCE, 2))
    assert versions(catalog.made_from(END, 0, depth=1)) == {
        (END, 0): 0,
        (MIDDLE, 0): 1,
        (SOURCE, 2): 1,
    }


def test_a_version_that_upkeep_made_holds_what_was_published_before(catalog):
    published(catalog, SOURCE, 0)
    published(catalog, MIDDLE, 4, "overwrite", (SOURCE, 0))

    made = catalog.made_from(MIDDLE, 6)

    assert [r.table_version for r in made[0].publications] == [4]
    assert versions(made) == {(MIDDLE, 6): 0, (SOURCE, 0): 1}


def test_rows_that_were_added_stand_on_every_publication_back_to_the_last_whole_one(catalog):
    modes = ["append", "append", "overwrite", *["append"] * 70]
    for version, mode in enumerate(modes):
        published(catalog, MIDDLE, version, mode, (SOURCE, version))

    made = catalog.made_from(MIDDLE, 72)

    assert [r.table_version for r in made[0].publications] == list(range(72, 1, -1))
    assert made[0].inputs == tuple((SOURCE, n) for n in range(2, 73))


def test_of_replaced_partitions_only_the_last_publication_of_each_counts(catalog):
    days = ["mon", "tue", "mon", "wed"]
    for version, day in enumerate(days):
        published(catalog, MIDDLE, version, "replace_partitions", (SOURCE, version), partition=day)

    made = catalog.made_from(MIDDLE, 3)

    assert [r.table_version for r in made[0].publications] == [3, 2, 1]


def test_two_products_that_read_each_other_end(catalog):
    published(catalog, SOURCE, 0)
    published(catalog, MIDDLE, 0, "overwrite", (SOURCE, 0))
    published(catalog, SOURCE, 1, "upsert", (MIDDLE, 0))

    assert versions(catalog.made_from(SOURCE, 1)) == {
        (SOURCE, 1): 0,
        (MIDDLE, 0): 1,
        (SOURCE, 0): 2,
    }


def test_what_was_read_from_another_environment_is_said_so(catalog):
    used = InputVersion(SOURCE, 7, "port", environment="prod")
    catalog.record(receipt(MIDDLE, 0, [used]))

    made = catalog.made_from(MIDDLE, 0)

    assert (made[1].product, made[1].version, made[1].environment) == (SOURCE, 7, "prod")
    assert made[1].publications == ()


def test_a_version_without_a_publication_says_where_receipts_come_from(catalog):
    with pytest.raises(NotPublishedError, match="no publication up to version 3") as caught:
        catalog.made_from("a.nothing_v1", 3)
    assert "mesh catalog sync" in caught.value.hint


def test_it_is_plain_values(catalog):
    published(catalog, SOURCE, 0)
    published(catalog, MIDDLE, 0, "overwrite", (SOURCE, 0))

    plain = [item.as_json() for item in catalog.made_from(MIDDLE, 0)]

    assert plain[0]["inputs"] == [{"product": SOURCE, "version": 0}]
    assert plain[1]["publications"][0]["product"] == SOURCE
