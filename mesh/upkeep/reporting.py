"""What upkeep would do to a table, or has done: values, the same for a plan and for a deed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from mesh.lake.removed import ranges


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work on one table.

    `files` and `bytes` are those that it rewrites or deletes, `rows` those that it removes.
    `paths` are the files that are deleted for good.
    """

    action: str
    part: str
    why: str
    files: int = 0
    bytes: int = 0
    rows: int = 0
    paths: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The work as plain values; versions as ranges."""
        return {
            "action": self.action,
            "part": self.part,
            "why": self.why,
            "files": self.files,
            "bytes": self.bytes,
            "rows": self.rows,
            "paths": list(self.paths),
            "versions": [list(pair) for pair in ranges(self.versions)],
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """Versions that stay readable, and what holds them."""

    part: str
    reason: str
    versions: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The reason as plain values; versions as ranges."""
        found = [list(pair) for pair in ranges(self.versions)]
        return {"part": self.part, "reason": self.reason, "versions": found}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one product: work, and versions that were kept with the reasons.

    `problem` says why it was left alone, if it was.
    """

    product: str
    works: tuple[Work, ...] = ()
    kept: tuple[Kept, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "product": self.product,
            "work": [work.as_json() for work in self.works],
            "kept": [kept.as_json() for kept in self.kept],
            "problem": self.problem,
        }


class Task(Protocol):
    """One kind of work on one table."""

    def plan(self) -> Iterable[Work]:
        """What there is to do; changes nothing."""

    def apply(self) -> Iterable[Work]:
        """Do it; says what was done."""


def in_words(versions: Iterable[int], *, at_most: int = 3) -> str:
    """Versions as people write them: `0 to 4, 7`."""
    found = [str(a) if a == b else f"{a} to {b}" for a, b in ranges(versions)]
    rest = len(found) - at_most
    shown = ", ".join(found[:at_most])
    return f"{shown} and {rest} more" if rest > 0 else shown
