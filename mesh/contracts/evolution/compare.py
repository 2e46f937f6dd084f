"""Two contracts, compared.

Owns the order of the comparison: columns are paired first, by name, declared rename or stable id,
so that a rule on a renamed column is compared with the same rule under the old name.
"""

from __future__ import annotations

from collections.abc import Iterator

from mesh.contracts.evolution.change import Bump, Change, Evolution, Kind, Standing, gravest_first
from mesh.contracts.evolution.columns import column_changes
from mesh.contracts.evolution.document import document_changes
from mesh.contracts.evolution.pairing import Pairing
from mesh.contracts.evolution.rules import rule_changes
from mesh.contracts.model import Contract


def compare(before: Contract, after: Contract) -> Evolution:
    """Everything that changed from one contract to another, classified for both sides."""
    return Evolution(before.version, after.version, gravest_first(_changes(before, after)))


def _changes(before: Contract, after: Contract) -> Iterator[Change]:
    if before == after:
        return
    pairing = Pairing.of(before, after)
    found = [
        *column_changes(before, after, pairing),
        *_key_changes(before, after, pairing),
        *rule_changes(before, after, pairing),
        *_whole_changes(before, after),
        *document_changes(before, after, pairing),
    ]
    if not found and before.document.get("schema") != after.document.get("schema"):
        found.append(
            Change(
                kind=Kind.SEMANTICS_CHANGED,
                reason="the rest of its document differs: tables of one document share its version",
            )
        )
    yield from found


def _key_changes(before: Contract, after: Contract, pairing: Pairing) -> Iterator[Change]:
    was, now = tuple(pairing.renamed(name) for name in before.key), after.key
    if was == now:
        return
    words = [f"({', '.join(key)})" if key else "" for key in (before.key, after.key)]
    old = tuple(name for name in before.key if name in before.column_names)
    rule = next((r.id for r in after.rules if r.check == "unique" and r.columns == now), "")
    if set(was) == set(now):
        yield Change(
            kind=Kind.KEY_CHANGED,
            columns=old,
            before=words[0],
            after=words[1],
            reason="the same columns are the key, in another order",
        )
    elif not was:
        yield Change(
            kind=Kind.KEY_CHANGED,
            columns=now,
            after=words[1],
            producer=Standing.RISKY,
            bump=Bump.MINOR,
            rule=rule,
            reason="rows get a key: consumers gain a promise, published rows may repeat it",
        )
    else:
        yield Change(
            kind=Kind.KEY_CHANGED,
            columns=old,
            before=words[0],
            after=words[1],
            consumer=Standing.BREAKING,
            producer=Standing.RISKY if now else Standing.COMPATIBLE,
            bump=Bump.MAJOR,
            effect=f"would have the key {words[1]}" if now else "would be a key no more",
            rule=rule,
            reason="one row stands for something else: joins by the old key may repeat rows",
        )


def _whole_changes(before: Contract, after: Contract) -> Iterator[Change]:
    if before.is_strict != after.is_strict:
        is_stricter = after.is_strict
        yield Change(
            kind=Kind.STRICTNESS_CHANGED,
            before="strict" if before.is_strict else "open",
            after="strict" if after.is_strict else "open",
            producer=Standing.RISKY if is_stricter else Standing.COMPATIBLE,
            bump=Bump.MINOR,
            reason="columns that are not named are refused"
            if is_stricter
            else "columns that are not named are let pass",
        )
    if before.name != after.name:
        yield Change(
            kind=Kind.SEMANTICS_CHANGED,
            before=before.name,
            after=after.name,
            reason="the contract is called otherwise; nothing is read by that name",
        )
    if before.description != after.description:
        yield Change(
            kind=Kind.SEMANTICS_CHANGED,
            before=before.description,
            after=after.description,
            reason="only the description of the whole differs",
        )
