"""Which rows are seen: policies over rows, compiled into one expression of Polars.

Owns the way from Cedar's JSON of a `forbid` on `see_row` to an expression, with what is known of
who asks put in. Rows are hidden where a policy forbids them and where it fails: Cedar would pass
over a policy that fails. What cannot be compiled is an error, and never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from mesh.access.cedar_values import Kind, Uid
from mesh.access.entities import context, principal_entity
from mesh.access.model import Action, Agreement, Ask, Port, Principal
from mesh.access.row_nodes import (
    Node,
    NotCompilableError,
    conjunction,
    denied,
    denied_joint,
    expression,
    flag,
    turned,
    words,
)
from mesh.access.row_terms import Known, Terms
from mesh.errors import AccessDeniedError
from mesh.products.domain import AttributeType

NO_ROW = "no row"
_ACTION = Uid("Mesh::Action", "see_row")


class RowPolicy(Protocol):
    """A policy: its id, and Cedar's JSON of it."""

    @property
    def id(self) -> str:
        """What names it."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """Cedar's JSON of it."""
        ...


@dataclass(frozen=True, slots=True)
class CompiledRows:
    """Rows that no policy hides. Two filters with one text show the same rows."""

    text: str
    expression: pl.Expr


def compiled_rows(
    policies: Iterable[RowPolicy], port: Port, known: Known
) -> tuple[CompiledRows | None, tuple[tuple[str, str], ...]]:
    """The filter of these policies, None for all rows; and what cannot be compiled, by policy."""
    seen: list[Node] = []
    problems: list[tuple[str, str]] = []
    for policy in policies:
        try:
            seen.append(_seen(policy.body, port, known))
        except NotCompilableError as error:
            problems.append((policy.id, f"it asks for {error}"))
        except RecursionError:
            problems.append((policy.id, "it is nested too deeply"))
    return _together(seen), tuple(problems)


def _seen(body: Mapping[str, Any], port: Port, known: Known) -> Node:
    """Whether a row is seen by one policy."""
    if body["effect"] != "forbid" or not _is_about(body, port, known):
        return flag(value=True)
    terms = Terms(port, known)
    hidden = flag(value=True)
    for condition in body.get("conditions", ()):
        found = terms.node(condition["body"])
        if condition["kind"] == "unless":
            found = terms.negated(found)
        hidden = conjunction(hidden, found)
    return _unhidden(hidden)


def _unhidden(hidden: Node) -> Node:
    if hidden.kind is not Kind.BOOL or hidden.error is True:
        return flag(value=False)
    if hidden.is_known:
        is_seen = False if hidden.value else turned(hidden.error)
        said = denied(hidden) if hidden.error is not False else hidden.text
        return flag(is_seen) if isinstance(is_seen, bool) else Node(Kind.BOOL, is_seen, said)
    seen = turned(hidden.value) if hidden.opposite is None else hidden.opposite
    if hidden.error is not False:
        seen = turned(hidden.error) & seen
    return Node(Kind.BOOL, seen, denied(hidden), joint=denied_joint(hidden))


def _together(seen: Sequence[Node]) -> CompiledRows | None:
    if any(node.is_known and not node.value for node in seen):
        return CompiledRows(NO_ROW, pl.lit(value=False))
    found = [node for node in seen if not node.is_known]
    if not found:
        return None
    if len(found) == 1:
        return CompiledRows(found[0].text, expression(found[0]))
    parts = {words(node, "and"): expression(node) for node in found}
    return CompiledRows(" and ".join(sorted(parts)), pl.all_horizontal(parts.values()))


def _is_about(body: Mapping[str, Any], port: Port, known: Known) -> bool:
    """Whether the scope of a policy holds for the rows of a port, and for who asks."""
    row = frozenset({Uid("Mesh::Port", port.name), Uid("Mesh::Domain", port.domain)})
    scopes = (
        (body["principal"], known.principal, known.parents),
        (body["action"], _ACTION, frozenset[Uid]()),
        (body["resource"], Uid("Mesh::Row", ""), row),
    )
    return all(_SCOPES[scope["op"]](scope, own, within) for scope, own, within in scopes)


def _named(scope: Mapping[str, Any]) -> list[Uid]:
    if "slot" in scope:
        message = "a template's slot"
        raise NotCompilableError(message)
    return [Uid.of(told) for told in scope.get("entities", [scope.get("entity")])]


def _is_one(scope: Mapping[str, Any], own: Uid, _: frozenset[Uid]) -> bool:
    (named,) = _named(scope)
    if own.type == named.type == "Mesh::Row":
        message = "one row by its name"
        raise NotCompilableError(message)
    return own == named


def _is_within(scope: Mapping[str, Any], own: Uid, within: frozenset[Uid]) -> bool:
    named = _named(scope)
    if own.type == "Mesh::Row" and any(uid.type == own.type for uid in named):
        message = "one row by its name"
        raise NotCompilableError(message)
    return any(uid == own or uid in within for uid in named)


def _is_of_type(scope: Mapping[str, Any], own: Uid, within: frozenset[Uid]) -> bool:
    inner = scope.get("in")
    is_within = inner is None or _is_within(inner, own, within)
    return bool(scope["entity_type"] == own.type and is_within)


_SCOPES: Mapping[str, Callable[[Mapping[str, Any], Uid, frozenset[Uid]], bool]] = {
    "All": lambda *_: True,
    "==": _is_one,
    "in": _is_within,
    "is": _is_of_type,
}


_SAMPLES: Mapping[AttributeType, Any] = {
    AttributeType.TEXT: "",
    AttributeType.NUMBER: 0,
    AttributeType.FLAG: False,
}


def row_filter(policies: Sequence[RowPolicy], ask: Ask) -> CompiledRows | None:
    """Which rows of the port are seen; None for all of them.

    Raises AccessDeniedError where a policy cannot be decided row by row.
    """
    known = Known.of(principal_entity(ask.principal), context(ask))
    found, problems = compiled_rows(policies, ask.port, known)
    if problems:
        told = "; ".join(f"policy {name}: {why}" for name, why in problems)
        raise AccessDeniedError(
            f"rows of {ask.port.name} cannot be told apart: {told}",
            where=ask.port.name,
            hint="`mesh policy check` names what is to be changed",
            policies=[name for name, _ in problems],
        )
    return found


def row_problems(
    policy: RowPolicy, port: Port, attributes: Mapping[str, AttributeType]
) -> tuple[str, ...]:
    """Why a policy cannot be decided on the rows of a port, whoever asks; empty when it can."""
    principal = Principal(
        "", attributes={name: _SAMPLES[kind] for name, kind in attributes.items()}
    )
    agreement = Agreement("", port.name, "", "", columns=())
    ask = Ask(principal, Action.READ, port, agreement=agreement, region="-")
    known = Known.of(principal_entity(principal), context(ask))
    _, problems = compiled_rows([policy], port, known)
    return tuple(why for _, why in problems)
