"""Reads, counted: who read which product, and which of its columns.

Owns the counts of this process until they are in the catalog. A read is noted in memory and costs
microseconds; counts are written together at the end of a command or a run, once a minute beside a
process that goes on reading, and when it ends. No read fails or waits because they cannot be: then
they are lost.
"""

from __future__ import annotations

import atexit
import getpass
import secrets
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from mesh.catalog.usage_writing import Count, Read, add_counts
from mesh.settings import Settings

MOST_WAITING = 2_000
"""Counts that wait in memory; while the catalog cannot be written, no more are kept."""
REST_SECONDS = 60.0
"""How long counts gather before a reader has them written, by a thread of their own."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a catalog is, and what lets one in."""

    url: str
    token: str = field(repr=False)
    ca_bundle: Path | None

    @property
    def is_served(self) -> bool:
        return self.url.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Counts on their way to a served catalog, which adds a batch of one name once."""

    name: str
    counts: Mapping[Read, Count]


class ReadCounts:
    """The counts of one process, by catalog. Shared by threads."""

    def __init__(self) -> None:
        self._waiting: dict[_Place, dict[Read, Count]] = {}
        self._unanswered: dict[_Place, _Batch] = {}
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._is_registered = False
        self._written_at = time.monotonic()

    def note(
        self, settings: Settings, product: str, columns: Iterable[str], *, consumer: str = ""
    ) -> None:
        """Count one read of some columns; by the user, unless a `consumer` is named."""
        if not settings.usage.counted:
            return
        now = datetime.now(UTC)
        who = consumer or looker(settings)
        reads = _reads(product, tuple(columns), who, now.date())
        place = _Place(settings.catalog_url, settings.catalog.token, settings.catalog_bundle)
        with self._lock:
            waiting = self._waiting.setdefault(place, {})
            for read in reads:
                if read in waiting or len(waiting) < MOST_WAITING:
                    known = waiting.get(read)
                    waiting[read] = Count(1 + (known.reads if known else 0), now)
            is_due = time.monotonic() - self._written_at > REST_SECONDS
            if not self._is_registered:
                self._is_registered = True
                atexit.register(self.flush)
        if is_due:
            threading.Thread(target=self.flush, name="mesh-usage", daemon=True).start()

    def flush(self) -> None:
        """Write what is waiting. What cannot be written now waits for the next time."""
        with self._lock:
            taken, self._waiting = self._waiting, {}
            self._written_at = time.monotonic()
        with self._sending:
            for place in {**self._unanswered, **taken}:
                counts = taken.get(place, {})
                add = self._send if place.is_served else _write
                if not add(place, counts):
                    self._put_back(place, counts)

    def _send(self, place: _Place, counts: dict[Read, Count]) -> bool:
        """Send what was not answered, then counts; False when the counts are still to be sent."""
        from mesh.catalog.remote.counting import send_counts

        earlier = self._unanswered.get(place)
        if earlier is not None:
            if not send_counts(earlier.name, earlier.counts, **asdict(place)):
                return False
            del self._unanswered[place]
        if counts:
            batch = _Batch(secrets.token_hex(16), counts)
            if not send_counts(batch.name, batch.counts, **asdict(place)):
                self._unanswered[place] = batch
        return True

    def _put_back(self, place: _Place, counts: dict[Read, Count]) -> None:
        with self._lock:
            waiting = self._waiting.setdefault(place, {})
            for read, count in counts.items():
                later = waiting.get(read)
                if later is not None:
                    waiting[read] = Count(count.reads + later.reads, later.last_read_at)
                elif len(waiting) < MOST_WAITING:
                    waiting[read] = count


READS = ReadCounts()
"""Those of this process."""


@lru_cache(maxsize=256)
def _reads(product: str, columns: Sequence[str], who: str, day: date) -> Sequence[Read]:
    """One read of a product and of each column; made once for who reads again and again."""
    return [Read(product, column, who, day) for column in ("", *columns)]


def _write(place: _Place, counts: dict[Read, Count]) -> bool:
    return add_counts(place.url, counts)


def looker(settings: Settings) -> str:
    """Who reads where nobody else is named: by their login; a process without one is nobody."""
    try:
        return settings.usage.consumer or getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
