"""Decisions: their log, which the database itself lets nobody change, and agreements."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_REFUSED = "entries of the decision log are never changed"
_SQLITE = (
    (
        f"CREATE TRIGGER decision_log_update BEFORE UPDATE ON decision_log "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    ),
    (
        f"CREATE TRIGGER decision_log_delete BEFORE DELETE ON decision_log "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    ),
)
_POSTGRESQL = (
    (
        f"CREATE FUNCTION decision_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    ),
    (
        "CREATE TRIGGER decision_log_change BEFORE UPDATE OR DELETE OR TRUNCATE ON decision_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION decision_log_refuse()"
    ),
)


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "decision_log",
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "who", "subject")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("digest", "content")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("previous", "hash")),
        sa.PrimaryKeyConstraint("sequence", name="pk_decision_log"),
        sa.UniqueConstraint("hash", name="uq_decision_log_hash"),
    )
    op.create_index("ix_decision_log_subject", "decision_log", ["subject"])
    op.create_index("ix_decision_log_who", "decision_log", ["who"])
    for statement in _SQLITE if _backend() == "sqlite" else _POSTGRESQL:
        op.execute(statement)
    op.create_table(
        "decision_cases",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("id", "kind", "subject", "state")),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decision_cases"),
    )
    op.create_index("ix_decision_cases_subject", "decision_cases", ["subject"])
    op.create_table(
        "agreements",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("id", "domain", "short_name")),
        sa.Column("major", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
    )
    op.create_index("ix_agreements_domain_short_name", "agreements", ["domain", "short_name"])
    op.create_index("ix_agreements_holder", "agreements", ["holder"])
    op.create_table(
        "separations",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("product", name="pk_separations"),
    )


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("separations")
    op.drop_table("agreements")
    op.drop_table("decision_cases")
    op.drop_table("decision_log")
    if _backend() == "postgresql":
        op.execute("DROP FUNCTION decision_log_refuse()")


def _backend() -> str:
    return op.get_bind().dialect.name
