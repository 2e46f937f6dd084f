"""A person's rows are gone from everywhere, it is shown, and nothing else is lost."""

import io
import json
import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import mesh
from mesh.catalog.receipts import InputVersion, Refusal
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.errors import MeshError, NotErasedError, UnknownColumnError, VersionRemovedError
from mesh.lake.log import LOG_FOLDER
from mesh.products.ports import Input
from mesh.publishing import receipts_in
from mesh.reading import pin
from mesh.settings import PublishingSettings
from mesh.upkeep.erasure import Erasure
from tests.behaviour.products import history_of, product, publish_small
from tests.behaviour.upkeep import Keeper
from tests.faults.children import Child
from tests.upkeep.eraser import STEPS

WHERE = "email = 'zoe@example.com'"


class Accounts(mesh.Contract):
    """One row per account."""

    account_id: int = mesh.Field(key=True)
    email: str = mesh.Field(nullable=True, classification="personal")
    spent: float = mesh.Field(ge=0)


def accounts(first, *emails, spent=1.0):
    rows = [(first + n, email, spent) for n, email in enumerate(emails)]
    names = {"account_id": pl.Int64, "email": pl.String, "spent": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row")


def declared_as(**options):
    return product(Accounts, name="accounts", write=mesh.Append(), **options)


def filled(lake, declared):
    """Three versions; Zoe's rows are in the first and the last."""
    sent = [
        ("adam@example.com", "zoe@example.com", None),
        ("bob@example.com", "cora@example.com"),
        ("zoe@example.com", "dan@example.com"),
    ]
    for run, emails in enumerate(sent):
        publish_small(declared, accounts(run * 10, *emails), lake, f"run {run}")
    return declared


def erasure(lake, catalog, declared, where=WHERE, **options):
    settings = PublishingSettings(workers=2, batch_rows=4)
    return Erasure(lake, catalog, declared.id, where, settings, **options)


def emails_of(table):
    return sorted(table.scan().collect()["email"].to_list(), key=repr)


def everything_below(table):
    """All bytes that lie below a table, Parquet decoded, as one text."""
    texts = []
    for file in table.store.list():
        data = table.store.read(file.path)
        is_table = file.path.endswith(".parquet")
        texts += [file.path, str(pq.read_table(io.BytesIO(data)).to_pylist()) if is_table else ""]
        texts.append(data.decode(errors="replace"))
    return "\n".join(texts)


@pytest.mark.parametrize("options", [{}, {"cluster_by": "email"}], ids=["plain", "looked after"])
def test_rows_go_from_every_version_and_nothing_below_the_table_tells_of_them(
    lake, catalog, options
):
    declared = filled(lake, declared_as(**options))
    if options:
        keeper = Keeper(lake, catalog, checkpoint_after=1)
        keeper.apply(declared)
    table = lake.table(declared.id)
    receipts = history_of(declared, lake)
    assert "zoe@example.com" in everything_below(table)

    record = erasure(lake, catalog, declared).apply(why="request 17", by="the steward")

    assert "zoe@example.com" not in everything_below(table)
    assert emails_of(table) == sorted(
        ["adam@example.com", "bob@example.com", "cora@example.com", "dan@example.com", None],
        key=repr,
    )
    assert history_of(declared, lake) == receipts
    assert record.content["parts"][0]["rows"] == 2
    assert record.content["proof"][0]["found"] == 0
    assert catalog.erasures(str(declared.id)) == [record]


def test_a_plan_tells_where_such_rows_are_and_changes_nothing(lake, catalog):
    declared = filled(lake, declared_as())
    other = product(name="totals", write=mesh.Append())
    used = (InputVersion(str(declared.id), 2, "accounts", ("email",)),)
    rows = pl.DataFrame({"order_id": [1], "country": ["A"], "amount": [1.0]})
    catalog.record(publish_small(other, rows, lake, "down", inputs=used))
    before = everything_below(lake.table(declared.id))

    plan = erasure(lake, catalog, declared).plan()

    (part,) = plan.parts
    assert (part.rows, part.rows_in_files, part.versions) == (2, 2, (0, 1, 2))
    assert [(copy.product, copy.columns) for copy in plan.copies] == [
        ("shop.totals_v1", ("email",))
    ]
    assert everything_below(lake.table(declared.id)) == before


def test_versions_that_held_such_rows_are_told_as_erased_and_others_stay(disk, catalog):
    declared = product(Accounts, name="accounts")
    for run, email in enumerate(["adam@example.com", "zoe@example.com", "bob@example.com"]):
        publish_small(declared, accounts(run, email), disk, f"run {run}")
    erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    with pytest.raises(VersionRemovedError, match="because of an erasure: request 17"):
        pin("accounts", Input(str(declared.id)), disk, version=1)
    for version, email in ((0, "adam@example.com"), (2, "bob@example.com")):
        rows = pin("accounts", Input(str(declared.id)), disk, version=version).scan().collect()
        assert rows["email"].to_list() == [email]


def test_rejected_rows_go_from_the_quarantine(lake, catalog):
    declared = declared_as(on_violation=mesh.Quarantine(0.9))
    good, bad = accounts(0, "adam@example.com"), accounts(1, "zoe@example.com", "b@x", spent=-1.0)
    publish_small(declared, pl.concat([good, bad]), lake, "first")
    table = lake.quarantine(declared.id)
    assert "zoe@example.com" in everything_below(table)

    record = erasure(lake, catalog, declared).apply(why="request 17", by="the steward")

    assert "zoe@example.com" not in everything_below(table)
    assert emails_of(table) == ["b@x"]
    assert [part["rows"] for part in record.content["parts"]] == [0, 1]
    assert [proof["part"] for proof in record.content["proof"]] == ["table", "quarantine"]


def test_folders_named_by_a_person_go_from_the_log_too(lake, catalog):
    declared = filled(lake, declared_as(partition_by=["email"]))
    table = lake.table(declared.id)
    table.checkpoint()
    erasure(lake, catalog, declared).apply(why="request 17", by="the steward")
    everything = everything_below(table)
    assert "zoe@" not in everything
    assert "zoe%40" not in everything
    assert len(emails_of(table)) == 5
    publish_small(declared, accounts(90, "eve@example.com"), lake, "later")
    table.checkpoint()
    assert len(emails_of(table)) == 6


def test_the_record_is_in_the_commit_and_comes_back_from_the_lake_without_a_value(
    disk, catalog, tmp_path
):
    declared = filled(disk, declared_as())
    record = erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    table = disk.table(declared.id)
    commit = next(c for c in table.commits() if "mesh.erasure" in c.metadata)
    told = json.loads(commit.metadata["mesh.erasure"])
    assert told["id"] == record.id
    assert (told["columns"], told["why"], told["erased_by"]) == (
        ["email"],
        "request 17",
        "the steward",
    )
    with Catalog.open(f"sqlite:///{tmp_path / 'new.db'}") as new:
        sync(new, disk, [declared.id])
        assert new.erasures(str(declared.id)) == [record]


def test_rows_that_only_old_versions_hold_leave_evidence_too(disk, catalog):
    declared = product(Accounts, name="accounts")
    for run, email in enumerate(["zoe@example.com", "adam@example.com"]):
        publish_small(declared, accounts(run, email), disk, f"run {run}")
    record = erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    table = disk.table(declared.id)
    assert "zoe@example.com" not in everything_below(table)
    assert emails_of(table) == ["adam@example.com"]
    (evidence,) = (c for c in table.commits() if "mesh.erasure" in c.metadata)
    assert record.id in evidence.metadata["mesh.erasure"]
    assert [receipt.run_id for receipt in receipts_in(table)] == ["run 1", "run 0"]


class AccountsOfOld(Accounts):
    """As they were promised before anybody said that addresses are personal."""

    email: str = mesh.Field(nullable=True)


def test_bounds_of_files_that_retention_deleted_before_go_as_well(disk, catalog):
    declared = product(AccountsOfOld, name="accounts")
    for run, email in enumerate(["zoe@example.com", "adam@example.com"]):
        publish_small(declared, accounts(run, email), disk, f"run {run}")
    Keeper(disk, catalog).apply(declared, days=9)
    table = disk.table(declared.id)
    assert "zoe@example.com" in everything_below(table)
    erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    assert "zoe@example.com" not in everything_below(table)


def test_sample_rows_of_refusals_are_forgotten(disk, catalog):
    declared = filled(disk, declared_as())
    refusal = publish_small(declared, accounts(50, "zoe@example.com", spent=-5.0), disk, "bad")
    assert isinstance(refusal, Refusal)
    catalog.record_refusal(refusal)
    (kept,) = catalog.refusals(str(declared.id))
    assert "-5.0" in str(kept)
    erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    (kept,) = catalog.refusals(str(declared.id))
    assert "-5.0" not in f"{kept.text}{kept.verdict}"
    assert kept.reasons == refusal.verdict.reasons


@pytest.mark.parametrize(
    ("where", "error", "text"),
    [
        ("e_mail = 'x'", UnknownColumnError, "did you mean email"),
        ("email = 'x'; drop table rows", MeshError, "cannot be decided"),
        ("1 = 1) or (1 = 1", MeshError, "cannot be decided"),
        ("", MeshError, "cannot be decided"),
    ],
)
def test_what_is_no_condition_on_the_columns_erases_nothing(disk, catalog, where, error, text):
    declared = filled(disk, declared_as())
    before = everything_below(disk.table(declared.id))
    with pytest.raises(error, match=text):
        erasure(disk, catalog, declared, where).apply(why="request 17", by="the steward")
    assert everything_below(disk.table(declared.id)) == before


def test_rows_of_which_the_condition_is_unknown_stay(disk, catalog):
    declared = filled(disk, declared_as())
    erasure(disk, catalog, declared, "email <> 'adam@example.com'").apply(why="1", by="me")
    assert emails_of(disk.table(declared.id)) == ["adam@example.com", None]


def test_rows_of_a_running_publication_keep_it_from_being_proven(disk, catalog):
    declared = filled(disk, declared_as())
    table = disk.table(declared.id)
    staged = Path(table.url) / f"part-{'0' * 32}-{'0' * 8}-0-00001.parquet"
    accounts(70, "zoe@example.com").write_parquet(staged)
    with pytest.raises(NotErasedError, match="1 such rows are in files of a publication"):
        erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    assert staged.exists()
    assert catalog.erasures(str(declared.id)) == []

    os.utime(staged, (0, 0))
    record = erasure(disk, catalog, declared).apply(why="request 17", by="the steward")

    assert not staged.exists()
    told = {
        json.loads(commit.metadata["mesh.erasure"])["id"]
        for commit in table.commits()
        if "mesh.erasure" in commit.metadata
    }
    assert told == {record.id}


def test_a_torn_file_keeps_it_from_being_proven_until_it_is_a_leftover(disk, catalog):
    declared = filled(disk, declared_as())
    torn = Path(disk.table(declared.id).url) / f"part-{'0' * 32}-{'0' * 8}-0-00001.parquet"
    torn.write_bytes(b"half")
    with pytest.raises(NotErasedError, match="1 files cannot be read"):
        erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    soon = timedelta(0)
    erasure(disk, catalog, declared, leftovers_after=soon).apply(why="request 17", by="me")
    assert not torn.exists()


def test_what_is_published_meanwhile_is_kept_and_searched_too(disk, catalog, monkeypatch):
    from mesh.upkeep import erasure as module

    declared = filled(disk, declared_as())
    land, sent = module.land_rewrites, iter([("zoe@example.com", "finn@example.com")])

    def after_another(*arguments, **options):
        for emails in sent:
            publish_small(declared, accounts(80, *emails), disk, "meanwhile")
        return land(*arguments, **options)

    monkeypatch.setattr(module, "land_rewrites", after_another)
    record = erasure(disk, catalog, declared).apply(why="request 17", by="the steward")
    assert record.content["parts"][0]["rows"] == 3
    assert "finn@example.com" in emails_of(disk.table(declared.id))
    assert "zoe@example.com" not in everything_below(disk.table(declared.id))


@pytest.mark.parametrize("place", STEPS)
def test_an_erasure_that_is_killed_at_any_step_is_finished_by_the_same_command(
    disk, catalog, tmp_path, place
):
    declared = filled(disk, declared_as())
    child = Child.start(
        "tests.upkeep.eraser",
        stop_at=place,
        lake=disk.url,
        catalog=f"sqlite:///{tmp_path / 'catalog.db'}",
        product=str(declared.id),
        where=WHERE,
    )
    try:
        child.await_ready().await_stop(place)
        child.kill()
    finally:
        child.end()

    soon = timedelta(0)
    record = erasure(disk, catalog, declared, leftovers_after=soon).apply(why="7", by="me")

    table = disk.table(declared.id)
    assert "zoe@example.com" not in everything_below(table)
    assert len(emails_of(table)) == 5
    assert catalog.erasures(str(declared.id)) == [record]
    told = {
        json.loads(commit.metadata["mesh.erasure"])["id"]
        for commit in table.commits()
        if "mesh.erasure" in commit.metadata
    }
    if place != "before the record":
        assert told == {record.id}
    assert list(table.store.list(LOG_FOLDER))
