"""What a publication of some rows would change of the table: columns, rows, values by key.

Owns what is compared with what, by the write mode: a product that is overwritten with all of its
table, replaced partitions with these partitions, an upsert with the rows of its keys. On a slice of
the inputs nothing is said of rows that are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from mesh.contracts.arrow import name_of
from mesh.contracts.verdict import HIDDEN
from mesh.lake import Snapshot
from mesh.products.declaration import DataProduct
from mesh.products.modes import Append, Overwrite, ReplacePartitions, SlowlyChanging

EXAMPLES = 5
_WAS, _IS_HERE, _WAS_THERE, _DIFFERS = "_mesh_was", "_mesh_is_here", "_mesh_was_there", "_mesh_ne"


@dataclass(frozen=True, slots=True)
class Example:
    """One row that would change: its key, and what each column was and is; HIDDEN where guarded."""

    key: Mapping[str, Any]
    columns: Mapping[str, tuple[Any, Any]]

    def as_json(self) -> dict[str, Any]:
        """The row as plain values."""
        changed = {name: {"was": was, "is": now} for name, (was, now) in self.columns.items()}
        return {"key": dict(self.key), "columns": changed}


@dataclass(frozen=True, slots=True)
class RowChanges:
    """Rows by their key. `removed` is None where it cannot be said, or is not what would happen.

    `columns` says in how many of the changed rows each column differs.
    """

    key: tuple[str, ...]
    added: int
    changed: int
    same: int
    removed: int | None
    columns: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The counts as plain values."""
        return {
            "key": list(self.key),
            "added": self.added,
            "changed": self.changed,
            "same": self.same,
            "removed": self.removed,
            "columns": dict(self.columns),
            "examples": [example.as_json() for example in self.examples],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows that were made, beside what is published.

    `added`, `removed` and `retyped` are columns. `rows` is None where rows cannot be told apart, or
    were not looked at; `notes` say why. `environment` is that of the table when the product was not
    built in one's own.
    """

    table_version: int
    rows_published: int
    environment: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    rows: RowChanges | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain values."""
        return {
            "table_version": self.table_version,
            "environment": self.environment,
            "rows_published": self.rows_published,
            "columns_added": list(self.added),
            "columns_removed": list(self.removed),
            "columns_retyped": list(self.retyped),
            "rows": self.rows.as_json() if self.rows else None,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Made:
    """Rows that would be published, or all of them when they would be refused.

    `deleted` are keys that would be removed; None for no such. With `is_whole` the rows take the
    place of everything; `is_slice` when not all inputs were read; `has_key` when no two of them
    have one key.
    """

    rows: pl.LazyFrame
    deleted: pl.LazyFrame | None = None
    is_whole: bool = False
    is_slice: bool = False
    has_key: bool = True


def columns_of(made: pl.LazyFrame, published: Snapshot) -> Comparison:
    """What differs in columns alone."""
    now, was = made.collect_schema(), published.promised().collect_schema()
    return Comparison(
        table_version=published.version,
        rows_published=published.rows,
        added=tuple(name for name in now if name not in was),
        removed=tuple(name for name in was if name not in now),
        retyped=tuple(
            f"{name}: {_words(was, name)} to {_words(now, name)}"
            for name in now
            if name in was and now[name] != was[name]
        ),
    )


def _words(schema: pl.Schema, column: str) -> str:
    """A column's type in the contract's words."""
    empty = pl.DataFrame(schema={column: schema[column]})
    return name_of(empty.to_arrow().schema.field(column).type)


def compared(
    product: DataProduct, made: Made, published: Snapshot, hidden: frozenset[str]
) -> Comparison:
    """What would change, in columns and in rows. No value of `hidden` columns is told."""
    found = columns_of(made.rows, published)
    key, there = product.contract.key, published.promised().collect_schema().names()
    if not key:
        return replace(found, notes=("it has no key: rows cannot be told from each other",))
    if not set(key) <= set(there):
        return replace(found, notes=("what is published has not this key",))
    if not made.has_key:
        return replace(found, notes=("several rows have one key: rows are not compared",))
    rows = _Rows(product, made, published, hidden).changes()
    return replace(found, rows=rows, notes=tuple(_notes(product, made, rows)))


def _notes(product: DataProduct, made: Made, rows: RowChanges) -> list[str]:
    notes = []
    if made.is_slice:
        notes.append("made from a slice: what is missing in it is not told as removed")
        if rows.changed:
            notes.append("values that are made of several rows differ on a slice by themselves")
    taken = rows.changed + rows.same
    if isinstance(product.write, Append) and not made.is_whole and taken:
        notes.append(f"{taken:,} of its keys are in the table already: it would be refused")
    return notes


@dataclass(frozen=True, slots=True)
class _Rows:
    product: DataProduct
    made: Made
    published: Snapshot
    hidden: frozenset[str]

    def changes(self) -> RowChanges:
        key = list(self.product.contract.key)
        is_here, was_there = pl.col(_IS_HERE).is_not_null(), pl.col(_WAS_THERE).is_not_null()
        joined, values = self._joined(key)
        differs = {name: is_here & was_there & pl.col(_DIFFERS + name) for name in values}
        is_changed = pl.any_horizontal(differs.values()) if differs else pl.lit(value=False)
        counted = joined.select(
            (is_here & ~was_there).sum().alias("added"),
            (was_there & ~is_here).sum().alias("removed"),
            (is_here & was_there).sum().alias("both"),
            is_changed.sum().alias("changed"),
            *(expression.sum().alias(f"in {name}") for name, expression in differs.items()),
        )
        shown = joined.filter(is_changed).sort(key).head(EXAMPLES)
        counts, examples = pl.collect_all([counted, shown], engine="streaming")
        found = counts.row(0, named=True)
        return RowChanges(
            key=tuple(key),
            added=found["added"],
            changed=found["changed"],
            same=found["both"] - found["changed"],
            removed=self._removed(found["removed"], key),
            columns={name: found[f"in {name}"] for name in values if found[f"in {name}"]},
            examples=tuple(self._example(row, key, values) for row in examples.to_dicts()),
        )

    def _joined(self, key: list[str]) -> tuple[pl.LazyFrame, list[str]]:
        """Made and published rows side by side, and the columns that are compared."""
        now = self.made.rows.collect_schema()
        there = self.published.promised()
        mode = self.product.write
        ends = [mode.valid_to] if isinstance(mode, SlowlyChanging) else []  # Mesh works it out
        names = there.collect_schema().names()
        values = [name for name in now if name in names and name not in {*key, *ends}]
        was = self._concerned(there).select(
            *(pl.col(name).cast(now[name], strict=False) for name in key),
            *(pl.col(name).cast(now[name], strict=False).alias(_WAS + name) for name in values),
            pl.lit(value=True).alias(_WAS_THERE),
        )
        here = self.made.rows.select(*key, *values, pl.lit(value=True).alias(_IS_HERE))
        joined = here.join(was, on=key, how="full", coalesce=True, nulls_equal=True)
        unlike = [pl.col(n).ne_missing(pl.col(_WAS + n)).alias(_DIFFERS + n) for n in values]
        return joined.with_columns(unlike), values

    def _concerned(self, there: pl.LazyFrame) -> pl.LazyFrame:
        """The published rows that a publication could replace."""
        mode = self.product.write
        if isinstance(mode, ReplacePartitions) and not self.made.is_whole:
            by = list(mode.by)
            kinds = self.made.rows.collect_schema()
            typed = there.with_columns(pl.col(name).cast(kinds[name]) for name in by)
            parts = self.made.rows.select(by).unique()
            return typed.join(parts, on=by, how="semi", nulls_equal=True)
        return there

    def _removed(self, missing: int, key: list[str]) -> int | None:
        if self.made.is_slice:
            return None
        if self.made.is_whole or isinstance(self.product.write, Overwrite | ReplacePartitions):
            return missing
        if self.made.deleted is None:
            return 0
        gone = self.made.deleted.select(key).unique()
        stays = gone.join(self.made.rows.select(key), on=key, how="anti", nulls_equal=True)
        there = self.published.promised().select(key)
        found = there.join(stays, on=key, how="semi", nulls_equal=True).select(pl.len())
        count: int = found.collect(engine="streaming").item()
        return count

    def _example(self, row: Mapping[str, Any], key: list[str], values: list[str]) -> Example:
        def shown(name: str, value: Any) -> Any:
            return HIDDEN if name in self.hidden and value is not None else value

        changed = [name for name in values if row[_DIFFERS + name]]
        return Example(
            {name: shown(name, row[name]) for name in key},
            {n: (shown(n, row[_WAS + n]), shown(n, row[n])) for n in changed},
        )
