"""A publication's profile is of the rows that were accepted, is kept with them, and goes with them."""

import json
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.catalog.profiles_in_lake import kept_profiles, profile_in
from mesh.catalog.receipts import Receipt, Refusal
from mesh.catalog.store import Catalog
from mesh.contracts.profiling.profile import QUANTILES
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.settings import PublishingSettings
from tests.behaviour.products import SMALL_BATCHES, orders, product

PLANTED = "zoe-planted-value"
RANK_ERROR = 0.016
"""What `SAMPLE_ROWS` promises of a quantile's rank."""


class People(mesh.Contract):
    """One row per person."""

    id: int = mesh.Field(key=True)
    city: str = mesh.Field(nullable=True)
    email: str = mesh.Field(classification="personal")
    salary: float = mesh.Field(classification="confidential")


PEOPLE = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "city": ["Bonn", None, "Bonn"],
        "email": [PLANTED] * 3,
        "salary": [123456.25, 123456.25, None],
    }
)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def rows(count, bad=0):
    return orders([(n, "A" if n % 2 else "B", -1.0 if n < bad else float(n)) for n in range(count)])


def test_a_profile_is_of_the_accepted_rows_and_kept_beside_the_table(lake):
    declared = product(on_violation=mesh.Quarantine(0.5))
    receipt = publish(declared, rows(20, bad=5), lake=lake, run_id="r", settings=SMALL_BATCHES)

    kept = profile_in(lake.table(declared.id), receipt.publication_id)
    assert kept.as_json() == receipt.profile.as_json()
    amount = kept.column("amount")
    assert (kept.rows, amount.nulls, amount.low, amount.high) == (15, 0, 5.0, 19.0)
    assert amount.mean == 12.0
    assert kept.column("country").top == (("A", 8), ("B", 7))


def test_threads_make_no_difference_but_to_a_quantile_within_what_is_told_of_its_rank(lake):
    count = 70_000  # more than are counted one by one; how many are before it stops is chance
    data = pl.DataFrame({"order_id": range(count)}).select(
        "order_id", country=pl.lit("A"), amount=pl.col("order_id").cast(pl.Float64).sqrt()
    )
    one, other = product(name="ones"), product(name="others")
    found = [
        publish(p, data, lake=lake, run_id="r", settings=PublishingSettings(**told)).profile
        for p, told in (
            (one, {"workers": 1, "batch_rows": 10_000}),
            (other, {"workers": 3, "batch_rows": 10_000}),
        )
    ]
    for here, there in zip(found[0].columns, found[1].columns, strict=True):
        assert here.mean == pytest.approx(there.mean)
        assert (here.distinct, here.top) == (there.distinct, there.top)
    for profile in found:
        ids, amounts = profile.column("order_id"), profile.column("amount")
        ranks = [(share, value / count) for share, value in ids.quantiles]
        ranks += [(share, value**2 / count) for share, value in amounts.quantiles]
        assert len(ranks) == 2 * len(QUANTILES)
        assert all(abs(rank - share) < RANK_ERROR for share, rank in ranks)


def test_of_guarded_columns_counts_are_told_and_no_value_anywhere(lake, tmp_path):
    declared = product(People, name="people")
    good = PEOPLE.with_columns(pl.col("salary").fill_null(123456.25))
    receipt = publish(declared, good, lake=lake, run_id="r")
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        catalog.record(receipt)
    email, salary = receipt.profile.column("email"), receipt.profile.column("salary")

    assert (email.nulls, email.distinct, email.is_hidden) == (0, 1, True)
    assert (salary.low, salary.mean, salary.quantiles, salary.top) == (None, None, (), ())
    beside = [f for f in tmp_path.rglob("*") if f.is_file() and f.suffix != ".parquet"]
    assert any("profiles" in str(file) for file in beside)
    for file in beside:
        content = file.read_bytes()
        assert PLANTED.encode() not in content
        assert b"123456" not in content
    assert b"Bonn" in b"".join(file.read_bytes() for file in beside)


def test_a_refused_publication_leaves_no_profile(lake):
    declared = product()
    outcome = publish(declared, rows(20, bad=5), lake=lake, run_id="r", settings=SMALL_BATCHES)
    assert isinstance(outcome, Refusal)
    assert kept_profiles(lake.table(declared.id)) == frozenset()


def test_keys_that_are_taken_leave_no_profile(lake):
    declared = product(write=mesh.Append())
    first = publish(declared, rows(3), lake=lake, run_id="1")
    assert isinstance(publish(declared, rows(3), lake=lake, run_id="2"), Refusal)
    assert kept_profiles(lake.table(declared.id)) == {first.publication_id}


def test_publishing_again_keeps_the_first_profile(lake):
    declared = product()
    first = publish(declared, rows(3), lake=lake, run_id="1")
    again = publish(declared, rows(9), lake=lake, run_id="1")
    assert again.is_repeated
    assert profile_in(lake.table(declared.id), first.publication_id).rows == 3


def test_an_appended_publication_has_a_profile_of_its_own_rows(lake):
    declared = product(write=mesh.Append())
    publish(declared, rows(3), lake=lake, run_id="1")
    more = publish(declared, orders([(9, "C", 7.0)]), lake=lake, run_id="2")
    file = f"_mesh/profiles/{more.publication_id}.json"
    told = json.loads(lake.table(declared.id).store.read(file))
    assert (told["of"], told["rows"]) == ("publication", 1)


@pytest.mark.parametrize(
    "told", [{"profiles": False}, {"unprofiled": ("shop.others_v1", "shop.orders_v1")}]
)
def test_profiles_can_be_switched_off_for_all_and_for_some(lake, told):
    declared = product()
    settings = PublishingSettings(**told)
    receipt = publish(declared, rows(3), lake=lake, run_id="1", settings=settings)
    assert isinstance(receipt, Receipt)
    assert receipt.profile is None
    assert not list(Path(lake.table(declared.id).url).rglob("*profiles*"))
