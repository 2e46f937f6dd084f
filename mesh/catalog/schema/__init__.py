"""The catalog's tables.

Owns their shape in SQLAlchemy. `migrations/` holds the way from one revision to the next: a table
changed here needs a migration there, and a test compares the two. Columns that are searched or
ordered stand by themselves; the whole value is kept as JSON.
"""

from mesh.catalog.schema.base import Instant, Json, derived, metadata
from mesh.catalog.schema.decided import agreements, decision_cases, decision_log, separations
from mesh.catalog.schema.emitted import deliveries, delivery_leases, emitted_runs
from mesh.catalog.schema.evidence import (
    erasures,
    feeds,
    quarantine_events,
    receipt_inputs,
    receipts,
    refusals,
    retirements,
)
from mesh.catalog.schema.finding import profiles, term_links, terms, usage, usage_batches
from mesh.catalog.schema.governing import organization, policies
from mesh.catalog.schema.lineage import (
    column_edges,
    dataset_columns,
    datasets,
    job_datasets,
    job_runs,
    jobs,
    lineage_changes,
    lineage_events,
    run_datasets,
    tracings,
)
from mesh.catalog.schema.registered import (
    columns,
    contract_versions,
    domains,
    inputs,
    people,
    products,
)
from mesh.catalog.schema.searched import search_documents
from mesh.catalog.schema.serving import tokens

REVISION = "0014"
"""The revision of `migrations/` that these tables are."""


__all__ = [
    "REVISION",
    "Instant",
    "Json",
    "agreements",
    "column_edges",
    "columns",
    "contract_versions",
    "dataset_columns",
    "datasets",
    "decision_cases",
    "decision_log",
    "deliveries",
    "delivery_leases",
    "derived",
    "domains",
    "emitted_runs",
    "erasures",
    "feeds",
    "inputs",
    "job_datasets",
    "job_runs",
    "jobs",
    "lineage_changes",
    "lineage_events",
    "metadata",
    "organization",
    "people",
    "policies",
    "products",
    "profiles",
    "quarantine_events",
    "receipt_inputs",
    "receipts",
    "refusals",
    "retirements",
    "run_datasets",
    "search_documents",
    "separations",
    "term_links",
    "terms",
    "tokens",
    "tracings",
    "usage",
    "usage_batches",
]
