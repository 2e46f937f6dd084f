"""Whose lineage changed, so that what was read of it can be kept until then."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "lineage_changes",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("datasets", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_lineage_changes"),
    )


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("lineage_changes")
