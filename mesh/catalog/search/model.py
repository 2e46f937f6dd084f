"""What a search finds, as values: hits with the reason, facets with counts, and where to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

EXTERNAL = "external"
"""The kind of a dataset that others report, which no contract governs."""
UNKNOWN = "unknown"
"""What stands for a facet that nothing tells of."""


class Facet(StrEnum):
    """By what hits are narrowed down and counted."""

    DOMAIN = "domain"
    OWNER = "owner"
    KIND = "kind"
    CLASSIFICATION = "classification"
    FRESHNESS = "freshness"
    QUALITY = "quality"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Match:
    """Why something was found: which field, a piece of its text, and where the words stand in it.

    `marks` are (start, end) positions in `text`. `is_guess` where a word was taken for a typing
    error.
    """

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]
    is_guess: bool = False

    def as_json(self) -> dict[str, Any]:
        """The reason as plain values."""
        return {**asdict(self), "marks": [list(mark) for mark in self.marks]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A product, or a dataset that others report, that was found.

    `key` is the product's name, or the dataset's `namespace#name`. `owner` is the
    team that answers for it. Times are UTC, `reads` are of the 30 days before it was last indexed,
    `completeness` is in [0, 1].
    """

    key: str
    name: str
    domain: str
    kind: str
    owner: str
    product_owner: str
    description: str
    classification: str
    freshness: str
    quality: str
    access: str
    published_at: datetime | None
    reads: int
    completeness: float
    matches: tuple[Match, ...] = ()

    @property
    def is_governed(self) -> bool:
        """Whether a contract holds for it."""
        return self.kind != EXTERNAL

    def as_json(self) -> dict[str, Any]:
        """The hit as plain values."""
        return {
            **asdict(self),
            "published_at": self.published_at.isoformat() if self.published_at else None,
            "is_governed": self.is_governed,
            "matches": [match.as_json() for match in self.matches],
        }


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many of what was found has a value. Counted as if nothing was chosen of its facet."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """A page of what was found, best first. `cursor` is where the next begins; empty at the end.

    `notes` tell what was done about a query that finds nothing as it stands.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[Facet, tuple[FacetCount, ...]] = field(repr=False)
    cursor: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The page as plain values."""
        return {
            "hits": [hit.as_json() for hit in self.hits],
            "total": self.total,
            "facets": {
                str(name): [asdict(item) for item in counts] for name, counts in self.facets.items()
            },
            "cursor": self.cursor,
            "notes": list(self.notes),
        }
