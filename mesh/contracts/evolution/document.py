"""What changed in the ODCS document around columns and rules: service levels, terms, and the rest.

Owns which way a service level is better. Values are compared as they are written: a level that
cannot be read as a number, a time or a day is another one, neither tighter nor looser.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.contracts.evolution.change import Bump, Change, Kind, Standing
from mesh.contracts.evolution.pairing import Pairing, properties
from mesh.contracts.model import Contract
from mesh.contracts.periods import SECONDS, UNITS

_LESS_IS_BETTER = frozenset(
    {
        "latency",
        "ly",
        "freshness",
        "frequency",
        "fy",
        "timetodetect",
        "timetonotify",
        "timetorepair",
        "errorrate",
        "generalavailability",
        "timeofavailability",
        "tolerance",
    }
)
_MORE_IS_BETTER = frozenset(
    {"retention", "availability", "throughput", "endofsupport", "endoflife"}
)
_TOLD = frozenset({"schema", "slaProperties", "price", "version", "description", "name"})
"""Parts of a document that are told by themselves, or with the contract."""


def document_changes(before: Contract, after: Contract, pairing: Pairing) -> Iterator[Change]:
    """What changed in the documents; nothing for contracts that were not written as ODCS."""
    old, new = before.document, after.document
    if old == new:
        return
    yield from level_changes(old.get("slaProperties"), new.get("slaProperties"))
    yield from _terms(old, new)
    if old.get("price") != new.get("price"):
        yield Change(
            kind=Kind.PRICE_CHANGED,
            before=_words(old.get("price")),
            after=_words(new.get("price")),
            consumer=Standing.RISKY,
            bump=Bump.MINOR,
            effect=f"would cost {_words(new.get('price')) or 'nothing'}",
            reason="consumers agreed to another price",
        )
    yield from _names(before, after, pairing)
    if old and new:
        names = sorted((set(old) | set(new)) - _TOLD)
        for name in (name for name in names if old.get(name) != new.get(name)):
            yield Change(
                kind=Kind.SEMANTICS_CHANGED,
                before=_words(old.get(name)),
                after=_words(new.get(name)),
                reason=f"`{name}` of the document differs; Mesh does not act on it",
            )


def level_changes(before: Any, after: Any) -> Iterator[Change]:
    """What changed between two lists of ODCS service levels."""
    old, new = _levels(before), _levels(after)
    for key in sorted(set(old) | set(new)):
        was, now = old.get(key), new.get(key)
        if was is None or now is None:
            yield _level(key, was, now, better=was is None)
        elif was != now:
            direction = _direction(key[0], was, now)
            if direction is not None or _measure(was) != _measure(now):
                yield _level(key, was, now, better=direction)


def _level(
    key: tuple[str, str], was: Mapping[str, Any] | None, now: Any, *, better: bool | None
) -> Change:
    kind = {True: Kind.LEVEL_TIGHTENED, False: Kind.LEVEL_LOOSENED, None: Kind.LEVEL_CHANGED}
    name = f"{key[0]} of {key[1]}" if key[1] else key[0]
    chosen = (
        Kind.LEVEL_ADDED if was is None else Kind.LEVEL_REMOVED if now is None else kind[better]
    )
    return Change(
        kind=chosen,
        before=f"{name} {_shown(was)}" if was else "",
        after=f"{name} {_shown(now)}" if now else "",
        consumer=Standing.COMPATIBLE if better else Standing.RISKY,
        producer=Standing.COMPATIBLE if better is False else Standing.RISKY,
        bump=Bump.MINOR,
        effect=f"would promise {name} {_shown(now)}" if now else f"would promise no {name}",
        reason="consumers are promised more, and the producer has to keep it"
        if better
        else "consumers are promised less than they count on",
    )


def _levels(found: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    items = [i for i in found if isinstance(i, Mapping)] if isinstance(found, list) else []
    return {(str(i.get("property", "")), str(i.get("element") or "")): i for i in items}


def _direction(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool | None:
    """Whether a level got better for consumers; None for no telling."""
    old, new = _measure(was), _measure(now)
    plain = name.lower().replace("_", "").replace("-", "")
    if type(old) is not type(new) or old == new or isinstance(old, str):
        return None
    if plain in _LESS_IS_BETTER:
        return bool(new < old)
    return bool(new > old) if plain in _MORE_IS_BETTER else None


def _measure(level: Mapping[str, Any]) -> Any:
    """A level as what can be compared: a number of seconds, another number, a moment, or a text."""
    value, unit = level.get("value"), str(level.get("unit") or "").lower()
    try:
        number = float(str(value))
    except ValueError:
        try:
            return datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            return _words([value, unit])
    return number * SECONDS[UNITS[unit]] if unit in UNITS else number


def seconds_of(level: Mapping[str, Any]) -> float | None:
    """A level that is a time, in seconds; days where no unit is given. None for anything else."""
    unit = str(level.get("unit") or "d").strip().lower()
    try:
        return float(str(level.get("value"))) * SECONDS[UNITS[unit]]
    except (ValueError, KeyError):
        return None


def _shown(level: Mapping[str, Any] | None) -> str:
    found = level or {}
    return f"{found.get('value', '')}{found.get('unit') or ''}"


def _terms(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    was, now = old.get("description"), new.get("description")
    was, now = (d if isinstance(d, Mapping) else {"purpose": d} for d in (was, now))
    for name in ("usage", "limitations"):
        yield from term_change(name, was.get(name), now.get(name))
    rest = sorted((set(was) | set(now)) - {"usage", "limitations"})
    for name in (name for name in rest if (was.get(name) or "") != (now.get(name) or "")):
        yield Change(
            kind=Kind.SEMANTICS_CHANGED,
            before=_words(was.get(name)),
            after=_words(now.get(name)),
            reason=f"only `description.{name}` differs",
        )


def term_change(name: str, before: Any, after: Any) -> Iterator[Change]:
    """The change of one term of use, if there is one."""
    if (before or "") != (after or ""):
        yield Change(
            kind=Kind.TERMS_CHANGED,
            before=f"{name}: {_words(before)}" if before else "",
            after=f"{name}: {_words(after)}" if after else "",
            consumer=Standing.RISKY,
            bump=Bump.MINOR,
            effect=f"would have other terms ({name}: {_words(after) or 'none'})",
            reason="what consumers do with it may not be what it may be used for",
        )


def _names(before: Contract, after: Contract, pairing: Pairing) -> Iterator[Change]:
    old, new = properties(before), properties(after)
    for name, renamed in pairing.kept.items():
        was = _words(old.get(name, {}).get("businessName"))
        now = _words(new.get(renamed, {}).get("businessName"))
        if was != now:
            yield Change(
                kind=Kind.SEMANTICS_CHANGED,
                column=name,
                columns=(name,),
                before=was,
                after=now,
                reason="only the business name differs",
            )


def _words(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
