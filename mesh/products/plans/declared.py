"""What changed about a product or a domain beside the contract: levels, terms, inputs, code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mesh.contracts.evolution import Bump, Change, Kind, Standing
from mesh.contracts.evolution.document import level_changes, term_change

_REACH = ("private", "protected", "public")
_LAYOUT = ("partition_by", "cluster_by", "partitions")
_WORDS = ("description", "tags")


def declared_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """What changed from one declaration of a product to another."""
    yield from level_changes(_levels(before), _levels(after))
    yield from _access(before.get("access", ""), after.get("access", ""))
    yield from _deprecation(before, after)
    yield from _writing(before, after)
    yield from _inputs(before.get("inputs", {}), after.get("inputs", {}))
    if before.get("schedule") != after.get("schedule"):
        yield Change(
            kind=Kind.LEVEL_CHANGED,
            before=f"schedule {before.get('schedule') or 'none'}",
            after=f"schedule {after.get('schedule') or 'none'}",
            bump=Bump.NONE,
            reason="it is made at other times; what it promises is told by its levels",
        )
    for name in (name for name in _WORDS if before.get(name) != after.get(name)):
        yield Change(
            kind=Kind.SEMANTICS_CHANGED,
            before=_shown(before.get(name)),
            after=_shown(after.get(name)),
            bump=Bump.NONE,
            reason=f"only the product's {name} differs",
        )
    if _code(before) != _code(after):
        yield Change(
            kind=Kind.CODE_CHANGED,
            bump=Bump.NONE,
            reason="its rows may be others, held to the same promises",
        )


def manifest_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """What changed from one `domain.yaml` to another."""
    was, now = before.get("terms") or {}, after.get("terms") or {}
    for name in ("usage", "limitations"):
        for change in term_change(name, was.get(name), now.get(name)):
            yield replace(change, bump=Bump.NONE)
    for name in sorted((set(before) | set(after)) - {"terms"}):
        if before.get(name) != after.get(name):
            yield Change(
                kind=Kind.SEMANTICS_CHANGED,
                before=f"{name}: {_shown(before.get(name))}",
                after=f"{name}: {_shown(after.get(name))}",
                bump=Bump.NONE,
                reason="who answers, or what is said of the domain, differs",
            )


def _levels(declaration: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Freshness, retention and tolerance as the standard writes service levels."""
    levels: list[Mapping[str, Any]] = []
    freshness = re.fullmatch(r"(\d+)\s*([smhdw])", declaration.get("freshness") or "")
    if freshness:
        levels.append({"property": "freshness", "value": int(freshness[1]), "unit": freshness[2]})
    if declaration.get("retention"):
        levels.append(declaration["retention"])
    levels.append({"property": "tolerance", "value": declaration.get("tolerance", 0.0)})
    return levels


def _access(before: str, after: str) -> Iterator[Change]:
    if before == after or not {before, after} <= set(_REACH):
        return
    is_wider = _REACH.index(after) > _REACH.index(before)
    yield Change(
        kind=Kind.ACCESS_WIDENED if is_wider else Kind.ACCESS_NARROWED,
        before=before,
        after=after,
        consumer=Standing.COMPATIBLE if is_wider else Standing.RISKY,
        producer=Standing.COMPATIBLE,
        bump=Bump.MINOR,
        effect=f"would be {after}",
        reason="more people may ask for it" if is_wider else "some may not read it any more",
    )


def _deprecation(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    was, now = (_end(declaration) for declaration in (before, after))
    if was == now:
        return
    if not now:
        yield Change(
            kind=Kind.NO_LONGER_DEPRECATED,
            before=was,
            bump=Bump.NONE,
            reason="consumers need not move",
        )
        return
    is_later = bool(was) and after.get("deprecated", "") > before.get("deprecated", "")
    yield Change(
        kind=Kind.DEPRECATED,
        before=was,
        after=now,
        consumer=Standing.COMPATIBLE if is_later else Standing.RISKY,
        bump=Bump.NONE,
        effect=f"would be deprecated from {now}",
        reason="consumers have longer to move" if is_later else "consumers have to move until then",
    )


def _end(declaration: Mapping[str, Any]) -> str:
    until, successor = declaration.get("deprecated"), declaration.get("successor")
    if not until:
        return ""
    return f"{until}, in favour of {successor}" if successor else str(until)


def _writing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    if before.get("write") != after.get("write"):
        yield Change(
            kind=Kind.WRITE_CHANGED,
            before=str(before.get("write")),
            after=str(after.get("write")),
            consumer=Standing.RISKY,
            bump=Bump.MINOR,
            effect=f"would be written by {after.get('write')}",
            reason="what a publication adds and removes is another, and so is what changes tell",
        )
    for name in (name for name in _LAYOUT if before.get(name) != after.get(name)):
        yield Change(
            kind=Kind.LAYOUT_CHANGED,
            before=f"{name}: {_shown(before.get(name))}",
            after=f"{name}: {_shown(after.get(name))}",
            bump=Bump.NONE,
            reason="files lie otherwise; what they hold is the same",
        )


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for port in sorted({*before, *after}):
        was, now = before.get(port), after.get(port)
        if was == now:
            continue
        is_new = was is None
        kind = Kind.INPUT_ADDED if is_new else Kind.INPUT_CHANGED if now else Kind.INPUT_REMOVED
        yield Change(
            kind=kind,
            before=_port(port, was),
            after=_port(port, now),
            bump=Bump.NONE,
            reason="it reads something else; what it promises is the same",
        )


def _port(name: str, port: Mapping[str, Any] | None) -> str:
    if port is None:
        return ""
    columns = port.get("columns")
    told = f"{name}: {port['product']}"
    told += f" ({', '.join(columns)})" if columns is not None else " (all columns)"
    told += ", incremental" if port.get("incremental") else ""
    return f"{told}, expects {_shown(port['expects'])}" if port.get("expects") else told


def _code(declaration: Mapping[str, Any]) -> tuple[Any, ...]:
    return declaration.get("code_version"), declaration.get("engine")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_shown(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value) or "none"
    return str(value) if value not in (None, "") else "none"
