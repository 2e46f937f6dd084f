"""Terms of the business, profiles of publications, who reads what, and what is searched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "terms",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("synonyms", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terms"),
        sa.ForeignKeyConstraint(
            ["domain"], ["domains.name"], name="fk_terms_domain", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_terms_domain", "terms", ["domain"])
    op.create_table(
        "term_links",
        sa.Column("term", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("column", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("term", "product", "column", name="pk_term_links"),
        sa.ForeignKeyConstraint(
            ["term"], ["terms.id"], name="fk_term_links_term", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_term_links_product_column", "term_links", ["product", "column"])
    op.create_table(
        "profiles",
        sa.Column("publication_id", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("table_version", sa.BigInteger, nullable=False),
        sa.Column("profiled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("publication_id", name="pk_profiles"),
    )
    op.create_index("ix_profiles_product_table_version", "profiles", ["product", "table_version"])
    op.create_table(
        "usage",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("column", sa.Text, nullable=False),
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("reads", sa.BigInteger, nullable=False),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("product", "column", "consumer", "day", name="pk_usage"),
    )
    _searched()


def _searched() -> None:
    """The index that searches. It is made from the other tables when domains are registered."""
    op.create_table(
        "search_documents",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("access", sa.Text, nullable=False),
        sa.Column("quality", sa.Text, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("reads", sa.BigInteger, nullable=False),
        sa.Column("forms", sa.Text, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Column("product_owner", sa.Text, nullable=False),
        sa.Column("completeness", sa.Float, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_documents"),
        sa.UniqueConstraint("key", name="uq_search_documents_key"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE search_text USING fts5(a, b, c, d, detail=column, "
            "tokenize=\"unicode61 remove_diacritics 0\", prefix='2 3')"
        )
        op.execute("CREATE TABLE search_words (word TEXT PRIMARY KEY) WITHOUT ROWID")
        op.execute(
            "CREATE TABLE search_trigrams (trigram TEXT NOT NULL, word TEXT NOT NULL, "
            "PRIMARY KEY (trigram, word)) WITHOUT ROWID"
        )
        return
    op.execute("CREATE TABLE search_text (document INTEGER PRIMARY KEY, words tsvector NOT NULL)")
    op.execute("CREATE INDEX ix_search_text_words ON search_text USING gin (words)")
    op.execute('CREATE TABLE search_words (word TEXT COLLATE "C" PRIMARY KEY)')
    _with_trigrams()


def _with_trigrams() -> None:
    """Index the vocabulary by trigrams, where the extension is there or may be made."""
    bind = op.get_bind()
    try:
        with bind.begin_nested():
            bind.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            bind.exec_driver_sql(
                "CREATE INDEX ix_search_words_trigrams ON search_words "
                "USING gin (word gin_trgm_ops)"
            )
    except DBAPIError:
        return  # searches forgive one typing error instead of two: `mesh.catalog.search.postgresql`


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("search_trigrams")
    op.drop_table("search_words")
    op.drop_table("search_text")
    op.drop_table("search_documents")
    op.drop_table("usage")
    op.drop_table("profiles")
    op.drop_table("term_links")
    op.drop_table("terms")
