"""Terms of the business, profiles of publications, and who reads what."""

import sqlalchemy as sa
from alembic import op

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


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("usage")
    op.drop_table("profiles")
    op.drop_table("term_links")
    op.drop_table("terms")
