"""Incremental inputs: what changed since the version that a product last published from.

Owns the choice between changes and everything, so that a product is always what a run on everything
would have made. What was consumed is what this product's latest landed receipt says: a publication
that was refused or died consumed nothing. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from mesh.catalog.landed import landed_receipts, published_key
from mesh.catalog.receipts import InputVersion, Reading, Receipt
from mesh.errors import ChangesUnknownError, DefinitionError, MeshError
from mesh.lake import Lake, Snapshot
from mesh.lake.changes import Changes, Unknown, as_inserts, changes
from mesh.naming import CHANGE_COLUMNS, CHANGE_TYPE, COMMIT_VERSION, DELETE, INSERT
from mesh.products.declaration import DataProduct
from mesh.products.modes import Append, Upsert
from mesh.reading.snapshot import InputIncrement, PinnedInput

_ASKED = "it was asked for"


@dataclass(frozen=True, slots=True)
class Increments:
    """The inputs of one run, and what its publication has to know.

    `seen` is the version of the product's own table that was looked at. With `is_whole`, every
    incremental input is handed over as a whole, and the publication replaces what is there. With
    `unchanged`, there is nothing to do: it is the latest receipt.
    """

    inputs: Mapping[str, PinnedInput]
    seen: int | None = None
    is_whole: bool = False
    notes: tuple[str, ...] = ()
    unchanged: Receipt | None = None


def increments(
    product: DataProduct,
    lake: Lake,
    pinned: Mapping[str, PinnedInput],
    *,
    partition: str = "",
    is_full_refresh: bool = False,
) -> Increments:
    """Decide what each incremental input of a product hands over.

    Raises MeshError when a full refresh is asked of a product that keeps a history.
    """
    if is_full_refresh and product.write.name == "slowly_changing":
        raise MeshError(
            "a full refresh would lose the history that only this product has",
            where=str(product.id),
            hint="run it without --full-refresh",
        )
    own = lake.table(product.id).find()
    last = _last_consumption(product, own, partition)
    run = _Run(product, last, is_full_refresh=is_full_refresh, has_rows=own is not None)
    found = {port: run.found(item) for port, item in pinned.items() if item.input.incremental}
    if own is not None and last is not None and run.is_nothing_new(pinned, found):
        return Increments(pinned, own.version, unchanged=last)
    chosen = {port: run.chosen(pinned[port], what) for port, what in found.items()}
    is_whole = not run.keeps_rows and any(_is_all(item) for item in chosen.values())
    if is_whole:
        chosen = {port: run.whole(item) for port, item in chosen.items()}
    seen = own.version if own is not None else None
    notes = tuple(run.notes(chosen.values()))
    return Increments({**pinned, **chosen}, seen, is_whole, notes)


def as_read(pinned: PinnedInput, used: InputVersion) -> PinnedInput:
    """An incremental input as an earlier publication read it. Raises ChangesUnknownError."""
    if used.how is None:
        return pinned
    if used.how is Reading.ALL_ROWS or used.since is None:
        return _whole(pinned, used.reason)
    told = InputIncrement(changed_rows(pinned, used.since), used.how, used.table_id, used.since)
    return replace(pinned, increment=told)


def changed_rows(pinned: PinnedInput, since: int) -> pl.LazyFrame:
    """What changed in an input after a version. Raises ChangesUnknownError."""
    _require_free_names(pinned)
    snapshot = pinned.table.snapshot(pinned.version)
    found = changes(snapshot, since, pinned.columns)
    if isinstance(found, Unknown):
        raise ChangesUnknownError(
            f"what changed since version {since} cannot be told: {found.reason}",
            where=pinned.input.product,
            hint="read it as a whole",
        )
    if found.is_added_files:
        return found.added_rows(pinned.columns)
    return found.net_rows(pinned.columns, published_key(snapshot)).lazy()


def _last_consumption(product: DataProduct, own: Snapshot | None, partition: str) -> Receipt | None:
    """The latest receipt that tells of an input of this product; those of hand-made data do not."""
    if own is None:
        return None
    upstream = {port.product for port in product.inputs.values()}
    return next(
        (
            receipt
            for receipt in landed_receipts(own)
            if receipt.partition == partition
            and any(item.port and item.product in upstream for item in receipt.inputs)
        ),
        None,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a product with incremental inputs."""

    product: DataProduct
    last: Receipt | None
    is_full_refresh: bool
    has_rows: bool

    @property
    def _first(self) -> str:
        """Why a first run reads everything, where that takes the place of something."""
        is_replacing = self.has_rows and not self.keeps_rows
        return "what the product has was not made from it incrementally" if is_replacing else ""

    @property
    def keeps_rows(self) -> bool:
        """Whether the product keeps what a run on everything could not make again.

        A history of changes does; partitions are replaced one by one.
        """
        return not isinstance(self.product.write, Append | Upsert)

    @property
    def _follows_deletes(self) -> bool:
        write = self.product.write
        return self.keeps_rows or getattr(write, "delete_when", None) is not None

    def found(self, pinned: PinnedInput) -> Changes | Unknown:
        """What changed in an input since the last publication."""
        _require_free_names(pinned)
        before = self._consumed(pinned)
        if self.is_full_refresh:
            return Unknown(_ASKED)
        if self.last is None:
            return Unknown(self._first)
        if before is None or before.how is None:
            return Unknown("it was not read incrementally before")
        snapshot = pinned.table.snapshot(pinned.version)
        if before.environment != pinned.environment:
            there = pinned.environment or "this environment"
            return Unknown(f"it is read from {there} by now")
        if before.table_id != snapshot.table_id:
            return Unknown("its table was made anew")
        return changes(snapshot, before.version, pinned.columns)

    def is_nothing_new(
        self, pinned: Mapping[str, PinnedInput], found: Mapping[str, Changes | Unknown]
    ) -> bool:
        """Whether the same function would be called with the same again, and with no changes."""
        last = self.last
        return (
            last is not None
            and (last.contract_digest, last.code_version)
            == (self.product.contract.digest, self.product.code_version)
            and all(isinstance(what, Changes) and what.is_empty for what in found.values())
            and all(
                port in found or self._was_read(item) == (item.version, item.environment)
                for port, item in pinned.items()
            )
        )

    def chosen(self, pinned: PinnedInput, found: Changes | Unknown) -> PinnedInput:
        """The input with what it hands over: changes, where they are known and can be followed."""
        if isinstance(found, Unknown):
            return _whole(pinned, found.reason)
        if found.is_added_files:
            return _changed(pinned, found, found.added_rows(pinned.columns), Reading.ADDED_FILES)
        rows = found.net_rows(pinned.columns, published_key(found.snapshot))
        if why := self._why_not_followed(rows):
            return _whole(pinned, why)
        return _changed(pinned, found, rows.lazy(), Reading.CHANGES)

    def whole(self, pinned: PinnedInput) -> PinnedInput:
        """An input of a product that is made anew: as a whole, too."""
        return pinned if _is_all(pinned) else _whole(pinned, "another input was read as a whole")

    def notes(self, inputs: Iterable[PinnedInput]) -> Iterable[str]:
        """What whoever runs it should know."""
        for item in inputs:
            told = item.increment
            if told is not None and told.reason and told.reason != _ASKED:
                yield f"all rows of {item.input.product} were read: {told.reason}"
        last, product = self.last, self.product
        if last is None or self.is_full_refresh or any(_is_all(item) for item in inputs):
            return
        if (last.contract_digest, last.code_version) != (
            product.contract.digest,
            product.code_version,
        ):
            yield (
                "its code or contract changed, and rows of earlier runs are as they were made: "
                f"`mesh run {product.id} --full-refresh` makes them anew"
            )

    def _why_not_followed(self, rows: pl.DataFrame) -> str:
        """Why the product cannot do what its input did; empty when it can."""
        if isinstance(self.product.write, Append):
            lost, how = rows.filter(pl.col(CHANGE_TYPE) != INSERT), "changed or removed"
        elif not self._follows_deletes:
            lost, how = rows.filter(pl.col(CHANGE_TYPE) == DELETE), "removed"
        else:
            return ""
        if lost.is_empty():
            return ""
        versions = lost.get_column(COMMIT_VERSION).unique().sort().to_list()
        takes = "Append takes nothing back" if how != "removed" else "Upsert has no delete_when"
        return f"version {versions[0]} {how} rows, and {takes}"

    def _consumed(self, pinned: PinnedInput) -> InputVersion | None:
        told = self._told(pinned)
        return next((item for item in told if item.how is not None), next(iter(told), None))

    def _was_read(self, pinned: PinnedInput) -> tuple[int, str] | None:
        return next(((item.version, item.environment) for item in self._told(pinned)), None)

    def _told(self, pinned: PinnedInput) -> list[InputVersion]:
        inputs = self.last.inputs if self.last is not None else ()
        return [item for item in inputs if item.port and item.product == pinned.input.product]


