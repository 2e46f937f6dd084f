"""One attempt to make a planned change the next version of a table.

Owns what is certain after it: that it landed, that it did not, or that nobody knows; and for how
long the one who lost waits. Keeps staged files for as long as a version may show them.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace

from mesh.errors import CommitConflictError, StorageError, StorageFullError
from mesh.lake import Snapshot
from mesh.lake.table import Change
from mesh.publishing.receipt import ATTEMPT_KEY
from mesh.publishing.stage import Stage

MAX_ATTEMPTS = 20
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 1.0


def land(change: Change, base: Snapshot | None, *stages: Stage) -> int:
    """Make the commit, and delete nothing of it until it is known not to have landed.

    Returns the version. A store may land a commit and lose the answer: then the history is asked.
    """
    table, attempt = stages[0].table, stages[0].attempt
    marked = replace(change, metadata={**change.metadata, ATTEMPT_KEY: attempt})
    for stage in stages:
        stage.keep()
    try:
        return table.commit(marked, base)
    except StorageError as error:
        version = 0 if base is None else base.version + 1  # it can have become no other
        landed = table.commit_at(version)
        if landed is not None and landed.metadata.get(ATTEMPT_KEY) == attempt:
            return version
        if isinstance(error, CommitConflictError | StorageFullError):
            for stage in stages:  # a clear no; after any other error the commit may yet arrive
                stage.keep(is_kept=False)
        raise


def require_layout(base: Snapshot, stage: Stage) -> None:
    """Raise StorageError when a table is partitioned otherwise than what shall go into it."""
    if tuple(stage.partition_by) != base.partition_by:
        raise StorageError(
            f"the table is partitioned by ({', '.join(base.partition_by)}), the product declares "
            f"({', '.join(stage.partition_by)})",
            where=stage.table.url,
            hint="declare what the table has, or publish a new major",
        )


def require_columns(base: Snapshot, stage: Stage) -> None:
    """Raise StorageError when a table has columns that the rows to come have not, or otherwise."""
    if unlike := base.columns_unlike(stage.schema):
        raise StorageError(
            f"the table has columns that the contract does not: {', '.join(unlike)}",
            where=stage.table.url,
            hint="promise what the table has, or publish a new major",
        )


def wait(attempt: int) -> None:
    """Let others finish: longer after each attempt, and never two writers for the same time."""
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 -- jitter, not a secret
