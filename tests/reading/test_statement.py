"""SQL that people write: what it may say, and what it reads."""

from datetime import UTC, datetime

import pytest

from mesh.errors import StatementError, UnknownProductError
from mesh.naming import ProductId
from mesh.reading.statement import Source, Statement, names_of

known = names_of(map(ProductId.parse, ("sea.tides_v2", "sea.tides_v1", "air.winds_v1")))


def statement(text):
    return Statement.of(text, known)


def test_a_product_is_its_latest_major_or_the_one_that_is_named():
    found = statement("select * from sea.tides t join SEA.tides_v1 o using (k)")
    assert found.sources == (Source("sea.tides_v2"), Source("sea.tides_v1"))


@pytest.mark.parametrize(
    ("travel", "source"),
    [
        ("at (version => 3)", Source("sea.tides_v1", version=3)),
        ("version as of 3", Source("sea.tides_v1", version=3)),
        ("for version as of 3", Source("sea.tides_v1", version=3)),
        (
            "timestamp as of '2026-01-31T12:00:00+02:00'",
            Source("sea.tides_v1", as_of=datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ),
        (
            "at (timestamp => timestamp '2026-01-31 12:00')",
            Source("sea.tides_v1", as_of=datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ),
    ],
)
def test_time_travel_is_understood_as_others_write_it(travel, source):
    found = statement(f"select * from sea.tides_v1 {travel}")
    assert found.sources == (source,)
    assert "2026" in found.text or "version 3" in found.text


def test_two_versions_of_a_product_can_be_compared():
    text = """select n.k from sea.tides_v1 at (version => 4) n
              left join sea.tides_v1 at (version => 3) o using (k) where o.k is null"""
    assert statement(text).sources == (Source("sea.tides_v1", 4), Source("sea.tides_v1", 3))


def test_columns_are_those_that_are_named_and_all_for_a_star():
    columns = ("k", "height", "port", "secret")
    assert statement("select HEIGHT from sea.tides where port = 'a'").columns(columns) == (
        "height",
        "port",
    )
    assert statement("select count(*) from sea.tides").columns(columns) == ("k",)
    for text in (
        "select * from sea.tides",
        "select t.* from sea.tides t",
        "select * exclude (k) from sea.tides",
        "select t from sea.tides t",
        "select tides from sea.tides",
        "select 1 from sea.tides natural join air.winds",
    ):
        assert statement(text).columns(columns) == columns, text


def test_queries_of_its_own_are_no_products():
    found = statement(
        "with a as (select k from sea.tides), b as (select * from a) select * from b, a"
    )
    assert found.sources == (Source("sea.tides_v2"),)


def test_a_product_that_is_not_known_is_answered_with_near_names():
    with pytest.raises(UnknownProductError, match=r"sea\.tides"):
        statement("select * from sea.tidez")


REFUSED = [
    "select * from 'lake/part-0.parquet'",
    'select * from "lake/part-0.parquet"',
    "select * from read_parquet('x')",
    "select * from parquet_scan('x')",
    "select * from glob('*')",
    "select * from duckdb_settings()",
    "select * from query('select 1')",
    "select * from query_table('sea.tides')",
    "select * from other.sea.tides",
    "select getenv('HOME')",
    "select current_setting('memory_limit')",
    "select error(k) from sea.tides",
    "select * from range(1000000000)",
    "select nextval('s')",
    "copy sea.tides to 'x.csv'",
    "attach 'x.db'",
    "insert into sea.tides values (1)",
    "create table x as select * from sea.tides",
    "select * into x from sea.tides",
    "select 1; select 2",
    "select 1; drop table x",
    "with recursive a as (select 1 union all select * from a) select * from a",
    "set memory_limit = '100GB'",
    "pragma database_list",
    "call pragma_version()",
    "explain analyze select * from sea.tides",
    "describe sea.tides",
    "show tables",
    "from sea.tides at (version => (select max(k) from sea.tides)) select 1",
    "select * from sea.tides at (version => -1)",
    "select * from sea.tides at (timestamp => 'yesterday')",
    "select * from sea.tides at (bookmark => 1)",
    "select * from sea.tides version between 1 and 2",
    "with a as (select 1) select * from a at (version => 1)",
    "select columns('.*') from sea.tides",
    "select list_transform([k], lambda x: x) from sea.tides",
    "select k from sea.tides for update",
    "",
    "   ",
    "-- nothing",
    "/* select */",
    "s\u0435lect 1",
    "select k from sea.tides where '" + "(" * 10 + "' = '' and " + "(" * 3000 + "k" + ")" * 3000,
]


@pytest.mark.parametrize("text", REFUSED, ids=[text[:40] for text in REFUSED])
def test_what_is_no_plain_query_of_products_is_refused(text):
    with pytest.raises((StatementError, UnknownProductError)):
        statement(text)


def test_comments_and_what_hides_in_them_are_not_run():
    found = statement("select /* read_csv('x') */ k -- ; drop table\n from sea.tides")
    assert "read_csv" not in found.text
    assert "drop" not in found.text
