"""Counts of reads that came from afar, by batch, so that each is added once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "usage_batches",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_batches"),
    )
    op.create_index("ix_usage_batches_added_at", "usage_batches", ["added_at"])


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("usage_batches")
