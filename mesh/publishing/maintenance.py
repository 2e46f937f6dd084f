"""Upkeep of the write path: removing what a crash left behind.

A staged file that no version shows belongs to a publication that died. It is removed once it is old
enough that its publication cannot still be running.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mesh.catalog.receipts import transaction_of
from mesh.lake import Lake, Table
from mesh.naming import ProductId
from mesh.publishing.receipt import landed_attempts
from mesh.publishing.stage import STAGED_NAME

DEFAULT_AGE = timedelta(hours=24)


def remove_leftovers(
    lake: Lake,
    products: Iterable[ProductId],
    *,
    older_than: timedelta = DEFAULT_AGE,
    is_dry_run: bool = False,
) -> list[str]:
    """Remove staged files that no version of their table has ever shown.

    Returns their URLs. With `is_dry_run` nothing is removed.
    """
    removed = []
    for product in products:
        for table in (lake.table(product), lake.quarantine(product)):
            leftovers = _leftovers(table, datetime.now(UTC) - older_than)
            if not is_dry_run:
                table.store.delete(leftovers)
            removed += [f"{table.url}/{path}" for path in leftovers]
    return removed


def _leftovers(table: Table, before: datetime) -> list[str]:
    """Staged files of attempts that have not landed.

    Where a publication has landed and the history no longer says by which attempt, all are left.
    """
    staged = [
        (match, file.path)
        for file in table.store.list()
        if (match := STAGED_NAME.fullmatch(file.path.rpartition("/")[2]))
        and file.modified_at < before
    ]
    snapshot = table.find() if staged else None
    if snapshot is None:
        return [path for _, path in staged]
    landed = {attempt for _, attempt in landed_attempts(table)}
    known = {attempt.partition("-")[0] for attempt in landed}
    return [
        path
        for name, path in staged
        if name["attempt"] not in landed
        and (
            name["publication"] in known
            or not snapshot.has_transaction(transaction_of(name["publication"]))
        )
    ]
