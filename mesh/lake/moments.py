"""Which version a table had at a moment.

Owns the search in its log. A version's moment is its commit's own word for it, as everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mesh.errors import NotPublishedError
from mesh.lake.table import Table


def version_at(table: Table, moment: datetime, *, latest: int | None = None) -> int:
    """The latest version that was there at a moment; one without a time zone is UTC.

    `latest` is the table's latest version, where that is known. Raises NotPublishedError when there
    was none yet, or the log does not go back so far.
    """
    wanted = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    first, last = 0, table.version() if latest is None else latest
    found = None
    while first <= last:
        middle = (first + last) // 2
        commit = table.commit_at(middle)
        if commit is not None and commit.timestamp > wanted:
            last = middle - 1
        else:
            found = middle if commit is not None else found
            first = middle + 1
    if found is None:
        raise NotPublishedError(
            f"there is no version of {wanted:%Y-%m-%d %H:%M:%S %Z}, or its part of the log was "
            "removed",
            where=table.url,
            hint="read the latest, or one of a later time",
        )
    return found


def version_from(table: Table, moment: datetime, *, latest: int) -> int:
    """The first version of a moment in UTC or after, that the log still has.

    Raises NotPublishedError when there is none yet.
    """
    first, last = 0, latest
    found = None
    while first <= last:
        middle = (first + last) // 2
        commit = table.commit_at(middle)
        if commit is None or commit.timestamp < moment:
            first = middle + 1
        else:
            found, last = middle, middle - 1
    if found is None:
        raise NotPublishedError(
            f"there is no version of {moment:%Y-%m-%d %H:%M:%S %Z} or after",
            where=table.url,
            hint=f"the latest is {latest}",
        )
    return found
