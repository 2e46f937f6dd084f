"""The first catalog: domains, people, products, contracts, inputs, receipts and refusals."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the catalog to this revision."""
    _create_domains()
    _create_products()
    _create_contracts()
    _create_receipts()
    _create_refusals()


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    # What refers to another table goes before it.
    for table in (
        "refusals",
        "receipt_inputs",
        "receipts",
        "columns",
        "contract_versions",
        "inputs",
        "products",
        "people",
        "domains",
    ):
        op.drop_table(table)


def _create_domains() -> None:
    op.create_table(
        "domains",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_domains"),
    )
    op.create_table(
        "people",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("domain", "position", name="pk_people"),
        sa.ForeignKeyConstraint(
            ["domain"], ["domains.name"], name="fk_people_domain", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_people_email", "people", ["email"])


def _create_products() -> None:
    op.create_table(
        "products",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("short_name", sa.Text, nullable=False),
        sa.Column("major", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("access", sa.Text, nullable=False),
        sa.Column("freshness", sa.Text, nullable=False),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("write_mode", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("contract_version", sa.Text, nullable=False),
        sa.Column("contract_digest", sa.Text, nullable=False),
        sa.Column("declaration", sa.Text, nullable=False),
        sa.Column("is_declared", sa.Boolean, nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_products"),
        sa.ForeignKeyConstraint(["domain"], ["domains.name"], name="fk_products_domain"),
    )
    op.create_index("ix_products_domain", "products", ["domain"])
    op.create_table(
        "inputs",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("port", sa.Text, nullable=False),
        sa.Column("upstream", sa.Text, nullable=False),
        sa.Column("columns", sa.Text),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("product", "position", name="pk_inputs"),
        sa.ForeignKeyConstraint(
            ["product"], ["products.name"], name="fk_inputs_product", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_inputs_upstream", "inputs", ["upstream"])


def _create_contracts() -> None:
    op.create_table(
        "contract_versions",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("product", "digest", name="pk_contract_versions"),
        sa.UniqueConstraint("product", "sequence", name="uq_contract_versions_product_sequence"),
        sa.ForeignKeyConstraint(
            ["product"], ["products.name"], name="fk_contract_versions_product"
        ),
    )
    op.create_table(
        "columns",
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("is_nullable", sa.Boolean, nullable=False),
        sa.Column("key_position", sa.Integer),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("refers_to", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("product", "position", name="pk_columns"),
        sa.ForeignKeyConstraint(
            ["product"], ["products.name"], name="fk_columns_product", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_columns_name", "columns", ["name"])


def _create_receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("publication_id", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("contract_version", sa.Text, nullable=False),
        sa.Column("contract_digest", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("table_version", sa.BigInteger, nullable=False),
        sa.Column("rows_accepted", sa.BigInteger, nullable=False),
        sa.Column("rows_rejected", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("publication_id", name="pk_receipts"),
    )
    op.create_index("ix_receipts_run_id", "receipts", ["run_id"])
    op.create_index(
        "ix_receipts_product_published_at_table_version",
        "receipts",
        ["product", "published_at", "table_version"],
    )
    op.create_table(
        "receipt_inputs",
        sa.Column("publication_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("upstream", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("port", sa.Text, nullable=False),
        sa.Column("columns", sa.Text),
        sa.PrimaryKeyConstraint("publication_id", "position", name="pk_receipt_inputs"),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["receipts.publication_id"],
            name="fk_receipt_inputs_publication_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_receipt_inputs_upstream", "receipt_inputs", ["upstream"])


def _create_refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("publication_id", sa.Text, nullable=False),
        sa.Column("refused_at", INSTANT, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("contract_version", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("publication_id", "refused_at", name="pk_refusals"),
    )
    op.create_index("ix_refusals_run_id", "refusals", ["run_id"])
    op.create_index("ix_refusals_product_refused_at", "refusals", ["product", "refused_at"])
