"""The words of an evolution: a change, how it stands with each side, and the bump it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mesh.contracts.model import Version


class Standing(StrEnum):
    """How a change stands with one side.

    For consumers: `compatible` data is data that they were promised before; `risky` data may hold
    what they have not met yet; `breaking` takes away what they may build on. For producers: what is
    published and made today keeps the new contract, may keep it, or cannot.
    """

    COMPATIBLE = "compatible"
    RISKY = "risky"
    BREAKING = "breaking"


class Bump(StrEnum):
    """A step of a semantic version, the smallest first."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"

    def covers(self, other: Bump) -> bool:
        """Whether this step is at least the other."""
        return _BUMPS.index(self) >= _BUMPS.index(other)

    def of(self, version: Version) -> Version:
        """The version after this step."""
        return {
            Bump.NONE: version,
            Bump.PATCH: Version(version.major, version.minor, version.patch + 1),
            Bump.MINOR: Version(version.major, version.minor + 1, 0),
            Bump.MAJOR: Version(version.major + 1, 0, 0),
        }[self]

    @classmethod
    def between(cls, before: Version, after: Version) -> Bump:
        """The step that was made; none for a version that did not move, or moved back."""
        if after <= before:
            return cls.NONE
        if after.major > before.major:
            return cls.MAJOR
        return cls.MINOR if after.minor > before.minor else cls.PATCH


_STANDINGS = list(Standing)
_BUMPS = list(Bump)


def worst(standings: Iterable[Standing]) -> Standing:
    """The worst of several; compatible for none."""
    return max(standings, key=_STANDINGS.index, default=Standing.COMPATIBLE)


def least(bumps: Iterable[Bump]) -> Bump:
    """The least bump that covers several; none for none."""
    return max(bumps, key=_BUMPS.index, default=Bump.NONE)


