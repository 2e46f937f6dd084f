"""Entries of the decision log, each bound to the one before by a hash.

Owns the values, what exactly is hashed, and the check of a whole chain, wherever its entries come
from: a database, or a file that was exported. There is no secret in it. Whoever can write all of a
chain anew can make another that holds together; a head that was kept elsewhere tells them apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from mesh.errors import Problem

GENESIS = "0" * 64
"""What stands for the hash before the first entry."""
_MOST_PROBLEMS = 100


def digest_of(content: object) -> str:
    """SHA-256 of plain values: equal values have equal digests."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Something to be logged: what happened, who did it, to what.

    `digest` names exactly what was decided; empty where nothing was. `content` holds plain values,
    and never values of data.
    """

    kind: str
    who: str
    subject: str
    content: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of the log. `sequence` counts from 1; `previous` is the hash of the one before."""

    sequence: int
    at: datetime
    kind: str
    who: str
    subject: str
    digest: str
    content: Mapping[str, Any]
    previous: str
    hash: str = ""

    @classmethod
    def after(cls, sequence: int, previous: str, new: NewEntry) -> Self:
        """The entry that follows one of that sequence and hash."""
        told = (new.kind, new.who, new.subject, new.digest, dict(new.content))
        unsealed = cls(sequence + 1, new.at.astimezone(UTC), *told, previous)
        return cls(sequence + 1, unsealed.at, *told, previous, unsealed.seal)

    @property
    def seal(self) -> str:
        """The hash of everything else in the entry."""
        return digest_of({name: v for name, v in self.as_json().items() if name != "hash"})

    def as_json(self) -> dict[str, Any]:
        """The entry as plain values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**values, "at": self.at.astimezone(UTC).isoformat(timespec="microseconds")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote. Raises KeyError, TypeError or ValueError for what is none."""
        values = {name: data[name] for name in cls.__dataclass_fields__}
        if data.keys() != values.keys():
            message = f"it has other keys: {', '.join(sorted(data.keys() - values.keys()))}"
            raise ValueError(message)
        return cls(**{**values, "at": datetime.fromisoformat(data["at"])})


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of checking a chain: its length, its head, and everything that is wrong."""

    entries: int
    head: str
    problems: tuple[Problem, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(entries: Iterable[LogEntry], head: str = "") -> Verification:
    """Check a whole chain, from its first entry.

    With a `head` that was told earlier, also that the chain still goes through it: what was cut off
    at the end leaves no other trace.
    """
    problems: list[Problem] = []
    sequence, previous, count = 0, GENESIS, 0
    is_met = head in {"", GENESIS}
    for entry in entries:
        if len(problems) < _MOST_PROBLEMS:
            problems += _broken(entry, sequence, previous)
        sequence, previous, count = entry.sequence, entry.hash, count + 1
        is_met = is_met or entry.hash == head
    if not is_met:
        problems.append(
            Problem(
                f"no entry has the hash {head[:16]}…: entries were cut off or written anew",
                hint="compare with an export of that time: `mesh audit verify --file FILE`",
            )
        )
    return Verification(count, previous, tuple(problems))


def _broken(entry: LogEntry, sequence: int, previous: str) -> Iterable[Problem]:
    where = f"entry {entry.sequence}"
    if entry.seal != entry.hash:
        yield Problem("it is not as it was written", where)
    if entry.sequence > sequence + 1:
        missing = f"{sequence + 1}" if entry.sequence == sequence + 2 else f"{sequence + 1} to "
        missing += "" if entry.sequence == sequence + 2 else f"{entry.sequence - 1}"
        yield Problem(f"what came before it is missing: {missing}", where)
    elif entry.sequence <= sequence:
        yield Problem(f"it stands after entry {sequence}", where)
    elif entry.previous != previous:
        yield Problem("it does not follow the entry before it", where)
