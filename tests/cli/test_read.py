"""`mesh read` shows rows to people, and streams them to programs."""

import csv
import io
import json
import subprocess
from datetime import timedelta

import polars as pl
import pyarrow as pa
import pytest

from mesh.reading.writing import write

PRODUCT = "shop.sales_v1"


def test_a_table_shows_the_first_rows_and_says_that_there_are_more(mesh):
    told = mesh("read", "shop.sales").stdout

    assert "2026-01-01 01:00:00Z" in told
    assert "the first 20 rows" in told


def test_data_is_neither_markup_nor_commands_to_the_terminal(mesh):
    told = mesh("read", PRODUCT, "--where", "sale_id = 3").stdout

    assert r"[red]ring \x1b[31m bell\x07" in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("amount_usd > 60 and note is null", 10),
        ("sold_at >= '2026-01-03 01:00:00'", 2),
        ("sale_id in (1, 2, 7)", 2),
        ("note like '%bell%'", 1),
        ("amount_usd > 60 -- and a comment", 10),
        ("1 = 2", 0),
    ],
)
def test_a_condition_chooses_rows(mesh, condition, rows):
    result = mesh("read", PRODUCT, "--where", condition, "--format", "json")

    assert len(json.loads(result.stdout)) == rows


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("amont_usd > 3", "did you mean amount_usd?"),
        ("amount_usd >", "unable to parse"),
        ("amount_usd", "must be of type `Boolean`"),
        ("amount_usd > 'x'", "cannot be decided"),
        ("1=1) or (2=2", "cannot be decided"),
        ("1=1; drop table rows", "cannot be decided"),
        ("sold_at > timestamp '2026-01-01'", "write times as text, in UTC"),
        ("", None),
    ],
)
def test_a_condition_that_cannot_be_decided_is_refused_in_words(mesh, condition, words):
    done = mesh("read", PRODUCT, "--where", condition)

    if words is None:
        assert done.exit_code == 0
        return
    assert done.exit_code == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.startswith("shop.sales_v1: ")
    assert "Traceback" not in done.stderr


def test_columns_are_chosen_and_may_differ_from_those_of_the_condition(mesh):
    result = mesh(
        "read", PRODUCT, "--columns", "amount_usd, sale_id", "--where", "note is not null",
        "--format", "csv",
    )  # fmt: skip

    assert result.stdout == "amount_usd,sale_id\n4.5,3\n"


def test_an_unknown_column_is_answered_with_near_names(mesh):
    done = mesh("read", PRODUCT, "--columns", "sale_id,amount")

    assert done.exit_code == 1
    assert "there is no column 'amount'\n  try: did you mean amount_usd?" in done.stderr


def test_every_format_has_all_rows_unless_limited(mesh):
    as_csv = list(csv.DictReader(io.StringIO(mesh("read", PRODUCT, "--format", "csv").stdout)))
    as_json = json.loads(mesh("read", PRODUCT, "--format", "json").stdout)
    streamed = mesh("read", PRODUCT, "--format", "arrow").stdout_bytes
    as_arrow = pa.ipc.open_stream(streamed).read_all()

    assert [int(row["sale_id"]) for row in as_csv] == as_arrow["sale_id"].to_pylist()
    assert [row["sale_id"] for row in as_json] == as_arrow["sale_id"].to_pylist()
    assert as_arrow.num_rows == 49
    assert as_arrow.schema.field("sold_at").type == pa.timestamp("us", tz="UTC")
    assert as_csv[0]["sold_at"] == "2026-01-01T01:00:00.000000Z"
    limited = mesh("read", PRODUCT, "--format", "json", "--limit", "3").stdout
    assert len(json.loads(limited)) == 3


def test_no_rows_are_still_a_whole_file(mesh):
    none = ("read", PRODUCT, "--where", "1 = 2", "--format")

    assert mesh(*none, "csv").stdout == "sale_id,sold_at,amount_usd,note\n"
    assert json.loads(mesh(*none, "json").stdout) == []
    assert pa.ipc.open_stream(mesh(*none, "arrow").stdout_bytes).read_all().num_rows == 0


