"""What versions changed is told as it is seen: no more, and exactly that often."""

import io

import polars as pl

import mesh
from mesh.catalog.store import Catalog
from tests.access.ports import ROWS, view_of
from tests.catalog.factories import domain
from tests.products.small import Things, declared, named
from tests.serving.sharing import lakes
from tests.serving.sharing.conftest import at, lines
from tests.serving.sharing.lakes import CARL, FLIGHTS, THINGS, UNITED, things

TABLE = "shop.flights_v1"
TYPE, VERSION = "_change_type", "_commit_version"


def actions_of(asking, query, table=TABLE):
    """The actions of an answer, each with its kind."""
    answer = asking.get(f"{at(table)}/changes?{query}")
    assert answer.status_code == 200, answer.text
    return [next(iter(line.items())) for line in lines(answer)[2:]]


def changes_of(asking, query="startingVersion=0", table=TABLE):
    """The rows of the change data, as a client puts them together."""
    frames = []
    for kind, action in actions_of(asking, query, table):
        rows = pl.read_parquet(io.BytesIO(asking.client.get(action["url"]).content))
        told = {} if kind == "cdf" else {TYPE: pl.lit("insert")}
        parts = {name: pl.lit(value) for name, value in action["partitionValues"].items()}
        frames.append(rows.with_columns(**told, **parts, **{VERSION: pl.lit(action["version"])}))
    found = pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()
    return found.sort(VERSION, TYPE, pl.nth(0)) if frames else found


def seen(found, *columns):
    """Some columns of rows, with what happened to them, and when."""
    return found.select(*columns, TYPE, VERSION).rows()


def test_files_that_were_only_added_are_handed_out_as_they_are(ana, lake_shared):
    lake_shared.publish(THINGS, things(plum=3), "second")
    found = actions_of(ana, "startingVersion=0", "shop.things_v1")
    assert [kind for kind, _ in found] == ["add"] * 3
    assert [action["version"] for _, action in found] == [0, 0, 1]
    rows = changes_of(ana, table="shop.things_v1")
    assert seen(rows, "id", "name") == [
        (1, "apple", "insert", 0),
        (2, "pear", "insert", 0),
        (3, "plum", "insert", 1),
    ]


def test_a_corrected_row_is_what_it_was_and_what_it_is(ana, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[3:].with_columns(carrier=pl.lit("DL")), "third")
    found = changes_of(ana, "startingVersion=2")
    assert seen(found, "id", "carrier") == [
        (4, "DL", "update_postimage", 2),
        (4, "UA", "update_preimage", 2),
    ]


def test_rows_that_were_only_moved_are_no_change(ana, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[3:], "third")
    assert actions_of(ana, "startingVersion=2") == []


def test_a_range_ends_where_it_is_said(ana, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[3:].with_columns(carrier=pl.lit("DL")), "third")
    table = lake_shared.lake.table(FLIGHTS.id)
    first, second = (table.commit_at(version).timestamp.isoformat() for version in (0, 1))
    assert set(changes_of(ana, "startingVersion=0&endingVersion=1")[VERSION]) == {0, 1}
    moments = {"startingTimestamp": first, "endingTimestamp": second}
    answer = ana.get(f"{at(TABLE)}/changes", params=moments)
    assert {next(iter(line.values()))["version"] for line in lines(answer)[2:]} == {0, 1}
    assert answer.headers["delta-table-version"] == "1"


def test_a_row_that_goes_out_of_sight_is_deleted_and_one_that_comes_inserted(carl, lake_shared):
    moved = ROWS[1:].with_columns(carrier=pl.Series(["UA", None, "DL"]))
    lake_shared.publish(FLIGHTS, moved, "third")
    found = changes_of(carl, "startingVersion=2")
    assert seen(found, "id", "carrier") == [(4, "UA", "delete", 2), (2, "UA", "insert", 2)]


def test_a_change_of_what_is_hidden_is_none(carl, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[:1].with_columns(seats=pl.lit(1, pl.Int16)), "third")
    assert actions_of(carl, "startingVersion=2") == []


