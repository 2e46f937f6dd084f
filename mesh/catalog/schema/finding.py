"""What makes data found and understood, as tables: terms, profiles and use.

The index that searches is made by `mesh.catalog.search`, since it differs between databases.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
)

from mesh.catalog.schema.base import Instant, Json, metadata
from mesh.catalog.schema.registered import domains

terms = Table(
    "terms",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "domain", Text, ForeignKey(domains.c.name, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("name", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("synonyms", Json, nullable=False),
    Column("content", Json, nullable=False),
)

# `column` is empty where a term is about the whole product.
term_links = Table(
    "term_links",
    metadata,
    Column("term", Text, primary_key=True),
    Column("product", Text, primary_key=True),
    Column("column", Text, primary_key=True),
    ForeignKeyConstraint(["term"], [terms.c.id], ondelete="CASCADE"),
    Index(None, "product", "column"),
)

# What a publication's rows look like, by column: see `mesh.catalog.profiles`.
profiles = Table(
    "profiles",
    metadata,
    Column("publication_id", Text, primary_key=True),
    Column("product", Text, nullable=False),
    Column("table_version", BigInteger, nullable=False),
    Column("profiled_at", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("content", Json, nullable=False),
    Index(None, "product", "table_version"),
)

# Reads a day. `column` is empty in the row that counts the reads of the product itself.
usage = Table(
    "usage",
    metadata,
    Column("product", Text, primary_key=True),
    Column("column", Text, primary_key=True),
    Column("consumer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("reads", BigInteger, nullable=False),
    Column("last_read_at", Instant, nullable=False),
)

# Counts that came from afar, each batch once: whoever got no answer sends it again.
usage_batches = Table(
    "usage_batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("added_at", Instant, nullable=False, index=True),
)
