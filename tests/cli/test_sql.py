"""`mesh sql` answers statements over products, for people and for programs."""

import json

import pyarrow as pa

PRODUCT = "shop.sales_v1"


def test_a_statement_is_answered_as_a_table(mesh):
    told = mesh("sql", "select count(*) as sales, max(sale_id) as last from shop.sales").stdout

    assert "sales" in told
    assert "50" in told
    assert "1 row" in told


def test_a_program_gets_every_row_in_its_format(mesh, tmp_path):
    text = "select sale_id, amount_usd from shop.sales_v1 order by sale_id"

    rows = json.loads(mesh("sql", text, "--format", "json").stdout)
    assert len(rows) == 49
    assert rows[0] == {"sale_id": 1, "amount_usd": 1.5}
    mesh("sql", text, "--format", "arrow", "--output", str(tmp_path / "sales.arrow"))
    with pa.ipc.open_stream((tmp_path / "sales.arrow").read_bytes()) as stream:
        assert stream.read_all().num_rows == 49
    assert mesh("sql", text, "--format", "csv").stdout.splitlines()[1] == "1,1.5"


def test_what_cannot_be_asked_says_what_and_what_to_do(mesh):
    for text, words in (
        ("select * from shop.salez", "shop.sales"),
        ("select * from sales", "domain.product"),
        ("drop table x", "not with SELECT"),
        ("select missing from shop.sales", "missing"),
    ):
        result = mesh("sql", text)
        assert words in result.output
        assert "Traceback" not in result.output


def test_the_operator_sees_all_and_somebody_else_what_policy_shows_them(mesh):
    text = "select note from shop.sales where sale_id = 3"

    assert "bell" in mesh("sql", text).stdout
    denied = mesh("sql", text, "--as", "nobody@example.com").output
    assert "nobody@example.com may not read shop.sales_v1" in denied
    assert "bell" not in denied
