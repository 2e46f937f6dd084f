"""What serving the catalog needs to keep, as tables: tokens, of which only a hash is stored."""

from sqlalchemy import Column, Table, Text

from mesh.catalog.schema.base import Instant, Json, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("principal", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)
