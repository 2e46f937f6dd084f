"""The digest of a plan, and whether a plan still holds.

Owns how a digest is written: the digest of what was there, that of what would be, and that of the
published rows where a plan asked them, so that it tells by itself which of these moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.errors import MeshError
from mesh.products.state import MeshState, digest_of

_DIGEST = re.compile(r"(?P<before>[0-9a-f]{32})-(?P<after>[0-9a-f]{32})(-(?P<rows>[0-9a-f]{32}))?")

Parts = Mapping[str, Mapping[str, str]]
"""Digests by product or domain, and by part: `MeshState.parts`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a plan judged: the digest of each side, and of published rows; empty if not asked."""

    before: str
    after: str
    rows: str = ""

    @classmethod
    def parse(cls, text: str) -> Judged:
        """Read a plan's digest. Raises MeshError."""
        match = _DIGEST.fullmatch(text.strip())
        if match is None:
            raise MeshError(
                f"{text!r} is not the digest of a plan",
                hint="take it from the last line of `mesh plan`, or from `digest` in its JSON",
            )
        return cls(match["before"], match["after"], match["rows"] or "")

    @classmethod
    def of(cls, before: MeshState, after: MeshState) -> Judged:
        """The digests of two states as a plan judges them: without what neither could load."""
        unknown = before.unknown | after.unknown
        return cls(*(digest_of(s.without(unknown).parts) for s in (before, after)))

    def __str__(self) -> str:
        """As it is printed."""
        return "-".join(filter(None, (self.before, self.after, self.rows)))


def plan_digest(before: MeshState, after: MeshState) -> str:
    """The digest of exactly what a plan judged."""
    return str(Judged.of(before, after))


def moved_since(kept: Parts, now: Parts) -> Iterator[str]:
    """What is not as it was when its parts were kept, in words."""
    for name in sorted({*kept, *now}):
        if name not in kept:
            yield f"{name} is new"
        elif name not in now:
            yield f"{name} is gone"
        else:
            moved = [part for part in now[name] if now[name][part] != kept[name].get(part)]
            if moved:
                yield f"{name}: its {' and '.join(moved)} moved"
