"""How completely a product is documented: a share that is computed, never typed.

Owns the formula. It asks for what a reader needs before using data, weighs each part, and names
what is missing. Whether a text is any good, it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mesh.contracts.model import Column

SHORTEST_DESCRIPTION = 20
"""Characters below which a description says nothing that the name did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What there is to be judged.

    `usage` is what the terms of use say, `terms` counts the glossary's terms that are linked to it.
    """

    description: str
    columns: Sequence[Column]
    owner: str = ""
    freshness: str = ""
    usage: str = ""
    tags: int = 0
    terms: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the score: its weight, the share of it that is there, and what is missing."""

    name: str
    weight: float
    share: float
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completeness:
    """The score in [0, 1] and the parts that it is the weighted sum of."""

    score: float
    parts: tuple[Part, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What to write next, the heaviest part first."""
        worst = sorted(self.parts, key=lambda part: -part.weight * (1 - part.share))
        return tuple(text for part in worst for text in part.missing)

    def as_json(self) -> dict[str, Any]:
        """The score, what to write next, and the parts, as plain values."""
        return {
            "score": self.score,
            "missing": list(self.missing),
            "parts": [{**asdict(part), "missing": list(part.missing)} for part in self.parts],
        }


def completeness(found: Documented) -> Completeness:
    """The weighted sum of the parts, rounded to hundredths.

    A part that asks for nothing, such as units where no column measures, counts as there.
    """
    parts = tuple(
        Part(name, weight, share, tuple(missing))
        for name, (weight, judge) in _PARTS.items()
        for share, missing in [judge(found)]
    )
    return Completeness(round(sum(part.weight * part.share for part in parts), 2), parts)


_Judged = tuple[float, Sequence[str]]


def _description(found: Documented) -> _Judged:
    return _there(len(found.description.strip()) >= SHORTEST_DESCRIPTION, "description")


def _columns(found: Documented) -> _Judged:
    named = [(column.name, bool(column.description.strip())) for column in found.columns]
    return _share(named, "description of column")


def _units(found: Documented) -> _Judged:
    named = [(column.name, bool(column.unit)) for column in found.columns if _measures(column)]
    return _share(named, "unit of column")


def _measures(column: Column) -> bool:
    """Whether it measures something; whole numbers may be codes or counts, so are not asked."""
    is_fraction = column.type.startswith(("float", "decimal"))
    return is_fraction and not column.is_key and not column.references


def _there(is_there: bool, name: str) -> _Judged:  # noqa: FBT001 -- the value that is judged
    return (1.0, ()) if is_there else (0.0, (name,))


def _share(named: Sequence[tuple[str, bool]], what: str) -> _Judged:
    missing = [f"{what} {name}" for name, is_there in named if not is_there]
    return (1 - len(missing) / len(named) if named else 1.0, missing)


_PARTS: Mapping[str, tuple[float, Callable[[Documented], _Judged]]] = {
    "description": (0.20, _description),
    "columns": (0.30, _columns),
    "units": (0.10, _units),
    "owner": (0.10, lambda found: _there(bool(found.owner), "owner")),
    "freshness": (0.10, lambda found: _there(bool(found.freshness), "freshness")),
    "usage": (0.10, lambda found: _there(bool(found.usage), "terms of use")),
    "terms": (0.05, lambda found: _there(found.terms > 0, "term of a glossary")),
    "tags": (0.05, lambda found: _there(found.tags > 0, "tags")),
}
