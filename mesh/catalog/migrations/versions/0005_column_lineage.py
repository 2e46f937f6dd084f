"""Lineage between columns, and how far each product's columns are traced."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "column_edges",
        sa.Column("downstream", sa.Text, nullable=False),
        sa.Column("downstream_column", sa.Text, nullable=False),
        sa.Column("upstream", sa.Text, nullable=False),
        sa.Column("upstream_column", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("is_direct", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("is_masking", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "downstream",
            "downstream_column",
            "upstream",
            "upstream_column",
            "kind",
            "origin",
            "job",
            name="pk_column_edges",
        ),
    )
    op.create_index(
        "ix_column_edges_upstream_upstream_column", "column_edges", ["upstream", "upstream_column"]
    )
    op.create_table(
        "tracings",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("known", sa.Text, nullable=False),
        sa.Column("unknown", sa.Text, nullable=False),
        sa.Column("traced_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("product", name="pk_tracings"),
    )


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("tracings")
    op.drop_table("column_edges")
