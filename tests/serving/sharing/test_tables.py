"""A table is told of in the protocol's lines: which version, in which format, which of its files."""

import json
from datetime import datetime, timedelta
from typing import Annotated

import polars as pl
import pytest
from deltalake import DeltaTable, Schema

import mesh
from mesh.access.model import Action
from mesh.catalog.store import Catalog
from mesh.contracts.arrow import stored_schema
from mesh.errors import CatalogError
from mesh.lake.removed import note_removed
from tests.access.ports import view_of
from tests.catalog.factories import domain, receipt
from tests.products.small import declared, named
from tests.serving.sharing import lakes
from tests.serving.sharing.conftest import at, lines
from tests.serving.sharing.lakes import ANA, CARL, FLIGHTS, THINGS, things

TABLE = "shop.flights_v1"
DELTA = {"delta-sharing-capabilities": "responseformat=delta;readerfeatures=timestampntz"}
EITHER = {"delta-sharing-capabilities": "responseformat=delta,parquet;readerfeatures=timestampntz"}


class Local(mesh.Contract):
    """Rows with a time that has no zone."""

    id: int = mesh.Field(key=True)
    begun: Annotated[pl.Datetime, "us", None]


@pytest.fixture
def local(lake_shared):
    """A table that asks more of its readers than the first version of the format."""
    product = declared(named("local"), contract=Local)
    with Catalog.open(lake_shared.database) as catalog:
        catalog.register(domain("shop", FLIGHTS, THINGS, product))
    begun = [datetime(2026, 1, 1)]
    rows = pl.DataFrame({"id": [1], "begun": begun}, schema_overrides={"begun": pl.Datetime("us")})
    lake_shared.publish(product, rows, "first")
    return "shop.local_v1"


