"""A read that shows exactly what policy lets its principal see.

Owns the barrier: rows that are not seen are left out, and values are masked, before anything that
others add is evaluated. `GovernedRead.scan` is such a barrier, too: a filter that somebody puts
after it never meets a hidden row, not even by raising at one. Decides nothing, and speaks no
protocol: every way to read a product that is served is built on it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NoReturn, Protocol

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from mesh.access.model import Ask, MaskKind, View
from mesh.access.reads import Audit, ReadEntry, policies_of, telling_refusals
from mesh.access.refusals import RefusalNote
from mesh.access.secret import MaskSecret, holder_of
from mesh.catalog.landed import landed_receipts
from mesh.catalog.receipts import Receipt
from mesh.errors import AccessDeniedError, UnknownColumnError
from mesh.lake import Lake, Snapshot, Table
from mesh.lake.moments import version_at
from mesh.lake.streaming import batches_of_frame
from mesh.lake.unreadable import naming_damage
from mesh.reading.counting import READS
from mesh.reading.ended import RetiredWarning, end_of
from mesh.reading.read import opened
from mesh.reading.seen import Seen, seen_of
from mesh.reading.snapshot import PinnedInput
from mesh.reading.whole import require_whole
from mesh.settings import Settings


class Viewing(Protocol):
    """Decides what is seen."""

    def view(self, ask: Ask) -> View:
        """What the asking principal sees. Raises AccessDeniedError."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the version that is read, beside its rows. Times are UTC.

    `receipt` is the publication that made it what it is; None when nothing tells of one.
    """

    table_version: int
    table_id: str
    contract_version: str
    receipt: Receipt | None = field(default=None, repr=False)

    @property
    def published_at(self) -> datetime | None:
        """How fresh it is."""
        return self.receipt.published_at if self.receipt else None

    @property
    def verdict(self) -> str:
        """`passed`; `warned` where rules were broken that keep nothing out; or `rejected rows`."""
        if self.receipt is None:
            return "unknown"
        if self.receipt.rows_rejected:
            return "rejected rows"
        is_warned = any(str(tally.outcome) == "failed" for tally in self.receipt.tallies)
        return "warned" if is_warned else "passed"


def open_governed(
    decider: Viewing,
    ask: Ask,
    *,
    settings: Settings,
    version: int | None = None,
    as_of: datetime | None = None,
    audit: Audit | None = None,
) -> GovernedRead:
    """One version of a port as the asking principal sees it: the latest unless said otherwise.

    `as_of` is a moment, and stands for the version that was there. Of a retired product a
    `RetiredWarning` tells, as `mesh.read` does.

    Raises AccessDeniedError before anything is looked for, and when a mask or a filter cannot be
    put on this version; UnknownProductError, NotPublishedError and VersionRemovedError as
    `mesh.read`.
    """
    with telling_refusals(audit, ask):
        view = decider.view(ask)
    product = ask.port.name
    if as_of is not None and version is None:
        version = version_at(Lake.of(settings).alone.table(ask.port.id), as_of)
    pinned = opened(product, settings, version=version)
    found = govern(pinned, view, ask=ask, settings=settings, audit=_Counted(settings, audit))
    if version is None and (ended := end_of(pinned, is_latest=True)) is not None:
        warnings.warn(ended.told(datetime.now(UTC)), RetiredWarning, stacklevel=2)
    return found


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts what was read, by the columns that were, on its way into the log."""

    settings: Settings
    log: Audit | None

    def require_room(self) -> None:
        """Raise CatalogError as the log does."""
        if self.log is not None:
            self.log.require_room()

    def read(self, entry: ReadEntry) -> None:
        """Count one read, and keep its entry."""
        READS.note(self.settings, entry.port, entry.columns, consumer=entry.principal.name)
        if self.log is not None:
            self.log.read(entry)

    def refused(self, note: RefusalNote) -> None:
        """Keep the entry of what was refused, which is no read to count."""
        if self.log is not None:
            self.log.refused(note)


def govern(
    pinned: PinnedInput, view: View, *, ask: Ask, settings: Settings, audit: Audit | None = None
) -> GovernedRead:
    """The same of an input that is pinned already, and of a view that was decided."""
    is_hashed = any(c.mask and c.mask.kind is MaskKind.HASH for c in view.columns)
    secret = MaskSecret.of(settings) if is_hashed else None
    with telling_refusals(audit, ask, view):
        seen = seen_of(pinned, view, secret.key_for(holder_of(view)) if secret else b"")
    salt = (secret.id, holder_of(view)) if secret else ()
    return GovernedRead(pinned, view, ask, seen, salt, audit)


