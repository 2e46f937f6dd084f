"""Who read what, and who was not let, into the log: many entries at once, none lost in silence.

Owns the entries that wait to be written. They go into the log together, once a second or when
enough have gathered. While the log cannot be written, reads go on until too many wait: then the
next one is refused, for what cannot be accounted for is not handed out. Refused reads never take
the room of those that are answered: then they are counted.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mesh.access.refusals import WINDOW_SECONDS, RefusalNote, Refusals
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import READ
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError

AT_ONCE = 500
"""Entries that are written without waiting for more."""
REST_SECONDS = 1.0
"""How long entries wait for others."""
MOST_WAITING = 10_000
"""Entries that wait while the log cannot be written; then nothing is read any more."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadNote:
    """A read: who, which port, and what of it. Never a value: of filters only their columns.

    `way` is how it was read, such as `sql`; `filtered` names the columns that the reader's own
    conditions speak of. `agreement` and `policies` are ids. `rows` None is not known.
    """

    who: str
    port: str
    columns: Sequence[str]
    way: str
    rows: int | None = None
    table_version: int | None = None
    purpose: str = ""
    agreement: str = ""
    policies: Sequence[str] = ()
    filtered: Sequence[str] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_entry(self) -> NewEntry:
        """The read as it is logged."""
        content = {
            "columns": list(self.columns),
            "way": self.way,
            "rows": self.rows,
            "table_version": self.table_version,
            "purpose": self.purpose,
            "agreement": self.agreement,
            "policies": list(self.policies),
            "filtered": list(self.filtered),
        }
        told = {name: value for name, value in content.items() if value not in (None, "", [])}
        return NewEntry(READ, self.who, self.port, told, at=self.at)


class ReadAudit:
    """The reads of a process that are not in the log yet. Shared by threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._waiting: list[NewEntry] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._refusals = Refusals()
        self._counting: threading.Timer | None = None
        atexit.register(self.close)

    def read(self, note: ReadNote) -> None:
        """Note a read before its rows are handed out.

        Raises CatalogError when too many wait already, and the log still cannot be written.
        """
        with self._lock:
            waiting = self._wait([note.as_entry()])
        if waiting > MOST_WAITING:
            self.flush()
        elif waiting % AT_ONCE == 0:
            threading.Thread(target=self._try_to_flush, name="mesh-audit", daemon=True).start()

    def refused(self, note: RefusalNote) -> None:
        """Note a read that is refused. Raises nothing: what was refused stays so."""
        with self._lock:
            has_room = len(self._waiting) < MOST_WAITING // 2
            self._wait(self._refusals.noted(note, has_room=has_room))
            if self._counting is None and self._refusals.is_counting:
                self._counting = _timer(WINDOW_SECONDS, self._told_later)

    def require_room(self) -> None:
        """Raise CatalogError when too many reads wait, and the log still cannot be written."""
        if len(self._waiting) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write all that waits, together. Raises CatalogError; then it goes on waiting."""
        with self._writing:
            with self._lock:
                taken, self._waiting = self._waiting, []
            try:
                if taken:
                    self._catalog.decisions.append(taken)
            except BaseException:
                with self._lock:
                    self._waiting = taken + self._waiting
                raise

    def close(self) -> None:
        """Write what waits, at the end of a process; what cannot be written is told."""
        with self._lock:
            timers = [timer for timer in (self._timer, self._counting) if timer is not None]
            self._timer = self._counting = None
            self._waiting += self._refusals.taken()
        for timer in timers:
            timer.cancel()
        atexit.unregister(self.close)
        self._try_to_flush()

    def _wait(self, entries: Sequence[NewEntry]) -> int:
        """Let entries wait, under the lock; how many there are."""
        self._waiting += entries
        if self._timer is None and entries:
            self._timer = _timer(REST_SECONDS, self._written_later)
        return len(self._waiting)

    def _told_later(self) -> None:
        """Let what was refused again and again be told, once it is old enough."""
        with self._lock:
            self._counting = None
            if len(self._waiting) < MOST_WAITING // 2:
                self._wait(self._refusals.ended())
            if self._refusals.is_counting:
                self._counting = _timer(WINDOW_SECONDS, self._told_later)

    def _written_later(self) -> None:
        with self._lock:
            self._timer = None
        self._try_to_flush()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except CatalogError as error:
            waiting = len(self._waiting)
            _LOG.warning("%d reads are not in the audit log yet: %s", waiting, error)


def _timer(seconds: float, then: Callable[[], None]) -> threading.Timer:
    """One that is running, and does not keep a process from its end."""
    made = threading.Timer(seconds, then)
    made.daemon = True
    made.start()
    return made
