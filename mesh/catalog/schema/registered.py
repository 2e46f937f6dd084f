"""What domains declare, as tables: people, products, contracts, columns and inputs."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from mesh.catalog.schema.base import Instant, Json, metadata

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