class GovernedRead:
    """One version of a port, as one principal sees it. Holds no rows.

    `schema` is exactly that of the batches that are handed out. A column's metadata names its mask.
    """

    def __init__(
        self,
        pinned: PinnedInput,
        view: View,
        ask: Ask,
        seen: Seen,
        salt: Sequence[str],
        audit: Audit | None,
    ) -> None:
        self.view = view
        self.version = pinned.version
        self.schema: pa.Schema = seen.schema
        self._pinned = pinned
        self._ask = ask
        self._seen = seen
        self._salt = salt
        self._audit = audit

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are handed out."""
        return tuple(self.schema.names)

    @cached_property
    def digest(self) -> str:
        """Names exactly what is handed out: the same rows and values for the same digest.

        Under another agreement, or another secret, a hashed column has other values.
        """
        table = self._snapshot.table_id
        told = [self.view.digest, table, self.version, self.columns, self._salt]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @cached_property
    def facts(self) -> Facts:
        """What is known of this version."""
        snapshot = self._snapshot
        receipt = next(landed_receipts(snapshot), None)
        contract = receipt.contract_version if receipt else str(self.view.port.contract.version)
        return Facts(self.version, snapshot.table_id, contract, receipt)

    @cached_property
    def _snapshot(self) -> Snapshot:
        return self._pinned.opened or self._pinned.table.snapshot(self.version)

    def whole_table(self) -> Table:
        """The table itself, for whoever sees every value that lies there, of every version.

        Raises AccessDeniedError for everybody else.
        """
        require_whole(self.view, self._snapshot)
        return self._pinned.table

    def _chosen(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        """Columns that are asked for. Of one that is hidden nothing is told, not even that."""
        for name in columns or ():
            if name not in self.columns:
                raise UnknownColumnError(name, self.columns, where=self.view.port.name)
        return self.columns if columns is None else tuple(columns)

    @property
    def types(self) -> pl.Schema:
        """The types of the columns that are handed out, as Polars has them."""
        return self._seen.types

    def refuse(self, what: str) -> NoReturn:
        """Refuse what somebody asks of what they see, with an entry of the log.

        Raises AccessDeniedError.
        """
        with telling_refusals(self._audit, self._ask, self.view):
            raise AccessDeniedError(what, where=self.view.port.name)

    def lookup(self, values: Mapping[str, Any]) -> pl.DataFrame:
        """The rows that have these values, in columns that are seen as they are.

        Files and row groups that cannot have them are not read: unlike other conditions, such an
        equality cannot fail on a row that is not seen, so it needs no barrier.

        Raises UnknownColumnError for a column that is not seen, or seen behind a mask.
        """
        masked = {column.name for column in self.view.columns if column.mask}
        plain = [name for name in self.columns if name not in masked]
        for name in values:
            if name not in plain:
                raise UnknownColumnError(name, plain, where=self.view.port.name)
        with closing(self.batches(equal=values)) as batches:
            return pl.concat([pl.DataFrame(schema=self.types), *batches])

    def scan(self) -> pl.LazyFrame:
        """What is seen, as a lazy frame to which anything may be added.

        Columns that are not needed are not read; filters are evaluated on what is seen.
        """
        return register_io_source(self._source, schema=self._seen.types)

    def reader(
        self, *, limit: int | None = None, columns: Sequence[str] | None = None
    ) -> pa.RecordBatchReader:
        """What is seen, batch by batch; of `columns` only those, in that order."""
        chosen = self._chosen(columns)
        schema = pa.schema([self.schema.field(name) for name in chosen])
        batches = self._arrow_batches(chosen, schema, limit)
        return pa.RecordBatchReader.from_batches(schema, batches)

    def batches(
        self,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        *,
        equal: Mapping[str, Any] | None = None,
    ) -> Generator[pl.DataFrame]:
        """What is seen, as frames of bounded size, in the table's order.

        One entry of the audit log is written when it ended, or was given up. Raises CatalogError
        before the first row where that cannot be.
        """
        chosen = self._chosen(columns)
        if self._audit is not None:
            self._audit.require_room()
        same = [pl.col(name) == pl.lit(value) for name, value in (equal or {}).items()]
        frame = (
            self._seen.frame.filter(same).select(chosen)
            if same
            else self._seen.frame.select(chosen)
        )
        began, rows, is_complete = datetime.now(UTC), 0, False
        try:
            with naming_damage(self._pinned.table, self.version):
                for batch in batches_of_frame(frame if limit is None else frame.head(limit)):
                    rows += batch.height
                    yield batch
            is_complete = True
        finally:
            if self._audit is not None:
                self._audit.read(self._entry(chosen, rows, began, is_complete=is_complete))

    def _arrow_batches(
        self, columns: Sequence[str], schema: pa.Schema, limit: int | None
    ) -> Iterator[pa.RecordBatch]:
        with closing(self.batches(columns, limit)) as batches:
            for batch in batches:
                yield from _as_arrow(batch, schema)

    def _source(
        self,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        limit: int | None,
        _batch_rows: int | None,
    ) -> Iterator[pl.DataFrame]:
        """What Polars asks of a source: columns, rows that a filter keeps, and how many at most."""
        wanted = self.columns if columns is None else tuple(columns)
        asked = predicate.meta.root_names() if predicate is not None else ()
        with closing(self.batches(tuple(dict.fromkeys((*wanted, *asked))), limit)) as batches:
            for batch in batches:
                kept = batch if predicate is None else batch.filter(predicate)
                yield kept.select(wanted)

    def _entry(
        self, columns: Sequence[str], rows: int, began: datetime, *, is_complete: bool
    ) -> ReadEntry:
        masked = {column.name for column in self.view.columns if column.mask}
        return ReadEntry(
            principal=self._ask.principal,
            action=self._ask.action,
            port=self.view.port.name,
            purpose=self._ask.purpose,
            environment=self._ask.environment,
            version=self.version,
            columns=tuple(columns),
            masked=tuple(name for name in columns if name in masked),
            rows=rows,
            is_complete=is_complete,
            began_at=began,
            ended_at=datetime.now(UTC),
            agreement=self.view.agreement,
            policies=policies_of(self.view),
            policies_digest=self.view.policies_digest,
            view=self.digest,
        )


def _as_arrow(batch: pl.DataFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    table = batch.to_arrow(compat_level=pl.CompatLevel.oldest())
    yield from table.cast(schema).to_batches()