def test_lists_and_structs_become_json_in_csv(empty_mesh):
    empty_mesh.write(
        "domains/shop/products/baskets.py",
        '''
        """Baskets."""
        from typing import Annotated

        import polars as pl

        import mesh


        class Baskets(mesh.Contract):
            """One row per basket."""

            basket_id: int = mesh.Field(key=True)
            items: Annotated[pl.List, pl.String]
            size: Annotated[pl.Struct, {"n": pl.Int64}]


        @mesh.data_product(contract=Baskets)
        def baskets() -> pl.LazyFrame:
            """One basket."""
            return pl.LazyFrame({"basket_id": [1], "items": [["a", 'b"']], "size": [{"n": 2}]})
        ''',
    )
    assert empty_mesh("run", "shop.baskets", "--no-report").exit_code == 0

    told = empty_mesh("read", "shop.baskets", "--format", "csv").stdout
    (row,) = csv.DictReader(io.StringIO(told))

    assert json.loads(row["items"]) == ["a", 'b"']
    assert json.loads(row["size"]) == {"n": 2}
    assert '[a, b"]' in empty_mesh("read", "shop.baskets").stdout


def test_bytes_are_base64_and_spans_of_time_iso_8601_at_any_depth(capsysbinary):
    rows = pl.LazyFrame(
        {
            "raw": [b"\xff\x00", None],
            "listed": [[b"x", None], None],
            "held": [{"raw": b"x", "n": 1}, None],
            "deep": [[{"raw": b"q"}], []],
            "pair": pl.Series([[b"x", b"y"], None], dtype=pl.Array(pl.Binary, 2)),
            "took": [timedelta(seconds=90), None],
        }
    )
    write(rows, "json", None)
    first, second = json.loads(capsysbinary.readouterr().out)
    assert first == {
        "raw": "/wA=",
        "listed": ["eA==", None],
        "held": {"raw": "eA==", "n": 1},
        "deep": [{"raw": "cQ=="}],
        "pair": ["eA==", "eQ=="],
        "took": "PT90S",
    }
    assert second == {**dict.fromkeys(first), "deep": []}

    write(rows, "csv", None)
    told = capsysbinary.readouterr().out.decode()
    row, empty = csv.DictReader(io.StringIO(told))
    assert (row["raw"], row["took"]) == ("/wA=", "PT1M30S")
    assert json.loads(row["held"]) == first["held"]
    assert json.loads(row["deep"]) == first["deep"]
    assert empty["raw"] == empty["took"] == ""

    write(rows.head(0), "json", None)
    assert json.loads(capsysbinary.readouterr().out) == []


def test_a_file_is_written_whole_or_not_at_all(mesh, tmp_path):
    target = tmp_path / "sales.csv"

    assert mesh("read", PRODUCT, "--format", "csv", "--output", str(target)).exit_code == 0
    assert len(target.read_text().splitlines()) == 50
    done = mesh("read", PRODUCT, "--format", "csv", "--output", "no/such/folder.csv")
    assert done.exit_code == 1
    assert "no/such/folder.csv: it cannot be written" in done.stderr
    assert not list(tmp_path.glob("*.unfinished"))


def test_an_earlier_version_is_still_readable(mesh):
    mesh("run", "shop.sales", "--no-report")

    assert mesh("read", PRODUCT, "--version", "0").exit_code == 0
    done = mesh("read", PRODUCT, "--version", "7")
    assert done.exit_code == 1
    assert done.stderr == ("shop.sales_v1: there is no version 7\n  try: versions are 0 to 1\n")


def test_what_is_declared_but_not_published_is_no_unknown_product(empty_mesh):
    declared = empty_mesh("read", PRODUCT)
    unknown = empty_mesh("read", "shop.sails_v1")

    assert "shop.sales_v1 is not published yet\n  try: `mesh run shop.sales_v1`" in declared.stderr
    assert (
        "there is no product 'shop.sails_v1'\n  try: did you mean shop.sales_v1" in unknown.stderr
    )


@pytest.mark.parametrize("name", ["../../etc_v1", "shop.x'; drop table y_v1", "shop", "", "a.b_v0"])
def test_hostile_names_are_refused_in_words(empty_mesh, name):
    done = empty_mesh("read", name)

    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_a_reader_that_goes_away_is_no_error(mesh):
    words = " ".join(f"'{word}'" for word in mesh.command("read", PRODUCT, "--format", "csv"))
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -1"],
        cwd=mesh.root,
        env=mesh.environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "sale_id,sold_at,amount_usd,note\n"
    assert done.stderr == ""
