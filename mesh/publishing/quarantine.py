"""Rejected rows: a Delta table beside the product, until they are replayed or discarded.

Owns the keeping of them. They are kept before the publication lands: a crash in between leaves rows
of a publication that did not happen, which readers tell by its receipt, and never loses one.
"""

from __future__ import annotations

from dataclasses import replace

from mesh.catalog.receipts import transaction_of
from mesh.errors import CommitConflictError
from mesh.lake import DataFile, Snapshot
from mesh.lake.table import Change
from mesh.publishing.landing import MAX_ATTEMPTS, land, require_columns, wait
from mesh.publishing.stage import STAGED_NAME, Stage


def keep(rejects: Stage, publication: str) -> None:
    """Append staged rejects to the quarantine, in place of what an earlier attempt kept."""
    change = Change(
        adds=rejects.files,
        schema=rejects.schema,
        partition_by=(),
        metadata={"mesh.publication": publication},
        transaction=transaction_of(publication),
    )
    for attempt in range(MAX_ATTEMPTS):
        base = rejects.table.find()
        try:
            if base is not None:
                require_columns(base, rejects)
                base = base.with_columns_of(rejects.schema)
                change = replace(change, removes=_files_of(publication, base))
            land(change, base, rejects)
        except CommitConflictError:
            if attempt == MAX_ATTEMPTS - 1:
                raise
            wait(attempt)
        else:
            return


def _files_of(publication: str, quarantine: Snapshot) -> tuple[DataFile, ...]:
    names = ((file, STAGED_NAME.fullmatch(file.path)) for file in quarantine.files)
    return tuple(file for file, name in names if name and name["publication"] == publication)
