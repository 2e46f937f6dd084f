"""What is searched, as tables: made from the others, and made anew from them at any time.

The words of documents are in tables
that differ between databases: see `mesh.catalog.search.sqlite` and `.postgresql`.
"""

from sqlalchemy import BigInteger, Column, Float, Integer, Table, Text

from mesh.catalog.schema.base import Instant, Json, derived

# `due` is until when it is fresh, in seconds since 1970: 0 when it was never published, NULL where
# nothing is promised. `forms` are the ways to write its name, one a line, as folded words.
# `content` holds the texts that words are found in; `digest` is of all but how it fares.
search_documents = Table(
    "search_documents",
    derived,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("classification", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("quality", Text, nullable=False),
    Column("due", BigInteger),
    Column("reads", BigInteger, nullable=False),
    Column("forms", Text, nullable=False),
    Column("published_at", Instant),
    Column("product_owner", Text, nullable=False),
    Column("completeness", Float, nullable=False),
    Column("digest", Text, nullable=False),
    Column("content", Json, nullable=False),
)
