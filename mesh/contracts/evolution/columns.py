"""Columns that were added, removed or renamed, or that promise something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mesh.contracts.evolution.change import Bump, Change, Kind, Standing
from mesh.contracts.evolution.pairing import Pairing
from mesh.contracts.model import Classification, Column, Contract
from mesh.errors import near_names

_CAREFUL = list(Classification)
"""Classifications, the least careful first."""


def column_changes(before: Contract, after: Contract, pairing: Pairing) -> Iterator[Change]:
    """What changed about columns by themselves; their rules and the key are told elsewhere."""
    new = {column.name: column for column in after.columns}
    added = [c.name for c in after.columns if c.name not in pairing.kept.values()]
    for column in before.columns:
        if column.name not in pairing.kept:
            yield _removed(column, added, after)
            continue
        now = new[pairing.kept[column.name]]
        if now.name != column.name:
            yield _renamed(column, now)
        for change in _altered(column, now, after):
            yield replace(change, column=column.name, columns=(column.name,))
    for name in added:
        yield _added(new[name])
    kept = [pairing.kept[name] for name in before.column_names if name in pairing.kept]
    if kept != [name for name in after.column_names if name in set(kept)]:
        yield Change(
            kind=Kind.COLUMNS_REORDERED,
            columns=tuple(before.column_names),
            reason="columns are read by name; only who counts them notices",
        )


def _added(column: Column) -> Change:
    is_required = not column.is_nullable
    rows = "published rows have no value for it" if is_required else "published rows are null in it"
    return Change(
        kind=Kind.COLUMN_ADDED,
        column=column.name,
        columns=(column.name,),
        after=f"{column.type}, {'not null' if is_required else 'nullable'}",
        producer=Standing.BREAKING,
        bump=Bump.MINOR,
        effect="would be there",
        reason=f"consumers read what they name; the transform has to make it, and {rows}",
    )


def _removed(column: Column, added: list[str], after: Contract) -> Change:
    near = near_names(column.name, added)
    hint = f"; if {near[0]} is it, say renamed_from={column.name!r}" if near else ""
    return Change(
        kind=Kind.COLUMN_REMOVED,
        column=column.name,
        columns=(column.name,),
        before=f"{column.type}, {'nullable' if column.is_nullable else 'not null'}",
        consumer=Standing.BREAKING,
        producer=Standing.BREAKING if after.is_strict else Standing.COMPATIBLE,
        bump=Bump.MAJOR,
        effect="would be gone",
        reason=f"whoever reads it cannot be built any more{hint}",
    )


def _renamed(column: Column, now: Column) -> Change:
    return Change(
        kind=Kind.COLUMN_RENAMED,
        column=column.name,
        columns=(column.name,),
        before=column.name,
        after=now.name,
        consumer=Standing.BREAKING,
        producer=Standing.BREAKING,
        bump=Bump.MAJOR,
        effect=f"would be called {now.name}",
        reason="whoever reads it by its old name cannot be built any more",
    )


def _altered(column: Column, now: Column, after: Contract) -> Iterator[Change]:
    if column.type != now.type:
        yield _retyped(column.type, now.type)
    if column.is_nullable != now.is_nullable:
        yield _nullability(now, after)
    if column.classification != now.classification:
        yield _reclassified(column.classification, now.classification)
    if column.unit != now.unit:
        yield _unit(column.unit, now.unit)
    if column.description != now.description:
        yield Change(
            kind=Kind.SEMANTICS_CHANGED,
            before=column.description,
            after=now.description,
            reason="only the description differs",
        )


def _retyped(before: str, after: str) -> Change:
    kind = _kind_of_type(before, after)
    if kind is Kind.TYPE_WIDENED:
        return Change(
            kind=kind,
            before=before,
            after=after,
            consumer=Standing.RISKY,
            bump=Bump.MINOR,
            effect=f"would become {after}",
            reason=f"every {before} fits, but values may come that fit into no {before}",
        )
    lost = "values of before may not fit" if kind is Kind.TYPE_NARROWED else "values are others"
    return Change(
        kind=kind,
        before=before,
        after=after,
        consumer=Standing.BREAKING,
        producer=Standing.BREAKING,
        bump=Bump.MAJOR,
        effect=f"would become {after}",
        reason=f"joins and comparisons with a {before} fail, and {lost}",
    )


def _kind_of_type(before: str, after: str) -> Kind:
    from mesh.contracts.arrow import arrow_type, why_not

    old, new = arrow_type(before), arrow_type(after)
    if not why_not(old, new):
        return Kind.TYPE_WIDENED
    return Kind.TYPE_CHANGED if why_not(new, old) else Kind.TYPE_NARROWED


def _nullability(now: Column, after: Contract) -> Change:
    if now.is_nullable:
        return Change(
            kind=Kind.BECAME_NULLABLE,
            before="not null",
            after="nullable",
            consumer=Standing.BREAKING,
            bump=Bump.MAJOR,
            effect="would become nullable",
            reason="consumers may meet nulls where none were promised",
        )
    rule = next(
        (r.id for r in after.rules if (r.check, r.columns) == ("not_null", (now.name,))), ""
    )
    return Change(
        kind=Kind.BECAME_REQUIRED,
        before="nullable",
        after="not null",
        producer=Standing.RISKY,
        bump=Bump.MINOR,
        rule=rule,
        effect="would be null no more",
        reason="consumers gain a promise; published rows may be null in it",
    )


def _reclassified(before: Classification, after: Classification) -> Change:
    is_raised = _CAREFUL.index(after) > _CAREFUL.index(before)
    return Change(
        kind=Kind.CLASSIFICATION_RAISED if is_raised else Kind.CLASSIFICATION_LOWERED,
        before=str(before),
        after=str(after),
        consumer=Standing.RISKY if is_raised else Standing.COMPATIBLE,
        producer=Standing.COMPATIBLE if is_raised else Standing.RISKY,
        bump=Bump.MINOR,
        effect=f"would be {after}",
        reason="consumers have to handle it more carefully, and some may not see it any more"
        if is_raised
        else "values that were guarded are shown to more people: the data steward decides",
    )


def _unit(before: str, after: str) -> Change:
    if not before:
        return Change(
            kind=Kind.UNIT_CHANGED, after=after, reason="the unit was not written down before"
        )
    if not after:
        return Change(
            kind=Kind.UNIT_CHANGED,
            before=before,
            consumer=Standing.RISKY,
            bump=Bump.MINOR,
            effect="would have no unit",
            reason="nobody can tell any more what the numbers stand for",
        )
    return Change(
        kind=Kind.UNIT_CHANGED,
        before=before,
        after=after,
        consumer=Standing.BREAKING,
        producer=Standing.BREAKING,
        bump=Bump.MAJOR,
        effect=f"would be in {after} instead of {before}",
        reason="the same number stands for something else, and nothing fails",
    )
