"""How one column comes to be what it is because of another: OpenLineage's transformation subtypes.

Owns which of them are direct, and what two in a row amount to. Source: OpenLineage, facet
`columnLineage`, version 1-2-0.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Derivation(StrEnum):
    """What became of an upstream column: its value is in the result, or decides about it."""

    IDENTITY = "IDENTITY"
    TRANSFORMATION = "TRANSFORMATION"
    AGGREGATION = "AGGREGATION"
    JOIN = "JOIN"
    GROUP_BY = "GROUP_BY"
    FILTER = "FILTER"
    SORT = "SORT"
    WINDOW = "WINDOW"
    CONDITIONAL = "CONDITIONAL"

    @property
    def is_direct(self) -> bool:
        """Whether values are made from the column's values; else they depend on it otherwise."""
        return self in _DIRECT

    def then(self, later: Derivation) -> Derivation:
        """What a column is to the result of a second step, as `self` was to that of the first."""
        if not self.is_direct:
            return self
        if not later.is_direct:
            return later
        return max(self, later, key=_DIRECT.index)


_DIRECT = (Derivation.IDENTITY, Derivation.TRANSFORMATION, Derivation.AGGREGATION)

Origin = tuple[str, str, Derivation]
"""A column of an input or a product that another is made from, and how."""
Origins = frozenset[Origin]


def derived(origins: Origins | None, how: Derivation) -> Origins | None:
    """The origins of what is made from a column with these; None stays unknown."""
    if origins is None or how is Derivation.IDENTITY:
        return origins
    return frozenset((owner, column, before.then(how)) for owner, column, before in origins)


def deciding(origins: Origins | None, how: Derivation) -> Origins | None:
    """The origins of what decides about rows in this way, whatever was made of them before."""
    return None if origins is None else frozenset((owner, name, how) for owner, name, _ in origins)


def united(parts: Iterable[Origins | None]) -> Origins | None:
    """All origins together; unknown as soon as one part is."""
    found: set[Origin] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found)
