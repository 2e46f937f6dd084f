"""Lineage between columns, as tables, and what others report of data that is not Mesh's.

A dataset is known by its key: of a product its name, of any other dataset `namespace#name`, as
OpenLineage has them (see `mesh.catalog.datasets`). Edges name keys as they were reported:
`datasets.canonical` says which dataset a key turned out to be, and is looked up when lineage is
read, so that a product which is published later is joined to what was reported before.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
)

from mesh.catalog.schema.base import Instant, Json, derived, metadata

# `downstream_column` is empty where an upstream column decides about whole rows (filter, join, …).
# `origin` says who knows: found (in the plan), declared, or reported (by an OpenLineage producer,
# then `job` is which). `kind` is OpenLineage's subtype, IDENTITY to CONDITIONAL.
column_edges = Table(
    "column_edges",
    metadata,
    Column("downstream", Text, primary_key=True),
    Column("downstream_column", Text, primary_key=True),
    Column("upstream", Text, primary_key=True),
    Column("upstream_column", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("is_direct", Boolean(create_constraint=False), nullable=False),
    Column("is_masking", Boolean(create_constraint=False), nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index(None, "upstream", "upstream_column"),
)

# How far the columns of a product are traced: `known` lists those whose origins are found,
# `unknown` says why others are not. `digest` is of what was looked at.
tracings = Table(
    "tracings",
    metadata,
    Column("product", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("known", Json, nullable=False),
    Column("unknown", Text, nullable=False),
    Column("traced_at", Instant, nullable=False),
)

# `canonical` is the key of the dataset that this one is: its own, a product's, or another's.
datasets = Table(
    "datasets",
    metadata,
    Column("key", Text, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False, index=True),
    Column("canonical", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("owners", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("facets", Json, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Index(None, "namespace", "name"),
)

dataset_columns = Table(
    "dataset_columns",
    metadata,
    Column("dataset", Text, ForeignKey(datasets.c.key, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("description", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("key", Text, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("facets", Json, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("settled_at", Instant),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("job", Text, ForeignKey(jobs.c.key, ondelete="CASCADE"), nullable=False),
    Column("parent_run_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("last_event_at", Instant, nullable=False),
    Column("facets", Json, nullable=False),
    Index(None, "job", "last_event_at"),
)

# `direction` is in or out.
run_datasets = Table(
    "run_datasets",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("dataset", Text, primary_key=True),
    Column("facets", Json, nullable=False),
    Column("last_event_at", Instant, nullable=False),
    ForeignKeyConstraint(["run_id"], [job_runs.c.run_id], ondelete="CASCADE"),
    Index(None, "dataset"),
)

# What a job reads and writes (`direction` is in or out), by all its runs. Those that its latest
# complete run did not touch are history: `last_seen` is before the job's `settled_at`.
job_datasets = Table(
    "job_datasets",
    metadata,
    Column("job", Text, ForeignKey(jobs.c.key, ondelete="CASCADE"), primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("dataset", Text, primary_key=True),
    Column("last_seen", Instant, nullable=False),
    Index(None, "dataset"),
)

# Events as they came, unknown facets and all. The id is a digest of the content.
lineage_events = Table(
    "lineage_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("received_at", Instant, nullable=False, index=True),
    Column("event_time", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("job", Text, nullable=False, index=True),
    Column("run_id", Text, nullable=False, index=True),
    Column("dataset", Text, nullable=False),
    Column("content", Json, nullable=False),
)

# Whose lineage a transaction changed, in the order in which writers queue; NULL means everyone's.
# The newest rows only: see `mesh.catalog.changes`.
lineage_changes = Table(
    "lineage_changes",
    derived,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("datasets", Json),
)
