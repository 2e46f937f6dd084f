"""What changed about the words of a business: terms, what they mean, and what they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.contracts.evolution import Bump, Change, Kind, Standing

Term = Mapping[str, Any]
"""A term as plain values: `BusinessTerm.as_json`."""
_SAID = ("name", "synonyms", "broader", "related", "steward", "steward_email")


def glossary_changes(before: Mapping[str, Term], after: Mapping[str, Term]) -> Iterator[Change]:
    """What changed from the terms of a domain, by id, to those of it later."""
    for name in sorted({*before, *after}):
        if name not in before:
            yield _change(
                Kind.TERM_ADDED,
                after=f"{name}: {after[name]['definition']}",
                reason="a word more by which data is found and understood",
            )
        elif name not in after:
            yield _change(
                Kind.TERM_REMOVED,
                before=f"{name}: {before[name]['definition']}",
                consumer=Standing.RISKY,
                effect=f"would no longer have the word {name}",
                reason="nobody says any more what the word means",
            )
        else:
            yield from _between(name, before[name], after[name])
        yield from _links(name, before.get(name, {}), after.get(name, {}))


def _between(name: str, before: Term, after: Term) -> Iterator[Change]:
    if before["definition"] != after["definition"]:
        yield _change(
            Kind.TERM_REDEFINED,
            before=f"{name}: {before['definition']}",
            after=str(after["definition"]),
            consumer=Standing.RISKY,
            effect=f"would mean something else by {name}",
            reason="two people may no longer count the same",
        )
    for part in (part for part in _SAID if before.get(part) != after.get(part)):
        yield _change(
            Kind.TERM_CHANGED,
            before=f"{name} {part}: {_shown(before.get(part))}",
            after=_shown(after.get(part)),
            reason=f"only the term's {part.replace('_', ' ')} differs",
        )


def _links(name: str, before: Term, after: Term) -> Iterator[Change]:
    was, now = (set(term.get("applies_to") or ()) for term in (before, after))
    for target in sorted(now - was):
        yield _change(Kind.TERM_LINKED, after=f"{name} to {target}", reason="data is found by it")
    for target in sorted(was - now):
        told = f"{name} from {target}"
        yield _change(Kind.TERM_UNLINKED, before=told, reason="data is found by it no more")


def _change(kind: Kind, **words: Any) -> Change:
    """A change of a word asks no contract for a bump."""
    return Change(kind=kind, bump=Bump.NONE, **words)


def _shown(value: Any) -> str:
    told = ", ".join(value) if isinstance(value, list | tuple) else str(value or "")
    return told or "none"
