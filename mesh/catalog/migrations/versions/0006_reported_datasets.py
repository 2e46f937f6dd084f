"""Data that is not Mesh's, as OpenLineage producers report it, and events to deliver."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from mesh.naming import DatasetName

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalog to this revision."""
    op.create_table(
        "datasets",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("canonical", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("owners", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("facets", sa.Text, nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_datasets"),
    )
    op.create_index("ix_datasets_canonical", "datasets", ["canonical"])
    op.create_index("ix_datasets_name", "datasets", ["name"])
    op.create_index("ix_datasets_namespace_name", "datasets", ["namespace", "name"])
    op.create_table(
        "dataset_columns",
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "position", name="pk_dataset_columns"),
        sa.ForeignKeyConstraint(
            ["dataset"], ["datasets.key"], name="fk_dataset_columns_dataset", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_dataset_columns_name", "dataset_columns", ["name"])
    op.create_table(
        "jobs",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("facets", sa.Text, nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("key", name="pk_jobs"),
    )
    op.create_table(
        "job_runs",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("parent_run_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facets", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_job_runs"),
        sa.ForeignKeyConstraint(["job"], ["jobs.key"], name="fk_job_runs_job", ondelete="CASCADE"),
    )
    op.create_index("ix_job_runs_job_last_event_at", "job_runs", ["job", "last_event_at"])
    op.create_table(
        "run_datasets",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("facets", sa.Text, nullable=False),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "direction", "dataset", name="pk_run_datasets"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["job_runs.run_id"], name="fk_run_datasets_run_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_run_datasets_dataset", "run_datasets", ["dataset"])
    op.create_table(
        "job_datasets",
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", "direction", "dataset", name="pk_job_datasets"),
        sa.ForeignKeyConstraint(
            ["job"], ["jobs.key"], name="fk_job_datasets_job", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_job_datasets_dataset", "job_datasets", ["dataset"])
    op.create_table(
        "lineage_events",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("producer", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lineage_events"),
    )
    op.create_index("ix_lineage_events_job", "lineage_events", ["job"])
    op.create_index("ix_lineage_events_received_at", "lineage_events", ["received_at"])
    op.create_index("ix_lineage_events_run_id", "lineage_events", ["run_id"])
    op.create_table(
        "deliveries",
        sa.Column("position", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("set_aside_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("position", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_receiver_position", "deliveries", ["receiver", "position"])
    op.create_table(
        "delivery_leases",
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("receiver", name="pk_delivery_leases"),
    )
    op.create_table(
        "emitted_runs",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("publication_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("start", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_emitted_runs"),
    )
    op.create_index("ix_emitted_runs_publication_id", "emitted_runs", ["publication_id"])
    op.create_index("ix_emitted_runs_state_product", "emitted_runs", ["state", "product"])
    _locate_products()


def _locate_products() -> None:
    """Say where the table of each published product lies, as publications do from now on."""
    connection, now = op.get_bind(), datetime.now(UTC)
    receipts = sa.table(
        "receipts", sa.column("product"), sa.column("content"), sa.column("published_at")
    )
    found: dict[str, str] = {}
    for row in connection.execute(
        sa.select(receipts.c.product, receipts.c.content).order_by(receipts.c.published_at)
    ):
        content = json.loads(row.content)
        if isinstance(content, dict) and "table_url" in content:
            found[row.product] = content["table_url"]
    names = {DatasetName.of_url(url): product for product, url in found.items()}
    datasets = sa.table(
        "datasets",
        *(sa.column(name) for name in ("key", "namespace", "name", "canonical", "kind")),
        *(sa.column(name) for name in ("description", "owners", "tags", "facets")),
        *(sa.column(name, sa.DateTime(timezone=True)) for name in ("first_seen", "last_seen")),
    )
    rows = [
        {
            "key": named.key,
            "namespace": named.namespace,
            "name": named.name,
            "canonical": product,
            "kind": "symlink",
            "description": "",
            "owners": "[]",
            "tags": "[]",
            "facets": "{}",
            "first_seen": now,
            "last_seen": now,
        }
        for named, product in names.items()
    ]
    if rows:
        op.bulk_insert(datasets, rows)


def downgrade() -> None:
    """Take the catalog back to the revision before."""
    op.drop_table("emitted_runs")
    op.drop_table("delivery_leases")
    op.drop_table("deliveries")
    op.drop_table("lineage_events")
    op.drop_table("job_datasets")
    op.drop_table("run_datasets")
    op.drop_table("job_runs")
    op.drop_table("jobs")
    op.drop_table("dataset_columns")
    op.drop_table("datasets")
