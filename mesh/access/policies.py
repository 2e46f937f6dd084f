"""Policies as values: each with its name, its reason and its place.

Owns the forms. How they are read is in `mesh.access.reading_policies`, what they come to in
`mesh.access.deciding`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Self

from mesh.access.model import Mask, PolicyNote
from mesh.errors import PolicyError, Problem
from mesh.products.policy_files import PolicyFile

BUILT_IN = "mesh/built_in.cedar"
"""Where the policies of every mesh are said to be."""
DECLARE = "declare"
"""The action of guardrails: what a product is declared to be."""
ACTIONS = ("read", "use", "publish", "see", "see_row", DECLARE)
_RESOURCES = {
    "Mesh::Port": ("read", "use", "publish"),
    "Mesh::Column": ("see",),
    "Mesh::Row": ("see_row",),
    "Mesh::Product": (DECLARE,),
}
"""The actions on each kind of resource."""
OPEN = frozenset({"see", "see_row", DECLARE})
"""Actions that are permitted from the start, and that others may only forbid."""


class Layer(StrEnum):
    """Who wrote a policy."""

    BUILT_IN = "built-in"
    ORGANIZATION = "organization"
    DOMAIN = "domain"


class Level(StrEnum):
    """What it means to break a guardrail."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. `body` is Cedar's JSON of it, with the condition that narrows a domain's."""

    id: str
    reason: str
    effect: str
    layer: Layer
    source: str
    text: str = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    domain: str = ""
    remedy: str = ""
    mask: Mask | None = None
    level: Level = Level.ERROR

    @property
    def is_forbid(self) -> bool:
        """Whether it takes away, and does not give."""
        return self.effect == "forbid"

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that its scope names; all of them when it names none."""
        return actions_of(self.body)

    @property
    def note(self) -> PolicyNote:
        """What is said of it where it had a say."""
        return PolicyNote(self.id, self.reason, self.source, self.remedy)


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies of a mesh: those of Mesh itself, the organisation's, then the domains'."""

    policies: tuple[Policy, ...]
    problems: tuple[Problem, ...] = ()

    def require_sound(self) -> Self:
        """The same. Raises PolicyError with every problem when there is one."""
        if self.problems:
            raise PolicyError(self.problems)
        return self

    @property
    def digest(self) -> str:
        """Equal for the same policies."""
        told = [[policy.id, str(policy.layer), policy.domain, policy.text] for policy in self]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def of_action(self, action: str) -> tuple[Policy, ...]:
        """The policies that have a say in an action."""
        return tuple(policy for policy in self if action in policy.actions)

    def policy(self, id_: str) -> Policy | None:
        """The policy of an id."""
        return next((policy for policy in self if policy.id == id_), None)

    def __iter__(self) -> Iterator[Policy]:
        return iter(self.policies)

    def __len__(self) -> int:
        return len(self.policies)


def layer_of(file: PolicyFile) -> Layer:
    """Who wrote a file."""
    if file.source == BUILT_IN:
        return Layer.BUILT_IN
    return Layer.DOMAIN if file.domain else Layer.ORGANIZATION


@cache
def built_in() -> PolicyFile:
    """The policies that hold in every mesh."""
    text = resources.files("mesh.access").joinpath("built_in.cedar").read_text(encoding="utf-8")
    return PolicyFile(BUILT_IN, text)


def actions_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The actions that a policy's scope allows for, in a fixed order."""
    scope = body["action"]
    named = {entity["id"] for entity in scope.get("entities", [scope.get("entity")]) if entity}
    on = _RESOURCES.get(body["resource"].get("entity_type", ""), ACTIONS)
    return tuple(a for a in ACTIONS if a in on and (scope["op"] == "All" or a in named))
