"""Rejected rows: a Delta table beside the product, until they are replayed or discarded.

Owns the keeping of them. They are kept before the publication lands: a crash in between leaves rows
of a publication that did not happen, which readers tell by its receipt, and never loses one.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from mesh.catalog.receipts import transaction_of
from mesh.errors import CommitConflictError
from mesh.lake import DataFile, Snapshot
from mesh.lake.table import Change
from mesh.publishing.landing import KEEPS_ITS_HISTORY, MAX_ATTEMPTS, land, wait, widened_columns
from mesh.publishing.modes.widening import rewrite
from mesh.publishing.stage import STAGED_NAME, Stage
from mesh.settings import PublishingSettings


def keep(rejects: Stage, publication: str) -> None:
    """Append staged rejects to the quarantine, in place of what an earlier attempt kept."""
    change = Change(
        adds=rejects.files,
        schema=rejects.schema,
        partition_by=(),
        metadata={"mesh.publication": publication},
        transaction=transaction_of(publication),
        is_evolving=True,
        configuration=KEEPS_ITS_HISTORY,
    )
    for attempt in range(MAX_ATTEMPTS):
        base = rejects.table.find()
        wider: list[Stage] = []
        try:
            planned = change if base is None else _planned(change, base, rejects, wider)
            land(planned, base, rejects, *wider)
        except CommitConflictError:
            if attempt == MAX_ATTEMPTS - 1:
                raise
            wait(attempt)
        else:
            return
        finally:
            for stage in wider:
                stage.discard()


def _planned(change: Change, base: Snapshot, rejects: Stage, wider: list[Stage]) -> Change:
    """The change on a version, in place of an earlier attempt; where types widen, of every row.

    What is written anew goes onto stages of its own publications' names: see `_files_of`.
    """
    removes = _files_of(str(change.metadata["mesh.publication"]), base)
    if widened_columns(base, rejects):
        stays = tuple(file for file in base.files if file not in removes)
        for file in stays:
            name = STAGED_NAME.fullmatch(file.path.rpartition("/")[2])
            own = rejects.beside()
            own.attempt = (
                f"{name['publication'] if name else uuid.uuid4().hex}-{uuid.uuid4().hex[:8]}"
            )
            wider.append(own)
            rewrite([file], own, PublishingSettings(workers=1))
        removes = (*removes, *stays)
    fresh = tuple(file for stage in wider for file in stage.files)
    return replace(change, adds=(*rejects.files, *fresh), removes=removes)


def _files_of(publication: str, quarantine: Snapshot) -> tuple[DataFile, ...]:
    names = ((file, STAGED_NAME.fullmatch(file.path)) for file in quarantine.files)
    return tuple(file for file, name in names if name and name["publication"] == publication)
