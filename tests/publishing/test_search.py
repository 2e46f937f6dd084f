"""Keys are found in bounded pieces, whatever the pieces are, and files are written again in shares."""

import polars as pl
import pytest

import mesh
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.publishing.modes import changing, rewriting, search
from mesh.settings import PublishingSettings
from tests.behaviour.products import history_of, product, rows_of
from tests.behaviour.test_changing_slowly import WITH_ENDS, Addresses, naive, periods, said

SMALLEST = PublishingSettings(workers=2, batch_rows=50, key_memory_bytes=1024)


class Tagged(mesh.Contract):
    """One row per number and tag."""

    number: int = mesh.Field(key=True)
    tag: str = mesh.Field(key=True)
    value: int


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def tiny_pieces(monkeypatch):
    """Everything that is done in pieces is done in many."""
    monkeypatch.setattr(search, "CHUNK_ROWS", 7)
    monkeypatch.setattr(search, "_WORTH_NARROWING", 2)
    monkeypatch.setattr(changing, "GROUP_BYTES", 4_000)
    monkeypatch.setattr(rewriting, "LEAST_SHARE_BYTES", 1)


def tagged(numbers, value: int) -> pl.DataFrame:
    return pl.DataFrame({"number": numbers}).with_columns(
        tag=pl.concat_str(pl.lit("t"), pl.col("number") % 3), value=pl.lit(value, pl.Int64)
    )


@pytest.mark.parametrize("partition_by", [(), ("tag",)], ids=["flat", "by tag"])
def test_an_upsert_in_the_smallest_pieces_is_the_upsert(lake, tiny_pieces, partition_by):
    merging = product(
        Tagged, write=mesh.Upsert(on=["number", "tag"]), partition_by=partition_by, name="things"
    )
    for start in (0, 400, 800):
        rows = tagged(range(start, start + 400), 0)
        publish(merging, rows, lake=lake, run_id=f"from {start}", settings=SMALLEST)
    changed = [*range(100, 500, 3), *range(1_190, 1_210)]
    publish(merging, tagged(changed, 1), lake=lake, run_id="changed", settings=SMALLEST)

    expected = dict.fromkeys(range(1_200), 0) | dict.fromkeys(changed, 1)
    assert {n: value for n, _, value in rows_of(merging, lake)} == expected
    assert len(rows_of(merging, lake)) == len(expected)


def test_taken_keys_are_counted_over_all_pieces(lake, tiny_pieces):
    growing = product(Tagged, write=mesh.Append(), name="things")
    publish(growing, tagged(range(1_000), 0), lake=lake, run_id="first", settings=SMALLEST)
    again = tagged(range(900, 1_900), 0)
    refusal = publish(growing, again, lake=lake, run_id="again", settings=SMALLEST)

    assert refusal.verdict.finding("number_tag_unique").failed == 100
    assert len(refusal.verdict.finding("number_tag_unique").samples) == 5
    assert len(history_of(growing, lake)) == 1


def test_a_history_in_the_smallest_groups_is_the_history(lake, tiny_pieces):
    keeping = product(Addresses, write=WITH_ENDS)
    cities = ["Rome", "Rome", "Bern", None]
    events = {
        (who, when): cities[(who * 7 + when * 5) % 4] for who in range(30) for when in range(6)
    }
    told = sorted(events, key=lambda place: hash(place) % 97)
    for number in range(3):
        frame = said(*((*place, events[place]) for place in told[number::3]))
        publish(keeping, frame, lake=lake, run_id=str(number), settings=SMALLEST)

    assert periods(keeping, lake) == naive(events)
