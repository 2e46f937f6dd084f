"""Profiles that are not to be kept any longer, in the lake and in the catalog.

Owns which: those of publications that died before they landed, those older than the product's
retention, since a bound or a frequent value may be that of a row that is gone, and all of them once
the rows of a retired product go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh.catalog.profiles_in_lake import forget_profiles, profile_files
from mesh.catalog.receipts import transaction_of
from mesh.catalog.store import Catalog
from mesh.lake import Table
from mesh.lake.store import StoredFile
from mesh.upkeep.reporting import Work

PART = "profiles"


@dataclass(frozen=True, slots=True)
class OldProfiles:
    """The profiles of one table. `before` is when the oldest that is kept was made; None for all.

    What was written less than `safety` ago may be of a publication that is under way.
    """

    table: Table
    catalog: Catalog
    now: datetime
    safety: timedelta
    before: datetime | None = None

    def plan(self) -> list[Work]:
        """What would be deleted."""
        return self._work(self._leftovers(), self._expired())

    def apply(self) -> list[Work]:
        """Delete them, and let the catalog forget them."""
        leftovers, expired = self._leftovers(), self._expired()
        gone = forget_profiles(self.table, [*leftovers, *expired])
        self.catalog.profiles.forget(gone)
        return self._work(leftovers, expired)

    def _leftovers(self) -> dict[str, StoredFile]:
        snapshot, old = self.table.find(), self.now - self.safety
        return {
            publication: file
            for publication, file in profile_files(self.table)
            if file.modified_at < old
            and (snapshot is None or not snapshot.has_transaction(transaction_of(publication)))
        }

    def _expired(self) -> dict[str, StoredFile]:
        before = self.before
        if before is None:
            return {}
        return {p: file for p, file in profile_files(self.table) if file.modified_at < before}

    def _work(self, leftovers: dict[str, StoredFile], expired: dict[str, StoredFile]) -> list[Work]:
        told = (
            ("remove leftovers", "their publications never landed", list(leftovers.values())),
            (
                "remove profiles",
                "they tell of rows that are kept no longer",
                [file for name, file in expired.items() if name not in leftovers],
            ),
        )
        return [self._deletion(action, why, files) for action, why, files in told if files]

    def _deletion(self, action: str, why: str, files: Sequence[StoredFile]) -> Work:
        return Work(
            action,
            PART,
            why,
            files=len(files),
            bytes=sum(file.size for file in files),
            paths=tuple(f"{self.table.url}/{file.path}" for file in files),
        )
