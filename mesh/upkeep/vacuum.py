"""Files that nobody needs: of publications that died, and of versions that nothing holds.

Owns the decision for each file below a table. Delta's own vacuum knows an age alone; here a file
goes when no version that is kept shows it. Versions that show a deleted file are noted first, so
that readers are told; log entries stay, and receipts with them. Files that some version may come to
show are left: those of an attempt that wrote anything a short while ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh.lake import Table
from mesh.lake.log import LOG_FOLDER
from mesh.lake.removed import note_removed, removals_of
from mesh.lake.shown import Log, ShownFile, read_log
from mesh.lake.store import StoredFile
from mesh.publishing.stage import STAGED_NAME
from mesh.upkeep.keeps import Held, Keep, Keeper, keeps_of
from mesh.upkeep.reporting import Kept, Work

OWN_FOLDERS = (f"{LOG_FOLDER}/", "_mesh/")


@dataclass(frozen=True, slots=True)
class Garbage:
    """Files that can go, and the versions that cannot be read after it."""

    leftovers: tuple[StoredFile, ...] = ()
    expired: tuple[StoredFile, ...] = ()
    versions: tuple[int, ...] = ()


@dataclass(slots=True)
class Vacuum:
    """The garbage of one table. `keepers` None keeps every version, and leftovers alone go."""

    table: Table
    part: str
    held: Held
    safety: timedelta
    keepers: Sequence[Keeper] | None
    kept: tuple[Kept, ...] = ()

    def plan(self) -> list[Work]:
        """What would be deleted."""
        return self._work(self._garbage())

    def apply(self) -> list[Work]:
        """Note the versions that go, then delete."""
        garbage = self._garbage()
        day = self.held.now.date().isoformat()
        note_removed(self.table, garbage.versions, f"removed by retention on {day}")
        self.table.store.delete([file.path for file in (*garbage.expired, *garbage.leftovers)])
        return self._work(garbage)

    def _work(self, garbage: Garbage) -> list[Work]:
        found = []
        if garbage.leftovers:
            why = "no version shows them: a crash left them"
            found.append(self._deletion("remove leftovers", why, garbage.leftovers))
        if garbage.expired:
            why = "nothing holds the versions that show them"
            found.append(self._deletion("remove versions", why, garbage.expired, garbage.versions))
        return found

    def _deletion(
        self,
        action: str,
        why: str,
        files: Sequence[StoredFile],
        versions: tuple[int, ...] = (),
    ) -> Work:
        paths = tuple(f"{self.table.url}/{file.path}" for file in files)
        size = sum(file.size for file in files)
        return Work(
            action, self.part, why, files=len(files), bytes=size, paths=paths, versions=versions
        )

    def _garbage(self) -> Garbage:
        # Files first, then the log: what lands in between is in the log by then.
        stored = data_files(self.table)
        log = read_log(self.table)
        leftovers = tuple(leftovers_among(stored, log, before=self.held.now - self.safety))
        if self.keepers is None or not log.commits:
            return Garbage(leftovers)
        keeps = keeps_of(self.held_now(log), self.keepers)
        self.kept = self._kept(keeps)
        needed = sorted({v for keep in keeps for v in keep.versions})
        paths = {file.path for file in log.files if file.is_in(needed)}
        old = [file for file in log.files if file.path not in paths and self._is_settled(file, log)]
        going = {file.path for file in old}
        expired = tuple(file for file in stored if file.path in going)
        gone = {file.path for file in expired}
        versions = log.versions_of(file for file in old if file.path in gone)
        return Garbage(leftovers, expired, tuple(versions))

    def held_now(self, log: Log) -> Held:
        """What is held, at the versions that the log has now."""
        held = self.held
        return Held(held.product, log.commits, held.settings, held.now, held.retention, held.uses)

    def _is_settled(self, file: ShownFile, log: Log) -> bool:
        """Whether a file has been out of sight for long enough that no reader is at it."""
        return file.until is not None and log.commits[file.until] < self.held.now - self.safety

    def _kept(self, keeps: Sequence[Keep]) -> tuple[Kept, ...]:
        gone = {v for r in removals_of(self.table) for v in range(r.first, r.last + 1)}
        return tuple(
            Kept(self.part, keep.reason, readable)
            for keep in keeps
            if (readable := tuple(sorted(keep.versions - gone)))
        )


def data_files(table: Table) -> list[StoredFile]:
    """Every file below a table that is data, whether a version shows it or not."""
    return [file for file in table.store.list() if not file.path.startswith(OWN_FOLDERS)]


def leftovers_among(
    stored: Sequence[StoredFile], log: Log, *, before: datetime
) -> list[StoredFile]:
    """Staged files that no version ever showed, of attempts that have been still since a time."""
    shown = {file.path for file in log.files}
    staged = [
        (match["attempt"], file)
        for file in stored
        if file.path not in shown
        and (match := STAGED_NAME.fullmatch(file.path.rpartition("/")[2])) is not None
    ]
    moving = {attempt for attempt, file in staged if file.modified_at >= before}
    return [file for attempt, file in staged if attempt not in moving]
