"""When the process of a run began: its number may be another's by now."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.add_column("emitted_runs", sa.Column("process_began", sa.Text))


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_column("emitted_runs", "process_began")