def _is_all(pinned: PinnedInput) -> bool:
    return pinned.increment is not None and pinned.increment.how is Reading.ALL_ROWS


def _changed(pinned: PinnedInput, found: Changes, rows: pl.LazyFrame, how: Reading) -> PinnedInput:
    told = InputIncrement(rows, how, found.snapshot.table_id, since=found.since)
    return replace(pinned, increment=told)


def _whole(pinned: PinnedInput, reason: str) -> PinnedInput:
    """Every row of the pinned version, as an insert."""
    commit = pinned.table.commit_at(pinned.version)
    rows = as_inserts(
        pinned.table.scan(pinned.version).select(pinned.columns),
        pinned.version,
        commit.timestamp if commit is not None else None,
    )
    table_id = pinned.table.snapshot(pinned.version).table_id
    told = InputIncrement(rows, Reading.ALL_ROWS, table_id, reason=reason)
    return replace(pinned, increment=told)


def _require_free_names(pinned: PinnedInput) -> None:
    if taken := [name for name in pinned.columns if name in CHANGE_COLUMNS]:
        raise DefinitionError.of(
            f"{pinned.input.product} has a column {taken[0]!r} of its own, which is the name of "
            "what Delta tells of changes",
            where=f"input {pinned.port!r}",
            hint="leave it out of the input's columns, or read the input as a whole",
        )
