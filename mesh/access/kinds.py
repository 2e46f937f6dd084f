"""What policies can tell apart: kinds of people, of ports and of columns.

Owns which of them are alike for every policy, so that one of each may be asked about for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh.access.model import Port, Principal
from mesh.access.policies import Policies
from mesh.access.validating import attributes_of, entities_of
from mesh.contracts.model import Column


@dataclass(frozen=True, slots=True)
class Kinds:
    """Everything that policies name, every text in them, and the columns that rows are told by."""

    named: frozenset[tuple[str, str]]
    texts: frozenset[str]
    spoken: frozenset[str]

    @classmethod
    def of(cls, policies: Policies) -> Kinds:
        """What these policies can tell apart."""
        bodies = [policy.body for policy in policies]
        named = frozenset().union(*(entities_of(body) for body in bodies))
        texts = frozenset().union(*(_texts(body) for body in bodies))
        rows = (policy.body for policy in policies.of_action("see_row"))
        return cls(named, texts, frozenset().union(*(attributes_of(body) for body in rows)))

    def principals(self, port: Port, principals: Sequence[Principal]) -> Iterator[Principal]:
        """One of each kind of principal that some policy may treat otherwise than others."""
        kinds: dict[Any, Principal] = {}
        for who in principals:
            groups = [("Domain", d) for d in who.domains] + [("Role", r) for r in who.roles]
            key = (
                who.kind,
                port.domain in who.domains,
                who.name == port.name,
                frozenset(g for g in groups if (f"Mesh::{g[0]}", g[1]) in self.named),
                who.name if self._is_named(who.name) else "",
                tuple(sorted((n, str(v)) for n, v in who.attributes.items())),
                who.is_known,
            )
            kinds.setdefault(key, who)
        yield from kinds.values()

    def ports(self, ports: Sequence[Port]) -> list[list[Port]]:
        """Ports by their kind. Those that a policy names, or whose columns it does, stay apart."""
        kinds: dict[Any, list[Port]] = {}
        for port in ports:
            key = (
                port.access,
                tuple(sorted(port.tags.items())),
                frozenset(self._kind(port, column) for column in port.contract.columns),
                port.domain if self._is_named(port.domain) else "",
                port.name if self._is_named(port.name) else "",
                frozenset(self.spoken & {*port.contract.column_names}),
            )
            kinds.setdefault(key, []).append(port)
        return list(kinds.values())

    def columns(self, ports: Sequence[Port]) -> Mapping[str, list[tuple[Port, Column]]]:
        """One column of each kind, of the first of ports that are alike, and all like it."""
        kinds: dict[Any, list[tuple[Port, Column]]] = {}
        for port in ports:
            for column in port.contract.columns:
                kinds.setdefault(self._kind(port, column), []).append((port, column))
        return {alike[0][1].name: alike for alike in kinds.values()}

    def _kind(self, port: Port, column: Column) -> tuple[str, str]:
        """A column's classification, and its name if a policy names it."""
        is_named = self._is_named(column.name) or self._is_named(f"{port.name}.{column.name}")
        return str(column.classification), column.name if is_named else ""

    def _is_named(self, name: str) -> bool:
        return name in self.texts or any(id_ == name for _, id_ in self.named)


def _texts(body: Any) -> frozenset[str]:
    """Every text that a policy compares with."""
    found: set[str] = set()
    waiting = [body["conditions"]] if "conditions" in body else [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if isinstance(text := part.get("Value"), str):
                found.add(text)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return frozenset(found)
