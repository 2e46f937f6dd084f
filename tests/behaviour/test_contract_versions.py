"""A version of a contract that was published has that content for ever."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier

import polars as pl
import pytest

import mesh
from mesh.contracts.pandera import load
from mesh.errors import ContractChangedError
from mesh.lake import Lake, Table
from mesh.publishing.contract_history import published_versions
from tests.behaviour.products import Orders, orders, product, publish_small, rows_of, state_of

ROWS = [(1, "DE", 1.0), (2, "FR", 2.0)]


def changed(version: str, **fields) -> type[mesh.Contract]:
    """The orders with another lower bound, under a version."""
    low, told = fields.get("ge", -1), version

    class Changed(Orders):
        """One row per order."""

        amount: float = mesh.Field(ge=low, nullable=True)

        class Config:
            name = "Orders"
            version = told

    return Changed


@pytest.fixture
def declared(lake):
    made = product(write=mesh.Append())
    publish_small(made, orders(ROWS), lake, "first")
    return made


def test_another_content_of_a_published_version_is_refused_before_anything_is_written(
    lake, declared
):
    before = state_of(lake.table(declared.id))
    contracts = len(list(lake.table(declared.id).store.list("_mesh/contracts")))

    def untouched():
        raise AssertionError
        yield

    other = product(changed("1.0.0"), write=mesh.Append())
    with pytest.raises(ContractChangedError) as raised:
        publish_small(other, untouched(), lake, "second")

    error = raised.value
    assert "version 1.0.0 of its contract is published with other content" in error.what
    assert "rule `amount ≥ -1` is new" in error.what
    assert "rule `amount ≥ 0` is gone" in error.changes
    assert (error.version, error.following, error.where) == ("1.0.0", "1.1.0", "shop.orders_v1")
    assert '"1.1.0"' in error.hint
    assert state_of(lake.table(declared.id)) == before
    assert len(list(lake.table(declared.id).store.list("_mesh/contracts"))) == contracts


def test_a_change_that_breaks_consumers_is_led_to_a_new_major(lake, declared):
    class Narrower(mesh.Contract):
        """One row per order."""

        order_id: int = mesh.Field(key=True)

    with pytest.raises(ContractChangedError, match="column country is gone") as raised:
        publish_small(product(Narrower, write=mesh.Append()), orders(ROWS), lake, "second")

    assert raised.value.following == "2.0.0"
    assert "`mesh new version shop.orders_v1`" in raised.value.hint


def test_a_check_of_ones_own_is_part_of_the_content(lake):
    def own(limit: int) -> type[mesh.Contract]:
        class Own(Orders):
            """One row per order."""

            if limit:

                @mesh.check("amount")
                @classmethod
                def is_low(cls, data):
                    return data.lazyframe.select(pl.col(data.key) < 100)

            else:

                @mesh.check("amount")
                @classmethod
                def is_low(cls, data):
                    return data.lazyframe.select(pl.col(data.key) < 90)

        return Own

    publish_small(product(own(1)), orders(ROWS), lake, "first")
    publish_small(product(own(1)), orders(ROWS), lake, "again")
    with pytest.raises(ContractChangedError, match="is decided otherwise"):
        publish_small(product(own(0)), orders(ROWS), lake, "second")


def test_the_next_version_may_have_another_content_and_the_old_one_is_kept(lake, declared):
    publish_small(
        product(changed("1.1.0"), write=mesh.Append()), orders([(3, "DE", 3.0)]), lake, "b"
    )
    snapshot = lake.table(declared.id).snapshot()

    found = published_versions(snapshot)
    assert list(found) == ["1.1.0", "1.0.0"]
    assert found["1.0.0"][0] == declared.contract.digest
    with pytest.raises(ContractChangedError):
        publish_small(
            product(changed("1.1.0", ge=-2), write=mesh.Append()), orders(ROWS), lake, "c"
        )


def test_a_version_does_not_go_back(lake, declared):
    publish_small(
        product(changed("1.1.0"), write=mesh.Append()), orders([(3, "DE", 3.0)]), lake, "b"
    )
    with pytest.raises(ContractChangedError, match=r"says version 1\.0\.0, and 1\.1\.0") as raised:
        publish_small(declared, orders([(4, "DE", 4.0)]), lake, "c")

    assert raised.value.following == "1.2.0"


def test_the_same_publication_again_is_still_its_first_receipt(lake, declared):
    other = product(changed("1.0.0"), write=mesh.Append())
    assert publish_small(other, orders(ROWS), lake, "first").is_repeated


def test_of_two_writers_with_two_contents_of_one_version_one_is_told(lake, declared, monkeypatch):
    """Both look at the table before either has landed; the log lets one be first."""
    both = Barrier(2, timeout=20)
    original = Table.commit
    waited: set[str] = set()

    def commit(table, change, base):
        if change.transaction not in waited:
            waited.add(change.transaction)
            both.wait()
        return original(table, change, base)

    monkeypatch.setattr(Table, "commit", commit)

    def write(number: int):
        made = product(changed("1.1.0", ge=-number), write=mesh.Append())
        rows = orders([(10 + number, "DE", 1.0)])
        try:
            return publish_small(made, rows, lake, f"run {number}")
        except ContractChangedError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(write, (1, 2)))

    errors = [item for item in outcomes if isinstance(item, ContractChangedError)]
    (receipt,) = (item for item in outcomes if item not in errors)
    assert len(errors) == 1
    table = lake.table(declared.id)
    assert table.version() == receipt.table_version == 1
    assert len(rows_of(declared, lake)) == 3
    shown = {file.path for file in table.snapshot().files}
    assert {path for path in state_of(table)[2] if path.endswith(".parquet")} == shown


def test_what_was_kept_and_never_published_binds_nobody(lake, declared):
    """A crash after the contract was kept, and before the commit."""
    from mesh.publishing.contract_history import keep_contract

    table = lake.table(declared.id)
    keep_contract(table, load(changed("1.1.0", ge=-7)), table.snapshot())
    receipt = publish_small(
        product(changed("1.1.0"), write=mesh.Append()), orders([(3, "DE", 3.0)]), lake, "b"
    )
    assert receipt.table_version == 1


@pytest.fixture
def older(tmp_path, monkeypatch):
    """A table of a Mesh that let a version have two contents, and go back."""
    lake = Lake(str(tmp_path / "lake"))
    with monkeypatch.context() as patched:
        for place in ("publish", "commit"):
            module = import_module(f"mesh.publishing.{place}")
            patched.setattr(module, "require_unchanged", lambda *_: None)
        for number, (version, low) in enumerate(
            [("1.0.0", -1), ("1.1.0", -2), ("1.0.0", -3), ("1.0.0", -4)]
        ):
            made = product(changed(version, ge=low), write=mesh.Append())
            publish_small(made, orders([(number, "DE", 1.0)]), lake, f"old {number}")
    return lake


def test_of_a_table_from_before_the_latest_content_is_the_versions(older):
    latest = product(changed("1.0.0", ge=-4), write=mesh.Append())
    assert publish_small(latest, orders([(10, "DE", 1.0)]), older, "new").table_version == 4
    earlier = product(changed("1.0.0", ge=-3), write=mesh.Append())
    with pytest.raises(ContractChangedError):
        publish_small(earlier, orders([(11, "DE", 1.0)]), older, "other")


def test_a_higher_version_from_before_keeps_its_content(older):
    made = product(changed("1.1.0", ge=-9), write=mesh.Append())
    with pytest.raises(ContractChangedError, match=r"version 1\.1\.0"):
        publish_small(made, orders([(10, "DE", 1.0)]), older, "new")
    same = product(changed("1.1.0", ge=-2), write=mesh.Append())
    assert publish_small(same, orders([(10, "DE", 1.0)]), older, "new").table_version == 4


def test_a_table_whose_kept_contracts_are_lost_still_holds_its_version(older):
    table = older.table(product().id)
    shutil.rmtree(f"{table.root}/_mesh/contracts")
    made = product(changed("1.0.0", ge=-3), write=mesh.Append())
    with pytest.raises(ContractChangedError, match="other content"):
        publish_small(made, orders([(10, "DE", 1.0)]), older, "new")
    latest = product(changed("1.0.0", ge=-4), write=mesh.Append())
    assert publish_small(latest, orders([(10, "DE", 1.0)]), older, "new").table_version == 4
