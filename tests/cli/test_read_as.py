"""`mesh read --as` shows rows, columns and values as policies let somebody see them."""

import json

import pytest

PEOPLE = """
attributes: {till: number}
people:
  - {name: Una, email: una@example.com, attributes: {till: 40}}
"""
POLICIES = """
@id("shop.late") @reason("a till sees what it sold last")
forbid (principal, action == Mesh::Action::"see_row", resource in Mesh::Port::"shop.sales_v1")
when { principal has till }
unless { resource has sale_id && resource.sale_id > principal.till };

@id("shop.amounts") @reason("amounts are rounded for others") @mask("truncate:10")
forbid (principal, action == Mesh::Action::"see", resource in Mesh::Port::"shop.sales_v1")
when { resource.name == "amount_usd" } unless { principal in resource.domain };
"""


@pytest.fixture
def governed(empty_mesh):
    """Sales that are public, with policies over their rows and values."""
    manifest = empty_mesh.root / "domains" / "organization.yaml"
    manifest.write_text(manifest.read_text(encoding="utf-8") + PEOPLE, encoding="utf-8")
    sales = empty_mesh.root / "domains" / "shop" / "products" / "sales.py"
    code = sales.read_text(encoding="utf-8")
    sales.write_text(code.replace("    contract=Sales,", '    contract=Sales, access="public",'))
    empty_mesh.write("domains/shop/policies/own.cedar", POLICIES)
    assert empty_mesh("run", "shop.sales").exit_code == 0
    return empty_mesh


def test_somebody_sees_what_policy_lets_them(governed):
    told = governed("read", "shop.sales", "--as", "una@example.com", "--format", "json")
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)
    assert [row["sale_id"] for row in rows] == list(range(41, 51))
    assert {row["amount_usd"] for row in rows} == {60.0, 70.0}
    assert "note" not in rows[0]


def test_the_owner_sees_everything(governed):
    told = governed("read", "shop.sales", "--as", "ada@example.com", "--format", "json")
    rows = json.loads(told.stdout)
    assert len(rows) == 49
    assert {row["amount_usd"] for row in rows} > {1.5, 3.0}
    assert "note" in rows[0]


def test_a_condition_meets_what_is_seen_alone(governed):
    read = ("read", "shop.sales", "--as", "una@example.com", "--format", "json", "--where")
    assert json.loads(governed(*read, "amount_usd = 61.5").stdout) == []
    assert len(json.loads(governed(*read, "amount_usd = 60 and sale_id < 46").stdout)) == 5
    assert "note" in governed(*read, "note is null").stderr


def test_whoever_reads_under_an_agreement_that_ends_soon_is_told(governed):
    def agreed(until):
        asked = ("--purpose", "tills", "--columns", "sale_id,note", "--until", until, "--json")
        case = json.loads(
            governed("access", "request", "shop.sales", *asked, "--by", "una@example.com").stdout
        )
        for by in ("ada", "cy"):
            assert governed("access", "approve", case["id"], "--by", by).exit_code == 0
        return case["id"]

    reads = (
        ("read", "shop.sales", "--as", "una@example.com", "--purpose", "tills"),
        ("sql", "SELECT note FROM shop.sales", "--as", "una@example.com", "--purpose", "tills"),
    )
    first = agreed("3d")
    for read in reads:
        done = governed(*read)
        assert done.exit_code == 0, done.output
        assert f"shop.sales_v1 is read under agreement {first}, which lasts until" in done.stderr
        assert f"`mesh access renew {first}` asks for more" in done.stderr
    assert governed("access", "revoke", first, "--by", "ada").exit_code == 0
    agreed("90d")
    for read in reads:
        assert "asks for more" not in governed(*read).stderr


def test_who_may_not_read_is_told_so(governed):
    denied = governed("read", "shop.sales", "--as", "mallory@example.com")
    assert denied.exit_code == 1
    assert "mesh.unknown" in denied.stderr
    sql = ("sql", "select * from shop.sales", "--as", "mallory@example.com")
    assert governed(*sql).exit_code == 1
    log = json.loads(governed("audit", "log", "--kind", "read.refused", "--json").stdout)
    assert {(e["who"], e["subject"]) for e in log} == {("mallory@example.com", "shop.sales_v1")}
    assert [e["content"]["way"] for e in log] == ["mesh sql", "mesh read"]
    assert all(e["content"]["by"] and "mesh.unknown" in e["content"]["policies"] for e in log)
    assert "2 entries" in governed("audit", "log", "--who", "mallory@example.com").stdout
    assert governed("audit", "verify").exit_code == 0
    assert governed("read", "shop.sales", "--as", "una@example.com", "--since", "0").exit_code == 2
