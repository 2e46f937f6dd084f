"""Who decides a matter: the decision rights of `organization.yaml`, and what holds without any.

Owns which right fits: the first in the file, then the defaults. Who the people are that a right
speaks of is `bodies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from mesh.contracts.model import GUARDED, Classification
from mesh.products.decision_rights import (
    Board,
    ChangeKind,
    ConsumerKind,
    DecidedBy,
    DecisionRight,
)
from mesh.products.domain import OrganizationManifest


@dataclass(frozen=True, slots=True)
class Matter:
    """What is to be decided, as far as decision rights ask. `consumers` are domains."""

    kind: ChangeKind
    classifications: frozenset[Classification] = frozenset()
    purpose: str = ""
    consumers: frozenset[str] = frozenset()
    consumer_kind: ConsumerKind | None = None

    def as_json(self) -> dict[str, Any]:
        """The matter as plain values."""
        return {
            "classifications": sorted(map(str, self.classifications)),
            "purpose": self.purpose,
            "consumers": sorted(self.consumers),
            "consumer_kind": str(self.consumer_kind or ""),
        }

    @classmethod
    def from_json(cls, kind: ChangeKind, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            kind,
            frozenset(map(Classification, data["classifications"])),
            data["purpose"],
            frozenset(data["consumers"]),
            ConsumerKind(data["consumer_kind"]) if data["consumer_kind"] else None,
        )


@dataclass(frozen=True, slots=True)
class Right:
    """Who decides. `source` says where that is written."""

    decided_by: DecidedBy
    board: str = ""
    source: str = ""

    @property
    def is_automatic(self) -> bool:
        """Whether nobody needs to decide."""
        return self.decided_by is DecidedBy.AUTOMATIC

    def __str__(self) -> str:
        """`owner and steward`, or `the board data_protection`."""
        words = str(self.decided_by).replace("_", " ")
        return f"the board {self.board}" if self.board else words


@dataclass(frozen=True, slots=True)
class Rights:
    """The decision rights of an organisation, and its boards by name."""

    rules: tuple[DecisionRight, ...] = ()
    boards: Mapping[str, Board] | None = None

    @classmethod
    def of(cls, manifest: OrganizationManifest) -> Self:
        """Those that an `organization.yaml` declares."""
        return cls(manifest.decision_rights, manifest.boards)

    def board(self, name: str) -> Board | None:
        """The board of a name; None for none."""
        return (self.boards or {}).get(name)

    def right_for(self, matter: Matter) -> Right:
        """Who decides a matter: the first right that fits, or the default."""
        for number, rule in enumerate(self.rules):
            if _fits(rule, matter):
                return Right(rule.decided_by, rule.board, f"decision_rights.{number}")
        return Right(_by_default(matter), source="default")


def _fits(rule: DecisionRight, matter: Matter) -> bool:
    asked = (
        (rule.classifications, bool(matter.classifications & {*rule.classifications})),
        (rule.purposes, any(_is_like(matter.purpose, told) for told in rule.purposes)),
        (rule.consumers, bool(matter.consumers & {*rule.consumers})),
        (rule.consumer_kinds, matter.consumer_kind in rule.consumer_kinds),
    )
    return matter.kind in rule.changes and all(fits for told, fits in asked if told)


def _is_like(purpose: str, pattern: str) -> bool:
    return fnmatchcase(same(purpose), same(pattern).replace("[", "[[]"))


def same(purpose: str) -> str:
    """A purpose as it is compared: without regard to case and spaces."""
    return " ".join(purpose.casefold().split())


def _by_default(matter: Matter) -> DecidedBy:
    if matter.kind is ChangeKind.BREAKING_CHANGE:
        return DecidedBy.OWNER
    if matter.kind is ChangeKind.WAIVER:
        return DecidedBy.OWNER_AND_STEWARD
    if matter.consumer_kind is ConsumerKind.PRODUCT:
        is_personal = Classification.PERSONAL in matter.classifications
        return DecidedBy.OWNER_AND_STEWARD if is_personal else DecidedBy.AUTOMATIC
    is_guarded = bool(matter.classifications & GUARDED)
    return DecidedBy.OWNER_AND_STEWARD if is_guarded else DecidedBy.OWNER
