"""Policies as text, and the organisation as it was registered."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "organization",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_organization"),
    )
    op.create_table(
        "policies",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_policies"),
    )
    op.create_index("ix_policies_domain", "policies", ["domain"])


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("policies")
    op.drop_table("organization")
