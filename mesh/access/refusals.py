"""Reads that were refused, as they are told: each once a minute, and how often it came again.

Owns which refusals are the same: of one person, of one product, by one way and for one reason. A
client that asks on and on makes two entries a minute, and not a log that is full. Not thread-safe:
whoever keeps the log locks.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import REFUSED

WINDOW_SECONDS = 60.0
"""How long a refusal stands for those that are like it."""
_MOST = 10_000
"""Refusals that are remembered; beyond, the oldest is told before its time is over."""
_Key = tuple[str, str, str, str, tuple[str, ...]]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalNote:
    """A read that was refused: whose, of which port, and why. Never a value of the data.

    `policies` are the ids of those that refuse; `why` says so in words of our own, since those of a
    condition may hold values. `by` is who looked, where that is somebody else than `who`.
    """

    who: str
    port: str
    why: str
    way: str = ""
    purpose: str = ""
    policies: Sequence[str] = ()
    by: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> _Key:
        """What those that are alike share; a purpose is not: it is whatever somebody says."""
        return (self.who, self.port, self.way, self.why, tuple(self.policies))

    def as_entry(self, times: int = 1) -> NewEntry:
        """The refusal as it is logged; `times` where it is the last of several that were alike."""
        content = {
            "why": self.why,
            "policies": list(self.policies),
            "way": self.way,
            "purpose": self.purpose,
            "by": self.by,
            "times": times if times > 1 else None,
        }
        told = {name: value for name, value in content.items() if value not in (None, "", [])}
        return NewEntry(REFUSED, self.who, self.port, told, at=self.at)


@dataclass(slots=True)
class _Window:
    """What came since a moment of the clock, and is not told yet."""

    since: float
    last: RefusalNote
    untold: int = 0

    def entries(self) -> list[NewEntry]:
        return [self.last.as_entry(self.untold)] if self.untold else []


@dataclass(slots=True)
class Refusals:
    """The refusals of a process, of the last minute."""

    clock: Callable[[], float] = time.monotonic
    _windows: OrderedDict[_Key, _Window] = field(default_factory=OrderedDict)

    @property
    def is_counting(self) -> bool:
        """Whether anything of the last minute may still be to tell."""
        return bool(self._windows)

    def noted(self, note: RefusalNote, *, has_room: bool) -> list[NewEntry]:
        """The entries of one more. Without room for any, it is only counted."""
        told = self.ended() if has_room else []
        window = self._windows.get(note.key)
        if window is None and has_room:
            self._windows[note.key] = _Window(self.clock(), note)
            told.append(note.as_entry())
        elif window is None:
            self._windows[note.key] = _Window(self.clock(), note, 1)
        else:
            window.last, window.untold = note, window.untold + 1
        return told + self._beyond(has_room=has_room)

    def ended(self) -> list[NewEntry]:
        """What is to be told of minutes that are over, oldest first."""
        now, told = self.clock(), []
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if now - window.since < WINDOW_SECONDS:
                break
            del self._windows[key]
            told += window.entries()
        return told

    def taken(self) -> list[NewEntry]:
        """All that is not told yet, at the end."""
        told = [entry for window in self._windows.values() for entry in window.entries()]
        self._windows.clear()
        return told

    def _beyond(self, *, has_room: bool) -> list[NewEntry]:
        """What is told early, to remember others. The server's own log has what has no room."""
        told: list[NewEntry] = []
        while len(self._windows) > _MOST:
            told += self._windows.popitem(last=False)[1].entries()
        if has_room:
            return told
        for entry in told:
            _LOG.warning("not in the audit log: %s was refused %s", entry.who, entry.subject)
        return []
