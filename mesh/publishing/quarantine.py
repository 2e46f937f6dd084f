"""Rejected rows: a Delta table beside the product, until they are replayed or discarded.

Owns the keeping of them. They are kept before the publication lands: a crash in between leaves rows
of a publication that did not happen, which readers tell by its receipt, and never loses one.
"""

from __future__ import annotations

import pyarrow as pa

from mesh.errors import CommitConflictError
from mesh.lake.table import Change
from mesh.publishing.receipt import transaction_of
from mesh.publishing.stage import Stage

MAX_ATTEMPTS = 20


def keep(rejects: Stage, publication: str, schema: pa.Schema) -> None:
    """Append staged rejects to the quarantine, once a publication."""
    table = rejects.table
    for attempt in range(MAX_ATTEMPTS):
        base = table.find()
        transaction = transaction_of(publication)
        if base is not None and base.has_transaction(transaction):
            rejects.discard()
            return
        try:
            if base is not None:
                added = [f for f in schema if f.name not in base.schema.names]
                base = base.with_columns(added) if added else base
            table.commit(
                Change(
                    adds=rejects.files,
                    schema=schema,
                    partition_by=(),
                    metadata={"mesh.publication": publication},
                    transaction=transaction,
                ),
                base,
            )
        except CommitConflictError:
            if attempt == MAX_ATTEMPTS - 1:
                raise
        else:
            return
