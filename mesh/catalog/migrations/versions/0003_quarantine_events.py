"""Rows that left quarantine: replayed or discarded, by whom and why."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "quarantine_events",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine_events"),
    )
    op.create_index("ix_quarantine_events_product_at", "quarantine_events", ["product", "at"])


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("quarantine_events")
