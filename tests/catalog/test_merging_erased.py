"""What an erasure or upkeep removed from one of two catalogs does not come back by a merge."""

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Refusal
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.lake import Lake
from mesh.settings import PublishingSettings
from mesh.upkeep.erasure import Erasure
from tests.behaviour.products import product, publish_small
from tests.behaviour.upkeep import Keeper
from tests.catalog.test_copying import contents
from tests.catalog.test_merging import merging, urls

__all__ = ["urls"]
NAME = "shop.accounts_v1"


class Accounts(mesh.Contract):
    """One row per account; nobody said that a nickname is personal."""

    account_id: int = mesh.Field(key=True)
    nickname: str = mesh.Field(str_length={"max_value": 12})


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake" / "dev"))


@pytest.fixture
def declared():
    return product(Accounts, name="accounts", write=mesh.Append())


def rows(*names, first=0):
    return pl.DataFrame({"account_id": list(range(first, first + len(names))), "nickname": names})


def publish(declared, lake, run, data, *catalogs):
    """Publish, and let every catalog hear of it: a receipt, or a refusal."""
    done = publish_small(declared, data, lake, run)
    for url in catalogs:
        with Catalog.open(url) as catalog:
            is_refused = isinstance(done, Refusal)
            catalog.record_refusal(done) if is_refused else catalog.record(done)


def erase(declared, lake, url):
    settings = PublishingSettings(workers=2, batch_rows=4)
    with Catalog.open(url) as catalog:
        found = Erasure(lake, catalog, declared.id, "nickname = 'zoe-planted'", settings)
        found.apply(why="asked", by="ada")


def happen(declared, lake, *catalogs):
    """A publication with the person's row, and a refusal that quotes another of hers."""
    publish(declared, lake, "one", rows("adam", "zoe-planted"), *catalogs)
    publish(declared, lake, "two", rows("zoe-planted-too", "z", first=10), *catalogs)


def go_on(declared, lake, *catalogs):
    """The same without her, afterwards."""
    publish(declared, lake, "three", rows("bob", "cora", first=20), *catalogs)
    publish(declared, lake, "four", rows("d", "eve-was-never-erased", first=30), *catalogs)


def told(url):
    """How many profiles a catalog has, and how many refusals with samples and without."""
    with Catalog.open(url) as catalog:
        refusals = catalog.refusals(NAME)
        quoting = [r for r in refusals if any(f["samples"] for f in r.verdict["findings"])]
        profiles = catalog.profiles.publications(NAME)
        return len(profiles), len(quoting), len(refusals) - len(quoting)


def is_planted(url):
    return any("zoe-planted" in str(row) for rows in contents(url).values() for row in rows)


def test_a_catalog_that_never_heard_of_an_erasure_brings_nothing_back(urls, lake, declared):
    team, company = urls
    happen(declared, lake, team, company)
    assert is_planted(company)
    erase(declared, lake, company)
    go_on(declared, lake, team)
    before = told(company)
    assert before == (0, 0, 1)

    merged = merging(team, company)

    assert told(company) == (1, 1, 1)
    assert not is_planted(company)
    assert (merged.added["receipts"], merged.added["profiles"], merged.forgotten) == (1, 1, 0)


def test_what_the_target_hears_of_for_the_first_time_comes_without_erased_values(
    urls, lake, declared, tmp_path
):
    team, company = urls
    happen(declared, lake, team)
    with Catalog.open(company) as elsewhere:
        erase(declared, lake, f"sqlite:///{tmp_path / 'elsewhere.db'}")
        sync(elsewhere, lake, [declared.id])

    merging(team, company)

    assert told(company) == (0, 0, 1)
    assert not is_planted(company)


def test_an_erasure_that_only_the_source_knows_goes_for_the_target_too(urls, lake, declared):
    team, company = urls
    happen(declared, lake, team, company)
    erase(declared, lake, team)
    go_on(declared, lake, company)
    assert is_planted(company)

    merged = merging(team, company)

    assert merged.forgotten == 2
    assert told(company) == (1, 1, 1)
    assert not is_planted(company)
    with Catalog.open(company) as catalog:
        assert len(catalog.erasures(NAME)) == 1
    again = merging(team, company)
    assert not any(again.added.values())
    assert again.forgotten == 0


def test_a_refusal_that_came_while_rows_were_erased_is_no_contradiction(urls, lake, declared):
    team, company = urls
    publish(declared, lake, "one", rows("adam", "zoe-planted"), team, company)
    erase(declared, lake, team)
    publish(declared, lake, "two", rows("zoe-planted-too", "z", first=10), team, company)
    with Catalog.open(team) as catalog:
        catalog.forget_samples(NAME)

    assert merging(team, company).forgotten == 2
    assert told(company) == (0, 0, 1)
    assert not is_planted(company)


def test_profiles_that_upkeep_removed_from_the_target_do_not_come_back(urls, lake):
    declared = product(
        Accounts, name="accounts", write=mesh.Append(), retention=mesh.Retention("90d")
    )
    team, company = urls
    happen(declared, lake, team, company)
    with Catalog.open(company) as catalog:
        Keeper(lake, catalog).apply(declared, days=100)

    merged = merging(team, company)

    assert told(company)[0] == 0
    assert not any(merged.added.values())