class Kind(StrEnum):
    """What kind of change it is."""

    COLUMN_ADDED = "column added"
    COLUMN_REMOVED = "column removed"
    COLUMN_RENAMED = "column renamed"
    COLUMNS_REORDERED = "columns reordered"
    TYPE_WIDENED = "type widened"
    TYPE_NARROWED = "type narrowed"
    TYPE_CHANGED = "type changed"
    BECAME_NULLABLE = "became nullable"
    BECAME_REQUIRED = "became required"
    KEY_CHANGED = "key changed"
    RULE_ADDED = "rule added"
    RULE_REMOVED = "rule removed"
    RULE_TIGHTENED = "rule tightened"
    RULE_LOOSENED = "rule loosened"
    RULE_CHANGED = "rule changed"
    SEVERITY_RAISED = "severity raised"
    SEVERITY_LOWERED = "severity lowered"
    VALUES_ADDED = "values added"
    VALUES_REMOVED = "values removed"
    STRICTNESS_CHANGED = "strictness changed"
    CLASSIFICATION_RAISED = "classification raised"
    CLASSIFICATION_LOWERED = "classification lowered"
    UNIT_CHANGED = "unit changed"
    SEMANTICS_CHANGED = "semantics changed"
    LEVEL_ADDED = "service level added"
    LEVEL_REMOVED = "service level removed"
    LEVEL_TIGHTENED = "service level tightened"
    LEVEL_LOOSENED = "service level loosened"
    LEVEL_CHANGED = "service level changed"
    TERMS_CHANGED = "terms changed"
    PRICE_CHANGED = "price changed"
    ACCESS_WIDENED = "access widened"
    ACCESS_NARROWED = "access narrowed"
    DEPRECATED = "deprecated"
    NO_LONGER_DEPRECATED = "no longer deprecated"
    WRITE_CHANGED = "write mode changed"
    LAYOUT_CHANGED = "layout changed"
    INPUT_ADDED = "input added"
    INPUT_REMOVED = "input removed"
    INPUT_CHANGED = "input changed"
    CODE_CHANGED = "code changed"
    TERM_ADDED = "business term added"
    TERM_REMOVED = "business term removed"
    TERM_REDEFINED = "business term redefined"
    TERM_CHANGED = "business term changed"
    TERM_LINKED = "business term linked"
    TERM_UNLINKED = "business term unlinked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `before` and `after` are words; empty for what was not there.

    `column` is the name in the old contract, or in the new for one that was added; empty when the
    change is about the whole. `columns` are all that it touches, so that whoever reads one of them
    is hit; when empty, everyone is. `effect` ends a consumer's sentence: `wind_speed_mph, which
    would become nullable`. `rule` is the id, in the new contract, of what published rows can be
    held to; empty when no data is needed to tell. `proof` is what they were found to say.
    """

    kind: Kind
    column: str = ""
    columns: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    consumer: Standing = Standing.COMPATIBLE
    producer: Standing = Standing.COMPATIBLE
    bump: Bump = Bump.PATCH
    effect: str = ""
    reason: str = ""
    rule: str = ""
    proof: str = ""

    @property
    def is_breaking(self) -> bool:
        """Whether it breaks consumers."""
        return self.consumer is Standing.BREAKING

    @property
    def depends_on_data(self) -> bool:
        """Whether rows that are published already decide if the producer keeps it."""
        return bool(self.rule) and self.producer is Standing.RISKY

    @property
    def why(self) -> str:
        """The reason, and what published rows say of it, or that they were not asked."""
        told = self.proof or ("published rows decide" if self.depends_on_data else "")
        return f"{self.reason} ({told})" if told else self.reason

    @property
    def title(self) -> str:
        """The change in a line: `wind_speed_mph: type changed from float64 to string`."""
        subject = f"{self.column}: {self.kind}" if self.column else str(self.kind)
        if self.before and self.after:
            return f"{subject} from {self.before} to {self.after}"
        return f"{subject}: {self.before or self.after}" if self.before or self.after else subject

    def as_json(self) -> dict[str, Any]:
        """The change as plain values."""
        return {
            "kind": str(self.kind),
            "column": self.column,
            "columns": list(self.columns),
            "before": self.before,
            "after": self.after,
            "consumer": str(self.consumer),
            "producer": str(self.producer),
            "bump": str(self.bump),
            "effect": self.effect,
            "reason": self.reason,
            "rule": self.rule,
            "depends_on_data": self.depends_on_data,
            "proof": self.proof,
        }


@dataclass(frozen=True, slots=True)
class Evolution:
    """Everything that changed between two contracts, the gravest for consumers first."""

    before: Version
    after: Version
    changes: tuple[Change, ...] = ()

    @property
    def consumer(self) -> Standing:
        """The worst that it does to consumers."""
        return worst(change.consumer for change in self.changes)

    @property
    def producer(self) -> Standing:
        """The worst that it asks of the producer."""
        return worst(change.producer for change in self.changes)

    @property
    def needed(self) -> Bump:
        """The least bump that the changes ask for."""
        return least(change.bump for change in self.changes)

    @property
    def made(self) -> Bump:
        """The bump that was made."""
        return Bump.between(self.before, self.after)

    @property
    def is_bumped(self) -> bool:
        """Whether the bump that was made suffices. A version that moves back never does."""
        return self.after >= self.before and self.made.covers(self.needed)

    @property
    def wanted(self) -> Version:
        """The least version that the changes may be published under."""
        return max(self.after, self.needed.of(self.before))

    @property
    def unproven(self) -> tuple[Change, ...]:
        """Changes that published rows decide about."""
        return tuple(change for change in self.changes if change.depends_on_data)

    def as_json(self) -> dict[str, Any]:
        """The evolution as plain values."""
        return {
            "before": str(self.before),
            "after": str(self.after),
            "consumer": str(self.consumer),
            "producer": str(self.producer),
            "bump_needed": str(self.needed),
            "bump_made": str(self.made),
            "is_bumped": self.is_bumped,
            "version_wanted": str(self.wanted),
            "changes": [change.as_json() for change in self.changes],
        }


def gravest_first(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Changes by what they do to consumers, then to the producer, else as they come."""
    return tuple(
        sorted(
            changes,
            key=lambda c: (-_STANDINGS.index(c.consumer), -_STANDINGS.index(c.producer)),
        )
    )