def refused(answer, status=400):
    """The message of a refusal, in the protocol's form."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"errorCode", "message"}
    return told["message"]


def test_a_version_is_told_in_a_header(ana):
    for path in (f"{at(TABLE)}/version", at(TABLE)):
        assert ana.get(path).headers["delta-table-version"] == "1"


def test_the_first_version_since_a_moment_is_told(ana, lake_shared):
    second = lake_shared.lake.table(FLIGHTS.id).commit_at(1).timestamp

    def asked(moment):
        return ana.get(f"{at(TABLE)}/version", params={"startingTimestamp": moment.isoformat()})

    assert asked(second).headers["delta-table-version"] == "1"
    assert asked(second - timedelta(days=1)).headers["delta-table-version"] == "0"
    assert "no version" in refused(asked(second + timedelta(days=1)))


def test_metadata_is_protocol_and_columns(ana):
    answer = ana.get(f"{at(TABLE)}/metadata")
    protocol, metadata = lines(answer)
    assert protocol == {"protocol": {"minReaderVersion": 1}}
    told = metadata["metaData"]
    assert told["format"] == {"provider": "parquet"}
    assert [f["name"] for f in json.loads(told["schemaString"])["fields"]][:2] == ["id", "carrier"]
    assert told["partitionColumns"] == []
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert "delta-sharing-capabilities" not in answer.headers


def test_hidden_columns_are_not_in_metadata_and_views_are_tables_of_their_own(ana, carl):
    mine, others = (lines(a.get(f"{at(TABLE)}/metadata"))[1]["metaData"] for a in (ana, carl))
    assert "seats" in mine["schemaString"]
    assert "seats" not in others["schemaString"]
    assert mine["id"] != others["id"]


def test_the_format_is_parquet_unless_delta_alone_is_asked_for(ana):
    either = ana.get(f"{at(TABLE)}/metadata")
    assert "protocol" in lines(either)[0]
    ana.headers = EITHER
    chosen = ana.get(f"{at(TABLE)}/metadata")
    assert chosen.headers["delta-sharing-capabilities"] == "responseformat=parquet"
    ana.headers = DELTA
    told = ana.get(f"{at(TABLE)}/metadata")
    assert told.headers["delta-sharing-capabilities"] == "responseformat=delta"
    assert lines(told)[0]["protocol"]["deltaProtocol"]["minReaderVersion"] == 1
    assert "schemaString" in lines(told)[1]["metaData"]["deltaMetadata"]
    (file,) = ana.files(TABLE, {"limitHint": 1})
    action = file["deltaSingleAction"]["add"]
    assert json.loads(action["stats"])["numRecords"] == 4
    assert action["dataChange"] is True


def test_a_table_with_features_is_told_of_in_delta_to_clients_that_know_them(ana, local):
    assert "timestampNtz" in refused(ana.query(local))
    assert "timestampNtz" in refused(
        ana.query(local, **{"delta-sharing-capabilities": "responseformat=delta"})
    )
    told = ana.query(local, **EITHER)
    assert told.headers["delta-sharing-capabilities"] == "responseformat=delta"
    assert lines(told)[0]["protocol"]["deltaProtocol"]["readerFeatures"] == ["timestampNtz"]


@pytest.mark.parametrize("headers", [{}, DELTA])
def test_a_table_without_rows_has_columns_and_no_files(asking, lake_shared, headers):
    product = declared(named("nothing"))
    with Catalog.open(lake_shared.database) as catalog:
        catalog.register(domain("shop", FLIGHTS, THINGS, product))
        catalog.record(receipt(str(product.id)))
    schema = Schema.from_arrow(stored_schema(product.contract))
    DeltaTable.create(lake_shared.lake.table(product.id).root, schema)
    masked = lambda ask: view_of(ask.port, principal=ask.principal, name="null")  # noqa: E731
    with lakes.changed(lake_shared.views, CARL, masked):
        mine, others = (asking(n).query("shop.nothing_v1", {}, **headers) for n in (ANA, CARL))
        changes = asking(CARL).get(f"{at('shop.nothing_v1')}/changes?startingVersion=0")
    assert (mine.status_code, others.status_code, changes.status_code) == (200, 200, 200)
    assert "schemaString" in mine.text
    assert [len(lines(mine)), len(lines(changes))] == [2, 2]
    assert [entry.rows for entry in lake_shared.told.entries] == [0, 0, 0]


def test_files_have_sizes_partitions_and_statistics(ana):
    files = ana.files("shop.things_v1")
    assert sorted(file["partitionValues"]["name"] for file in files) == ["apple", "pear"]
    for file in files:
        assert json.loads(file["stats"])["numRecords"] == 1
        assert len(ana.client.get(file["url"]).content) == file["size"]
        assert file["expirationTimestamp"] > 0


def test_statistics_are_those_of_the_columns(ana):
    stats = [json.loads(file["stats"]) for file in ana.files(TABLE, {"version": 0})]
    assert stats[0]["minValues"]["left_at"] == "2013-01-01T05:17:00.000000Z"
    assert stats[0]["maxValues"]["day"] == "2013-01-31"
    assert stats[0]["nullCount"]["left_at"] == 1
    assert "fare" not in stats[0]["minValues"]


def test_a_limit_leaves_out_files_that_are_not_needed(ana, lake_shared):
    lake_shared.publish(THINGS, things(plum=3, fig=4), "second")
    assert len(ana.files("shop.things_v1")) == 4
    assert len(ana.files("shop.things_v1", {"limitHint": 3})) == 3
    assert ana.files("shop.things_v1", {"limitHint": 0}) == []


def test_hints_leave_out_files_and_a_limit_beside_them_none(ana):
    apple = {
        "op": "equal",
        "children": [
            {"op": "column", "name": "name", "valueType": "string"},
            {"op": "literal", "value": "apple", "valueType": "string"},
        ],
    }
    hinted = {"jsonPredicateHints": json.dumps(apple)}
    for body in (hinted, {"predicateHints": ["name = 'apple'"]}, {**hinted, "limitHint": 0}):
        (file,) = ana.files("shop.things_v1", body)
        assert file["partitionValues"] == {"name": "apple"}
    for body in ({"jsonPredicateHints": "{"}, {"predicateHints": ["name LIKE 'a%'"]}):
        assert len(ana.files("shop.things_v1", body)) == 2


def test_a_version_of_a_number_or_a_moment_is_read(ana, lake_shared):
    first = lake_shared.lake.table(FLIGHTS.id).commit_at(0).timestamp
    for body in ({"version": 0}, {"timestamp": first.isoformat()}):
        answer = ana.query(TABLE, body)
        assert answer.headers["delta-table-version"] == "0"
        assert (
            sum(json.loads(line["file"]["stats"])["numRecords"] for line in lines(answer)[2:]) == 2
        )


@pytest.mark.parametrize(
    "body",
    [
        {"version": 99},
        {"version": -1},
        {"version": True},
        {"version": 2**63},
        {"version": "0"},
        {"version": 0, "timestamp": "2026-01-01T00:00:00Z"},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-02-31T00:00:00Z"},
        {"timestamp": "1999-01-01 00:00:00"},
        {"limitHint": -1},
        {"limitHint": "all"},
        {"predicateHints": "name = 'apple'"},
        {"predicateHints": [1]},
        {"jsonPredicateHints": {"op": "equal"}},
        {"startingVersion": 0, "version": 0},
        {"startingVersion": 99},
        {"startingVersion": 1, "endingVersion": 0},
        ["version"],
    ],
)
def test_a_query_that_cannot_be_is_refused_and_not_tried_again(ana, body):
    refused(ana.query(TABLE, body))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "startingVersion=0&startingTimestamp=2026-01-01T00:00:00Z",
        "startingVersion=0&endingVersion=0&endingTimestamp=2026-01-01T00:00:00Z",
        "startingVersion=-1",
        "startingVersion=one",
        "startingVersion=99",
        "startingTimestamp=2999-01-01T00:00:00Z",
    ],
)
def test_changes_that_cannot_be_are_refused(ana, query):
    refused(ana.get(f"{at(TABLE)}/changes?{query}"))


def test_a_version_that_was_removed_is_told_so(ana, lake_shared):
    note_removed(lake_shared.lake.table(FLIGHTS.id), [0], "removed by retention on 2026-01-31")
    assert "removed by retention" in refused(ana.query(TABLE, {"version": 0}))


@pytest.mark.parametrize("way", ["query", "metadata", "version", "changes"])
def test_denials_are_of_the_protocol_and_never_the_servers_failure(ana, dan, way):
    def asked(asking, table):
        if way == "query":
            return asking.query(table)
        return asking.get(
            f"{at(table)}/{way}?startingVersion=0" if way == "changes" else f"{at(table)}/{way}"
        )

    assert "has no agreement" in refused(asked(dan, TABLE), 403)
    unknown, private = (
        refused(asked(ana, table), 404).replace(table, "")
        for table in ("vault.other_v1", "vault.secrets_v1")
    )
    assert unknown == private


@pytest.mark.parametrize("table", ["shop.flights", "shop.flights_v2", "shop.Flights_v1", "x.y"])
def test_other_names_are_no_tables(ana, table):
    refused(ana.query(table), 404)


def test_each_hand_out_is_in_the_audit_log(ana, carl, lake_shared):
    ana.query(TABLE)
    carl.query(TABLE)
    ana.get(f"{at(TABLE)}/changes?startingVersion=1")
    mine, others, changes = lake_shared.told.entries
    assert (mine.principal.name, mine.port, mine.way) == (ANA, TABLE, "delta-sharing")
    assert (mine.rows, mine.masked, len(mine.columns), mine.action) == (4, (), 9, Action.READ)
    assert (others.principal.name, others.rows, others.masked) == (CARL, 2, ("tail_number",))
    assert "seats" not in others.columns
    assert changes.rows == 2


def test_what_is_denied_or_only_described_is_no_read(ana, dan, lake_shared):
    dan.query(TABLE)
    ana.get(f"{at(TABLE)}/metadata")
    assert lake_shared.told.entries == []


def test_nothing_is_handed_out_that_the_audit_log_does_not_take(ana, lake_shared):
    def full(_):
        raise CatalogError("the log is full")

    lake_shared.told.read = full
    answer = ana.query(TABLE)
    assert answer.status_code == 503
    assert "file" not in answer.text
