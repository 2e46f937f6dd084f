"""A product's rows over HTTP: exactly what is seen, in pages of one version."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import polars as pl
import pyarrow as pa
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.access.ports import agreement, view_of
from tests.serving.rows.conftest import TRIPS
from tests.serving.sharing import lakes as shared
from tests.serving.sharing.lakes import ANA, CARL, DAN, FLIGHTS, OLGA

FLIGHT_ROWS = "shop/flights_v1/rows"


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_rows_are_answered_with_what_is_known_of_them(asking):
    answer = asking(FLIGHT_ROWS)
    assert ids(answer) == [1, 2, 3, 4]
    assert answer.json()["next"] is None
    assert answer.json()["items"][0]["fare"] == "-12.50"
    told = answer.headers
    assert told["mesh-table-version"] == "1"
    assert told["mesh-contract-version"] == "1.0.0"
    assert told["mesh-verdict"] == "passed"
    assert told["mesh-published-at"].startswith("20")


def test_the_agreement_that_rows_are_read_under_is_told_with_its_end(asking, lake):
    given = agreement("A-1", DAN)
    lake.views.by[DAN] = lambda ask: view_of(ask.port, principal=ask.principal, agreement=given)
    told = asking(FLIGHT_ROWS, DAN).headers
    assert told["mesh-agreement"] == "A-1"
    assert "mesh-agreement-until" not in told

    given = replace(given, until=datetime(2099, 7, 1, tzinfo=UTC))
    assert asking(FLIGHT_ROWS, DAN).headers["mesh-agreement-until"] == "2099-07-01T00:00:00+00:00"
    assert "mesh-agreement" not in asking(FLIGHT_ROWS).headers


def test_somebody_sees_their_rows_and_columns(asking):
    items = asking(FLIGHT_ROWS, CARL).json()["items"]
    assert [item["carrier"] for item in items] == ["UA", "UA"]
    assert "seats" not in items[0]
    assert items[0]["tail_number"] != "N14228"
    assert len({item["tail_number"] for item in items}) == 2


CONDITIONS = [
    ("id=eq.2", [2]),
    ("id=gt.1&id=lte.3", [2, 3]),
    ("carrier=in.(UA,AA)", [1, 2, 4]),
    ('carrier=in.("UA")', [1, 4]),
    ("carrier=is.null", [3]),
    ("carrier=not.is.null", [1, 2, 4]),
    ("carrier=neq.UA", [2]),
    ("tail_number=like.N1*", [1, 2]),
    ("tail_number=like.N1", [2]),
    ("tail_number=like.*.*", []),
    ("day=gte.2013-01-31", [2, 4]),
    ("left_at=lt.2013-01-01T06:00:00Z", [1]),
    ("left_at=lt.2013-01-01T07:00:00%2B02:00", []),
    ("is_late=eq.true", [1]),
    ("fare=gt.9.5", [2]),
    ("seats=eq.-32768", [1]),
    ("column.id=eq.4", [4]),
    ("order=id.desc", [4, 3, 2, 1]),
    ("order=carrier,id.desc", [2, 4, 1, 3]),
    ("order=is_late.desc", [1, 2, 4, 3]),
]


def test_conditions_and_order_are_those_of_the_values(asking):
    for query, expected in CONDITIONS:
        assert ids(asking(f"{FLIGHT_ROWS}?{query}")) == expected, query


def test_every_problem_of_a_query_is_said_at_once(asking):
    query = "idd=eq.1&seats=eq.99999&day=eq.soon&order=id.up&limit=0&select=id,id&fare=gt.x&id=7"
    answer = asking(f"{FLIGHT_ROWS}?{query}")
    assert answer.status_code == 400
    told = {error["where"]: error["what"] for error in answer.json()["errors"]}
    assert told.keys() == {"idd", "seats", "day", "order", "limit", "select", "fare", "id"}
    assert answer.json()["errors"][[*told].index("idd")]["hint"] == "did you mean id?"


def test_pages_are_of_one_version_however_long_they_take(asking, lake):
    first = asking(f"{FLIGHT_ROWS}?limit=2&order=id.desc")
    assert ids(first) == [4, 3]
    lake.publish(FLIGHTS, shared.ROWS[:1].with_columns(id=pl.lit(9, pl.Int64)), "third")
    second = asking(f"{FLIGHT_ROWS}?limit=2&order=id.desc&cursor={first.json()['next']}")
    assert ids(second) == [2, 1]
    assert second.json()["next"] is None
    assert second.headers["mesh-table-version"] == "1"
    assert 'rel="next"' in first.headers["link"]
    assert ids(asking(f"{FLIGHT_ROWS}?limit=1&order=id.desc")) == [9]


def test_a_cursor_of_nobody_is_refused(asking):
    for cursor in ("x", "AAAA", "WzEsMl0", "Wy0xLDAsIngiXQ", "e30", "W1tbW1tb" * 40):
        assert asking(f"{FLIGHT_ROWS}?cursor={cursor}").status_code == 404


def test_a_cursor_is_good_for_its_query_and_its_reader_alone(asking):
    cursor = asking(f"{FLIGHT_ROWS}?limit=1").json()["next"]
    assert asking(f"{FLIGHT_ROWS}?limit=1&cursor={cursor}").status_code == 200
    assert asking(f"{FLIGHT_ROWS}?limit=1&id=gt.1&cursor={cursor}").status_code == 404
    assert asking(f"{FLIGHT_ROWS}?limit=1&cursor={cursor}", CARL).status_code == 404


def test_an_earlier_version_is_asked_for_by_number_or_moment(asking, lake):
    first = lake.lake.table(FLIGHTS.id).commit_at(0).timestamp
    assert ids(asking(f"{FLIGHT_ROWS}?version=0")) == [1, 2]
    assert ids(asking(f"{FLIGHT_ROWS}?as_of={quote(first.isoformat())}")) == [1, 2]
    assert asking(f"{FLIGHT_ROWS}?version=99").status_code == 404
    assert asking(f"{FLIGHT_ROWS}?version=x").status_code == 400
    assert asking(f"{FLIGHT_ROWS}?as_of=soon").status_code == 400


def test_the_form_is_what_the_client_accepts(asking):
    told = asking(f"{FLIGHT_ROWS}?select=id,carrier", accept="text/csv").text
    assert [*csv.reader(io.StringIO(told))][:2] == [["id", "carrier"], ["1", "UA"]]
    arrow = "application/vnd.apache.arrow.stream"
    answer = asking(f"{FLIGHT_ROWS}?limit=3", accept=f"text/csv;q=0.1, {arrow}")
    assert answer.headers["content-type"] == arrow
    with pa.ipc.open_stream(answer.content) as stream:
        assert stream.read_all().num_rows == 3
    assert asking(FLIGHT_ROWS, accept="application/xml").status_code == 406


def test_an_answer_that_is_known_is_not_sent_again(asking, lake):
    first = asking(FLIGHT_ROWS)
    again = asking(FLIGHT_ROWS, **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert asking(FLIGHT_ROWS, CARL).headers["etag"] != first.headers["etag"]
    lake.publish(FLIGHTS, shared.ROWS[:1], "third")
    assert asking(FLIGHT_ROWS, **{"if-none-match": first.headers["etag"]}).status_code == 200


def test_a_row_is_found_by_its_key(asking):
    answer = asking("shop/flights_v1/rows/4")
    assert answer.json()["id"] == 4
    assert asking("shop/flights_v1/rows/5").status_code == 404
    assert asking("shop/flights_v1/rows/x").status_code == 400
    assert asking("shop/flights_v1/rows/1,2").status_code == 400


def test_a_row_that_is_not_seen_is_not_there(asking):
    hidden, missing = (asking(f"shop/flights_v1/rows/{key}", CARL) for key in (2, 5))
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"].replace("2", "5") == missing.json()["detail"]


def test_a_key_of_several_parts_may_have_commas_in_it(asking, lake):
    rows = pl.DataFrame(
        {"line": ["a,b", "ü/x"], "number": [1, 2], "minutes": [1.5, None], "seat": [1, 2]}
    )
    lake.publish(TRIPS, rows, "first")
    assert asking("shop/trips_v1/rows/a%2Cb,1").json()["minutes"] == 1.5
    assert asking(f"shop/trips_v1/rows/{quote('ü/x', safe='')},2").json()["seat"] == 2


def test_measures_are_those_with_a_unit_by_any_column(asking, lake):
    rows = pl.DataFrame(
        {
            "line": ["a", "a", "b"],
            "number": [1, 2, 3],
            "minutes": [1.0, 2.0, None],
            "seat": [1, 2, 3],
        }
    )
    lake.publish(TRIPS, rows, "first")
    answer = asking("shop/trips_v1/aggregates?measure=count,avg(minutes),max(minutes)&by=line")
    assert answer.json()["items"] == [
        {"line": "a", "count": 2, "avg(minutes)": 1.5, "max(minutes)": 2.0},
        {"line": "b", "count": 1, "avg(minutes)": None, "max(minutes)": None},
    ]
    some = asking("shop/trips_v1/aggregates?number=gt.1")
    assert some.json()["items"] == [{"count": 2}]
    refused = asking("shop/trips_v1/aggregates?measure=sum(seat),first(minutes)&by=none")
    assert len(refused.json()["errors"]) == 3


def test_measures_are_of_what_is_seen(asking):
    answer = asking("shop/flights_v1/aggregates?by=carrier", CARL)
    assert answer.json()["items"] == [{"carrier": "UA", "count": 2}]


def test_the_document_of_a_product_is_what_its_reader_sees(asking):
    for name, is_there in ((ANA, True), (CARL, False)):
        told = asking("shop/flights_v1/openapi.json", name).json()
        OpenAPIV31SpecValidator(told).validate()
        (row,) = (s for key, s in told["components"]["schemas"].items() if key != "Problem")
        assert ("seats" in row["properties"]) is is_there
        assert told["servers"] == [{"url": "http://localhost"}]
        assert "/v1/products/shop/flights_v1/rows/{key}" in told["paths"]


STATUSES = [
    (FLIGHT_ROWS, "", 401),
    (FLIGHT_ROWS, DAN, 403),
    ("shop/nothing_v1/rows", ANA, 404),
    ("vault/secrets_v1/rows", OLGA, 200),
    ("vault/secrets_v1/rows", ANA, 403),
    ("../../etc/passwd/rows", ANA, 404),
    ("shop/flights_v1'; drop table x/rows", ANA, 404),
]


def test_who_may_not_is_told_so(asking):
    for path, name, status in STATUSES:
        assert asking(path, name).status_code == status, path


def test_a_refusal_says_what_to_do_and_never_a_value(asking):
    told = asking(FLIGHT_ROWS, DAN).json()
    assert "no agreement" in told["detail"]
    assert told["hint"] == "`mesh access request`"


def test_conditions_on_what_is_masked_meet_the_mask(asking):
    assert ids(asking(f"{FLIGHT_ROWS}?tail_number=eq.N14228", CARL)) == []
    assert asking(f"{FLIGHT_ROWS}?seats=eq.150", CARL).status_code == 400
    assert asking(f"{FLIGHT_ROWS}?order=seats", CARL).status_code == 400


def test_each_read_is_told_of(asking, lake):
    asking(f"{FLIGHT_ROWS}?select=id", CARL, **{"mesh-purpose": "billing"})
    entry = lake.told.entries[-1]
    assert (entry.principal.name, entry.port, entry.rows) == (CARL, "shop.flights_v1", 2)
    assert entry.columns == ("id",)
    assert entry.purpose == "billing"


def test_a_whole_table_comes_as_one_stream(asking):
    answer = asking("shop/flights_v1/table?select=id,carrier&id=gt.1", CARL)
    with pa.ipc.open_stream(answer.content) as stream:
        assert stream.read_all().to_pylist() == [{"id": 4, "carrier": "UA"}]
    assert answer.headers["mesh-table-version"] == "1"


def test_a_whole_table_has_no_pages_and_says_so(asking):
    answer = asking("shop/flights_v1/table?limit=1&order=id")
    assert answer.status_code == 400
    assert {error["where"] for error in answer.json()["errors"]} == {"limit", "order"}


def test_more_groups_than_are_answered_are_refused_and_not_cut_off(asking, monkeypatch):
    monkeypatch.setattr("mesh.serving.rows.sums.MOST_ROWS", 2)
    answer = asking("shop/flights_v1/aggregates?by=id")
    assert (answer.status_code, "more than 2 groups" in answer.json()["detail"]) == (400, True)


def test_a_key_that_is_called_like_another_way_is_read_by_rest(asking, lake):
    rows = pl.DataFrame({"line": ["sql"], "number": [1], "minutes": [1.0], "seat": [1]})
    lake.publish(TRIPS, rows, "first")
    asking("shop/trips_v1/rows/sql,1")
    asking("shop/trips_v1/rows/1,/sql")
    assert {entry.way for entry in lake.told.entries} == {"rest"}
