"""What an organisation declares beside its domains, as tables: itself, and policies as text."""

from sqlalchemy import Column, Table, Text

from mesh.catalog.schema.base import Instant, Json, metadata

organization = Table(
    "organization",
    metadata,
    Column("name", Text, primary_key=True),
    Column("manifest", Json, nullable=False),
    Column("digest", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

# `domain` is empty for the organisation's own.
policies = Table(
    "policies",
    metadata,
    Column("source", Text, primary_key=True),
    Column("domain", Text, nullable=False, index=True),
    Column("text", Text, nullable=False),
)
