"""One attempt to make a planned change the next version of a table.

Owns what is certain after it: that it landed, that it did not, or that nobody knows; and for how
long the one who lost waits. Keeps staged files for as long as a version may show them.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pyarrow as pa

from mesh.contracts.arrow import why_not
from mesh.errors import CommitConflictError, StorageError, StorageFullError
from mesh.lake import Snapshot
from mesh.lake.table import Change
from mesh.publishing.receipt import ATTEMPT_KEY
from mesh.publishing.stage import Stage

MAX_ATTEMPTS = 20
KEEPS_ITS_HISTORY = {"delta.enableExpiredLogCleanup": "false"}
"""Delta drops log entries after 30 days unless told not to, and receipts would go with them."""
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


def widened_columns(base: Snapshot, stage: Stage) -> tuple[str, ...]:
    """Columns of a table that the rows to come have in a wider type, which loses no value.

    Raises StorageError when the table has columns that these rows have not, or in a type into which
    its own cannot be brought.
    """
    stored = {field.name: field.type for field in base.schema}
    differing = base.columns_unlike(stage.schema)
    problems = [told for name in differing if (told := _why_not_widened(name, stored[name], stage))]
    if problems:
        noun = "column" if len(problems) == 1 else "columns"
        raise StorageError(
            f"the table has {noun} that cannot become what the contract promises: "
            f"{'; '.join(problems)}",
            where=stage.table.url,
            hint="promise what the table has, or publish a new major: `mesh new version PRODUCT`",
        )
    return differing


def _why_not_widened(name: str, found: pa.DataType, stage: Stage) -> str:
    if name not in stage.schema.names:
        return f"{name} is not in the contract"
    wanted = stage.schema.field(name).type
    if why_not(found, wanted):
        return f"{name} is {found} and would become {wanted}"
    is_integer = pa.types.is_integer(found) and pa.types.is_integer(wanted)
    if name in stage.partition_by and not is_integer:  # its text would have to change
        return f"{name}, by which files are laid out, is {found} and would become {wanted}"
    return ""


def wait(attempt: int) -> None:
    """Let others finish: longer after each attempt, and never two writers for the same time."""
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 -- jitter, not a secret
