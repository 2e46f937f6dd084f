"""Products that ended: when, by whom, why, and until when their rows are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "retirements",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("successor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("product", name="pk_retirements"),
    )


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("retirements")
