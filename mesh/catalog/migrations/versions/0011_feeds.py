"""Edges between products, one row each, and receipts in the order in which they are asked for."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BEFORE = "ix_receipts_product_published_at_table_version"
_AFTER = "ix_receipts_product_table_version_published_at_publication_id"
_KEPT = 20
_AT_ONCE = 1_000


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_index(
        _AFTER, "receipts", ["product", "table_version", "published_at", "publication_id"]
    )
    op.drop_index(_BEFORE, "receipts")
    op.create_table(
        "feeds",
        sa.Column("downstream", sa.Text, nullable=False),
        sa.Column("upstream", sa.Text, nullable=False),
        sa.Column("ports", sa.Text, nullable=False),
        sa.Column("columns", sa.Text),
        sa.Column("versions", sa.Text, nullable=False),
        sa.Column("reading", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("downstream", "upstream", name="pk_feeds"),
    )
    op.create_index("ix_feeds_upstream", "feeds", ["upstream"])
    _gather()


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("feeds")
    op.create_index(_BEFORE, "receipts", ["product", "published_at", "table_version"])
    op.drop_index(_AFTER, "receipts")


def _gather() -> None:
    """Make the edges of the receipts that are there, as publications do from now on."""
    receipts = sa.table("receipts", *map(sa.column, ("product", "table_version", "content")))
    products = sa.select(receipts.c.product).distinct().order_by(receipts.c.product)
    connection, made = op.get_bind(), []
    names: list[str] = list(connection.execute(products).scalars())
    for product in names:
        found = sa.select(receipts.c.table_version, receipts.c.content)
        edges: dict[str, dict[str, Any]] = {}
        for row in connection.execute(found.where(receipts.c.product == product)):
            content = json.loads(row.content)
            for item in content.get("inputs", ()) if isinstance(content, dict) else ():
                _add(edges.setdefault(item["product"], _nothing()), row.table_version, item)
        made += [_row(product, upstream, edge) for upstream, edge in edges.items()]
    columns = ("downstream", "upstream", "ports", "columns", "versions", "reading")
    table = sa.table("feeds", *map(sa.column, columns))
    for start in range(0, len(made), _AT_ONCE):
        op.bulk_insert(table, made[start : start + _AT_ONCE])


def _nothing() -> dict[str, Any]:
    return {"ports": set(), "columns": set(), "is_whole": False, "versions": set(), "reading": []}


def _add(edge: dict[str, Any], version: int, item: Mapping[str, Any]) -> None:
    columns = item.get("columns")
    edge["ports"].add(item.get("port", ""))
    edge["columns"].update(columns or ())
    edge["is_whole"] |= columns is None
    edge["versions"].add((version, item["version"]))
    edge["reading"] = max(edge["reading"], [version, _words(item)])


def _words(item: Mapping[str, Any]) -> str:
    how, reason = item.get("how"), item.get("reason")
    if not how:
        return ""
    if how == "all rows":
        return f"{how}: {reason}" if reason else how
    return f"{how} since version {item.get('since')}"


def _row(downstream: str, upstream: str, edge: Mapping[str, Any]) -> dict[str, Any]:
    newest = sorted(edge["versions"], reverse=True)[:_KEPT]
    return {
        "downstream": downstream,
        "upstream": upstream,
        "ports": _json(sorted(edge["ports"])),
        "columns": None if edge["is_whole"] else _json(sorted(edge["columns"])),
        "versions": _json([list(pair) for pair in newest]),
        "reading": edge["reading"][1],
    }


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
