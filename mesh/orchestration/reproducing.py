"""A publication made again from exactly what it read, beside what it published.

Owns which versions are read, and when two results are the same: row by row where there is a key,
else as often as each row is there. Sums of floats may come out in another order, and differ in
their last digits: that is told apart from a difference. Writes nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from mesh.catalog.landed import receipt_of
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.errors import MeshError, NotPublishedError
from mesh.lake import Lake, Snapshot
from mesh.lake.changes import Unknown, changes
from mesh.lake.removed import require_readable
from mesh.orchestration.aside import Aside, judged
from mesh.orchestration.comparing import Comparison, Made, RowChanges, columns_of, compared
from mesh.products.declaration import DataProduct
from mesh.products.modes import ReplacePartitions, SlowlyChanging
from mesh.publishing.trial import Trial
from mesh.reading import PinnedInput, pin, referenced_values
from mesh.reading.incremental import as_read
from mesh.settings import Settings

_NEAR = 1e-9
"""Share of a value by which two sums of the same floats may differ."""
_TIMES = "_mesh_times"


class Outcome(StrEnum):
    """What came of making a publication again."""

    SAME = "same"
    ROUNDED = "same but for rounding"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A publication, and what making it again gave. `notes` are what may explain a difference."""

    receipt: Receipt
    outcome: Outcome
    rows: int
    compared: Comparison
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The reproduction as plain values."""
        return {
            "product": self.receipt.product,
            "version": self.receipt.table_version,
            "outcome": str(self.outcome),
            "is_same": self.outcome is not Outcome.DIFFERENT,
            "rows": self.rows,
            "inputs": [used.as_json() for used in self.receipt.inputs],
            "compared": self.compared.as_json(),
            "notes": list(self.notes),
        }


def reproduce(
    product: DataProduct, lake: Lake, settings: Settings, version: int | None = None
) -> Reproduction:
    """Run a product's transform on exactly the inputs of one of its publications.

    The latest publication by default. Raises MeshError for a version that no publication made, or
    whose inputs are others by now; VersionRemovedError where versions are gone; NotPublishedError,
    TransformError and what reading raises.
    """
    table = lake.table(product.id)
    receipt = _receipt(table.snapshot(version), str(product.id), is_asked=version is not None)
    require_readable(table, receipt.table_version)
    published = table.snapshot(receipt.table_version)
    pinned = _inputs(product, receipt, lake)
    read = {used.product: used.version for used in receipt.inputs}
    references, _ = referenced_values(product.contract, lake, read, own=str(product.id))
    with tempfile.TemporaryDirectory(prefix="mesh-reproduce-") as name:
        aside = Aside(product, Path(name), settings, run_id=receipt.run_id)
        frames = {port: item.scan() for port, item in pinned.items()}
        found, _ = aside.made(pinned, frames, receipt.partition)
        trial = Trial(
            product,
            product.contract,
            settings.publishing,
            references,
            tolerance=1.0,
            can_quarantine=True,
        )
        decided = judged(trial, found)
        notes = tuple(_notes(product, receipt))
        if decided.accepted is None:
            different = columns_of(found.rows(), published)
            return Reproduction(receipt, Outcome.DIFFERENT, 0, different, notes)
        rows = decided.accepted
        made = Made(rows, found.deleted, is_whole=receipt.write_mode == "overwrite")
        comparison, outcome = _Compared(product, made, published, receipt).result()
        count = decided.verdict.accepted
        if count != receipt.rows_accepted:
            told = f"it accepted {receipt.rows_accepted:,} rows, and made again {count:,}"
            outcome, notes = Outcome.DIFFERENT, (told, *notes)
        return Reproduction(receipt, outcome, count, comparison, notes)


def _receipt(snapshot: Snapshot, name: str, *, is_asked: bool) -> Receipt:
    """The receipt of a version, or of the latest that has one."""
    for commit in snapshot.commits():
        if (receipt := receipt_of(commit)) is not None:
            if receipt.replay is not None:
                what = f"version {commit.version} is a replay of rows that waited in quarantine"
                raise MeshError(what, where=name, hint="reproduce the publications before it")
            return receipt
        if is_asked:
            what = f"version {commit.version} was made by no publication: {commit.operation}"
            raise MeshError(what, where=name, hint=f"`mesh lineage {name} --version` names one")
    raise NotPublishedError("nothing is published yet", where=name)


def _inputs(product: DataProduct, receipt: Receipt, lake: Lake) -> Mapping[str, PinnedInput]:
    """Every input at the version that the receipt names."""
    used = {item.port: item for item in receipt.inputs if item.port}
    declared_now = {(port, declared.product) for port, declared in product.inputs.items()}
    if other := declared_now ^ {(port, item.product) for port, item in used.items()}:
        names = ", ".join(sorted({port for port, _ in other}))
        raise MeshError(
            f"its inputs are others by now than those of version {receipt.table_version}: {names}",
            where=str(product.id),
            hint="check out the code of that time: the receipt has its code version, "
            f"{receipt.code_version or 'which is not known'}",
        )
    return {
        port: as_read(pin(port, declared, _home(lake, item), version=item.version), item)
        for port, declared in product.inputs.items()
        for item in (used[port],)
    }


def _home(lake: Lake, used: InputVersion) -> Lake:
    """The lake that an input was read from."""
    if not used.environment:
        return lake.alone
    return next((other for other in lake.fallbacks if other.environment == used.environment), lake)


def _notes(product: DataProduct, receipt: Receipt) -> list[str]:
    notes = []
    if receipt.code_version != product.code_version:
        notes.append("its code is another by now than when it was published")
    if receipt.contract_digest != product.contract.digest:
        notes.append(f"its contract is another by now: it was {receipt.contract_version}")
    if not product.inputs:
        notes.append("it reads no product: what it fetches may have changed")
    return notes


@dataclass(frozen=True, slots=True)
class _Compared:
    """Rows that were made again, beside a version."""

    product: DataProduct
    made: Made
    published: Snapshot
    receipt: Receipt

    def result(self) -> tuple[Comparison, Outcome]:
        """What differs, and whether that is a difference."""
        hidden = self.product.contract.guarded_columns
        found = compared(self.product, self.made, self.published, hidden)
        if found.rows is None:
            return self._unkeyed(found)
        rows = found.rows
        removed = 0 if isinstance(self.product.write, SlowlyChanging) else rows.removed or 0
        if found.added or found.removed or found.retyped or rows.added or removed:
            return found, Outcome.DIFFERENT
        if not rows.changed:
            return found, Outcome.SAME
        return found, Outcome.ROUNDED if self._is_near(rows) else Outcome.DIFFERENT

    def _is_near(self, rows: RowChanges) -> bool:
        """Whether the columns that differ are floats which differ in their last digits alone."""
        schema = self.made.rows.collect_schema()
        if not all(schema[name].is_float() for name in rows.columns):
            return False
        key, names = list(rows.key), list(rows.columns)
        was = self.published.promised().select(*key, *(pl.col(n).alias(f"{n} was") for n in names))
        both = self.made.rows.select(*key, *names).join(was, on=key, nulls_equal=True)
        far = [
            ((pl.col(n) - pl.col(f"{n} was")).abs() > pl.col(n).abs() * _NEAR).fill_null(
                pl.col(n).is_null() != pl.col(f"{n} was").is_null()
            )
            for n in names
        ]
        return both.filter(pl.any_horizontal(far)).head(1).collect(engine="streaming").is_empty()

    def _unkeyed(self, found: Comparison) -> tuple[Comparison, Outcome]:
        """Rows without a key: each has to be there as often."""
        there = self._published_rows()
        if there is None:
            note = "which rows that version added cannot be told any more"
            return replace(found, notes=(note,)), Outcome.DIFFERENT
        if found.added or found.removed or found.retyped:
            return found, Outcome.DIFFERENT
        names = there.collect_schema().names()
        signed = pl.concat(
            [
                self.made.rows.select(*names, pl.lit(1).alias(_TIMES)),
                there.select(*names, pl.lit(-1).alias(_TIMES)),
            ]
        )
        times = pl.col(_TIMES)
        counts = signed.group_by(names).agg(times.sum())
        more, fewer = (
            counts.select(
                times.clip(lower_bound=0).sum(), (-times).clip(lower_bound=0).sum().alias("-")
            )
            .collect(engine="streaming")
            .row(0)
        )
        if not more and not fewer:
            return replace(found, notes=()), Outcome.SAME
        note = f"{more:,} rows were made that are not there, {fewer:,} are there and were not made"
        return replace(found, notes=(note,)), Outcome.DIFFERENT

    def _published_rows(self) -> pl.LazyFrame | None:
        """The rows that the publication wrote; None when that cannot be told."""
        there, mode = self.published.promised(), self.product.write
        if self.made.is_whole or not self.published.version:
            return there
        if isinstance(mode, ReplacePartitions):
            parts = self.made.rows.select(mode.by).unique()
            return there.join(parts, on=list(mode.by), how="semi", nulls_equal=True)
        columns = there.collect_schema().names()
        found = changes(self.published, self.published.version - 1, columns)
        return None if isinstance(found, Unknown) else found.added_rows(columns).select(columns)