def test_a_change_behind_a_mask_is_one_of_the_mask(asking, lake_shared):
    def masked(mask):
        return lambda ask: view_of(ask.port, principal=ask.principal, tail_number=mask)

    lake_shared.publish(FLIGHTS, ROWS[:1].with_columns(tail_number=pl.lit("N9928")), "third")
    for mask, count in (("constant:secret", 0), ("hash", 2)):
        with lakes.changed(lake_shared.views, CARL, masked(mask)):
            assert sum(1 for _ in actions_of(asking(CARL), "startingVersion=2")) == count


def test_without_its_key_a_changed_row_is_a_delete_and_an_insert(asking, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[3:].with_columns(carrier=pl.lit("DL")), "third")
    without = lambda ask: view_of(ask.port, principal=ask.principal, id="drop")  # noqa: E731
    with lakes.changed(lake_shared.views, CARL, without):
        found = changes_of(asking(CARL), "startingVersion=2")
    assert seen(found, "carrier") == [("UA", "delete", 2), ("DL", "insert", 2)]


def test_rows_that_look_alike_are_told_as_often_as_they_are(asking, lake_shared):
    alike = {name: "drop" for name in ROWS.columns if name != "carrier"}
    view = lambda ask: view_of(ask.port, principal=ask.principal, **alike)  # noqa: E731
    with lakes.changed(lake_shared.views, CARL, view):
        found = changes_of(asking(CARL), "startingVersion=0")
    assert found["carrier"].value_counts().sort("carrier").rows() == [
        (None, 1),
        ("AA", 1),
        ("UA", 2),
    ]


def test_every_version_together_is_what_the_latest_has(asking, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[1:].with_columns(carrier=pl.Series(["UA", "B6", "DL"])), "3")
    lake_shared.publish(FLIGHTS, ROWS[:2].with_columns(carrier=pl.Series(["AA", "UA"])), "4")
    filtered = lambda ask: view_of(ask.port, principal=ask.principal, rows=UNITED, seats="drop")  # noqa: E731
    for view in (lakes.whole, lakes.of_united, filtered):
        with lakes.changed(lake_shared.views, CARL, view):
            reader = asking(CARL)
            found = changes_of(reader)
            now = pl.concat(
                pl.read_parquet(io.BytesIO(reader.client.get(file["url"]).content))
                for file in reader.files(TABLE)
            )
        sign = pl.when(pl.col(TYPE).is_in(["insert", "update_postimage"])).then(1).otherwise(-1)
        left = found.group_by("id", "carrier").agg(sign.sum().alias("n")).filter(pl.col("n") != 0)
        assert left["n"].to_list() == [1] * left.height
        assert sorted(left.select("id", "carrier").rows(), key=repr) == sorted(
            now.select("id", "carrier").rows(), key=repr
        )


def test_since_a_version_a_query_tells_of_files_added_and_removed(ana, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[3:].with_columns(carrier=pl.lit("DL")), "third")
    answer = ana.query(TABLE, {"startingVersion": 1})
    found = [next(iter(line.items())) for line in lines(answer)[2:]]
    assert [(kind, action["version"]) for kind, action in found] == [
        ("add", 1),
        ("add", 2),
        ("remove", 2),
    ]


def test_a_schema_that_grew_is_told_as_it_is_at_the_end(ana, lake_shared):
    class Wider(Things):
        """One row per thing."""

        colour: str = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    wider = declared(named("things"), contract=Wider, partition_by=("name",), write=mesh.Append())
    with Catalog.open(lake_shared.database) as catalog:
        catalog.register(domain("shop", FLIGHTS, wider))
    grown = things(plum=3).with_columns(colour=pl.lit("blue"))
    lake_shared.publish(wider, grown, "second")
    answer = ana.get(f"{at('shop.things_v1')}/changes?startingVersion=0")
    assert "colour" in lines(answer)[1]["metaData"]["schemaString"]
    assert changes_of(ana, table="shop.things_v1")["colour"].to_list() == [None, None, "blue"]


def test_what_cannot_be_told_any_more_is_refused(ana, lake_shared):
    lake_shared.publish(FLIGHTS, ROWS[:1], "third")
    for _ in range(2):  # the second time it is held open
        ana.get(f"{at(TABLE)}/version")
    table = lake_shared.lake.table(FLIGHTS.id)
    table.store.delete(["_delta_log/00000000000000000001.json"])
    answer = ana.get(f"{at(TABLE)}/changes?startingVersion=1")
    assert answer.status_code == 400
    assert "gone" in answer.json()["message"]
