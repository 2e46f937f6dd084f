"""The catalog's tables.

Owns their shape in SQLAlchemy, and how times and plain values are kept. `migrations/` holds the way
from one revision to the next: a table changed here needs a migration there, and a test compares the
two. Columns that are searched or ordered stand by themselves; the whole value is kept as JSON.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

REVISION = "0004"
"""The revision of `migrations/` that these tables are."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no zone, so every value is brought to UTC first."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's signature
        """Bring a time to UTC; refuse one without a zone, which could mean anything."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"{value} has no time zone"
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's signature
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Plain values as JSON text, in ASCII.

    Not the database's own JSON: PostgreSQL's refuses NaN and NUL, which samples of bad rows hold.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's signature
        """Write JSON."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 -- SQLAlchemy's signature
        """Read JSON."""
        return None if value is None else json.loads(value)


domains = Table(
    "domains",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("manifest", Json, nullable=False),
    Column("digest", Text, nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("domain", Text, ForeignKey(domains.c.name, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, index=True),
)

products = Table(
    "products",
    metadata,
    Column("name", Text, primary_key=True),
    Column("domain", Text, ForeignKey(domains.c.name), nullable=False, index=True),
    Column("short_name", Text, nullable=False),
    Column("major", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("freshness", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("write_mode", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("tags", Json, nullable=False),
    Column("contract_version", Text, nullable=False),
    Column("contract_digest", Text, nullable=False),
    Column("declaration", Json, nullable=False),
    Column("is_declared", Boolean(create_constraint=False), nullable=False),
    Column("registered_at", Instant, nullable=False),
)

contract_versions = Table(
    "contract_versions",
    metadata,
    Column("product", Text, ForeignKey(products.c.name), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("content", Json, nullable=False),
    Column("first_seen", Instant, nullable=False),
    UniqueConstraint("product", "sequence"),
)

columns = Table(
    "columns",
    metadata,
    Column("product", Text, ForeignKey(products.c.name, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("is_nullable", Boolean(create_constraint=False), nullable=False),
    Column("key_position", Integer),
    Column("description", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("classification", Text, nullable=False),
    Column("refers_to", Text, nullable=False),
)

# The upstream of an input has no foreign key: it may be declared later, or nowhere.
inputs = Table(
    "inputs",
    metadata,
    Column("product", Text, ForeignKey(products.c.name, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("port", Text, nullable=False),
    Column("upstream", Text, nullable=False, index=True),
    Column("columns", Json),
    Column("purpose", Text, nullable=False),
)

# A receipt is evidence whether or not its product is registered, so it points at none.
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
    Index(None, "product", "published_at", "table_version"),
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

# Evidence, as receipts are: it points at no product.
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

# Evidence, as receipts are: it points at no product.
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

# Evidence, as receipts are: it points at no product.
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
