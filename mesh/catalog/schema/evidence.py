"""The evidence of what happened, as tables: receipts, refusals, erasures, ends.

None of them points at a product: evidence counts whether or not its product is registered.
"""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, Table, Text

from mesh.catalog.schema.base import Instant, Json, metadata

receipts = Table(
    "receipts",
    metadata,
    Column("publication_id", Text, primary_key=True),
    Column("product", Text, nullable=False),
    Column("contract_version", Text, nullable=False),
    Column("contract_digest", Text, nullable=False),
    Column("run_id", Text, nullable=False, index=True),
    Column("partition", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("table_version", BigInteger, nullable=False),
    Column("rows_accepted", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
    Column("content", Json, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "product", "table_version", "published_at", "publication_id"),
)

receipt_inputs = Table(
    "receipt_inputs",
    metadata,
    Column("publication_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("upstream", Text, nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("port", Text, nullable=False),
    Column("columns", Json),
    ForeignKeyConstraint(["publication_id"], [receipts.c.publication_id], ondelete="CASCADE"),
)

# One row an edge, of all receipts: see `mesh.catalog.feeds`. `columns` NULL means all of them;
# `versions` are the newest pairs, `reading` is of the newest of them.
feeds = Table(
    "feeds",
    metadata,
    Column("downstream", Text, primary_key=True),
    Column("upstream", Text, primary_key=True),
    Column("ports", Json, nullable=False),
    Column("columns", Json),
    Column("versions", Json, nullable=False),
    Column("reading", Text, nullable=False),
    Index(None, "upstream"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("publication_id", Text, primary_key=True),
    Column("refused_at", Instant, primary_key=True),
    Column("product", Text, nullable=False),
    Column("contract_version", Text, nullable=False),
    Column("run_id", Text, nullable=False, index=True),
    Column("partition", Text, nullable=False),
    Column("content", Json, nullable=False),
    Index(None, "product", "refused_at"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("product", Text, nullable=False),
    Column("erased_at", Instant, nullable=False),
    Column("erased_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("columns", Json, nullable=False),
    Column("content", Json, nullable=False),
    Index(None, "product", "erased_at"),
)

quarantine_events = Table(
    "quarantine_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("product", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("content", Json, nullable=False),
    Index(None, "product", "at"),
)

retirements = Table(
    "retirements",
    metadata,
    Column("product", Text, primary_key=True),
    Column("retired_at", Instant, nullable=False),
    Column("retired_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("keep_until", Instant, nullable=False),
    Column("successor", Text, nullable=False),
)
