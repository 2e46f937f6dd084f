"""An audit holds published rows against the contract of today, by the gate, and writes nothing."""

from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.errors import DamagedTableError, MeshError, NotPublishedError, UnknownPartitionError
from mesh.lake import Lake
from mesh.orchestration.auditing import audit
from mesh.products.choosing import Choice
from mesh.publishing import publish
from tests.behaviour.products import SMALL_BATCHES, orders, product

ROWS = [(n, "NL" if n % 3 else "BE", n * 10.0) for n in range(1, 21)]


class Tighter(mesh.Contract):
    """Orders, of which more is asked by now."""

    order_id: int = mesh.Field(key=True)
    country: str = mesh.Field(isin=["NL", "DE"], classification="personal")
    amount: float = mesh.Field(ge=0, le=100, nullable=True)

    class Config:
        version = "1.1.0"
        unique = "amount"


@pytest.fixture
def lake(tmp_path):
    made = Lake(str(tmp_path / "lake"))
    publish(product(), orders(ROWS), lake=made, run_id="first", settings=SMALL_BATCHES)
    return made


def everything_in(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def failures(found):
    return {item.rule.text: item.failed for item in found.verdict.failures}


def test_rows_that_keep_the_contract_hold(lake):
    found = audit(product(), lake, SMALL_BATCHES)

    assert found.holds
    assert (found.verdict.rows, found.table_version, found.contract_version) == (20, 0, "1.0.0")


def test_every_rule_of_the_new_contract_is_told_at_once_and_guarded_values_are_hidden(lake):
    found = audit(product(Tighter), lake, SMALL_BATCHES)

    assert not found.holds
    assert failures(found) == {"amount in [0, 100]": 10, "country in {DE, NL}": 6}
    assert found.verdict.reasons == ("13 of 20 rows break the contract",)
    (country,) = (f for f in found.verdict.failures if f.rule.columns == ("country",))
    assert {row["country"] for row in country.samples} == {"(hidden)"}
    abroad = {order for order, where, _ in ROWS if where == "BE"}
    assert {row["order_id"] for row in country.samples} <= abroad  # a table has no order


def test_nothing_is_written(lake, tmp_path):
    before = everything_in(tmp_path)

    audit(product(), lake, SMALL_BATCHES)
    audit(product(Tighter), lake, SMALL_BATCHES)

    assert everything_in(tmp_path) == before


def test_rules_on_the_whole_set_are_asked_of_the_rows_that_keep_the_others(tmp_path):
    made = Lake(str(tmp_path / "lake"))
    twice = [*ROWS, (98, "NL", 50.0), (99, "BE", 60.0)]  # 50 comes twice; 60 only in a broken row
    publish(product(), orders(twice), lake=made, run_id="first", settings=SMALL_BATCHES)

    found = audit(product(Tighter), made, SMALL_BATCHES)

    (repeated,) = (item for item in found.verdict.failures if item.rule.check == "unique")
    assert (repeated.rule.columns, repeated.failed) == (("amount",), 2)


def test_references_of_today_are_looked_up(lake):
    class Referring(mesh.Contract):
        order_id: int = mesh.Field(key=True)
        country: str = mesh.Field(references="shop.countries_v1.country")
        amount: float = mesh.Field(ge=0, nullable=True)

    class Countries(mesh.Contract):
        country: str = mesh.Field(key=True)

    unknown = audit(product(Referring), lake, SMALL_BATCHES)
    assert not unknown.holds
    assert "could not be checked" in unknown.verdict.reasons[0]

    known = pl.DataFrame({"country": ["NL"]})
    publish(product(Countries, name="countries"), known, lake=lake, run_id="r")
    found = audit(product(Referring), lake, SMALL_BATCHES)
    assert failures(found) == {"country is in shop.countries_v1.country": 6}


def test_a_new_nullable_column_is_null_in_every_row_and_a_required_one_is_missing(lake):
    class Wider(mesh.Contract):
        order_id: int = mesh.Field(key=True)
        country: str
        amount: float = mesh.Field(ge=0, nullable=True)
        note: str = mesh.Field(nullable=True)

    class Stricter(Wider):
        note: str = mesh.Field()

    found = audit(product(Wider), lake, SMALL_BATCHES)
    assert (found.holds, found.added) == (True, ("note",))
    assert [
        d.column for d in audit(product(Stricter), lake, SMALL_BATCHES).verdict.differences
    ] == ["note"]


def test_an_earlier_version_can_be_looked_at(lake):
    bad = orders([(1, "BE", 900.0)])
    publish(product(), bad, lake=lake, run_id="second", settings=SMALL_BATCHES)

    assert audit(product(Tighter), lake, SMALL_BATCHES).verdict.rows == 1
    assert audit(product(Tighter), lake, SMALL_BATCHES, version=0).verdict.rows == 20
    with pytest.raises(NotPublishedError, match="no version 7"):
        audit(product(Tighter), lake, SMALL_BATCHES, version=7)


def test_partitions_can_be_chosen(tmp_path):
    made = Lake(str(tmp_path / "lake"))
    parted = product(partition_by=["country"])
    publish(parted, orders(ROWS), lake=made, run_id="first", settings=SMALL_BATCHES)

    def rows(choice):
        return audit(parted, made, SMALL_BATCHES, partitions=Choice.parse(choice)).verdict.rows

    assert (rows("BE"), rows("NL"), rows("BE..NL"), rows("BE,NL"), rows("..BE")) == (
        6,
        14,
        20,
        20,
        6,
    )
    with pytest.raises(UnknownPartitionError, match="'FR'"):
        rows("FR")


def test_a_table_without_partitions_says_so(lake):
    with pytest.raises(MeshError, match="its table has no partitions"):
        audit(product(), lake, SMALL_BATCHES, partitions=Choice.parse("a"))


def test_what_was_never_published_cannot_be_looked_at(tmp_path):
    with pytest.raises(NotPublishedError, match="not published yet"):
        audit(product(), Lake(str(tmp_path)), SMALL_BATCHES)


def test_a_damaged_file_is_named_and_is_no_verdict(lake):
    snapshot = lake.table(product().id).snapshot()
    file = Path(snapshot.table.root, snapshot.files[0].path)
    file.write_bytes(file.read_bytes()[:100])

    with pytest.raises(DamagedTableError, match=r"part-.*\.parquet"):
        audit(product(), lake, SMALL_BATCHES)
