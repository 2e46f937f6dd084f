"""A read that shows exactly what policy lets its principal see.

Owns the barrier: rows that are not seen are left out, and values are masked, before anything that
others add is evaluated. `GovernedRead.scan` is such a barrier, too: a filter that somebody puts
after it never meets a hidden row, not even by raising at one. Decides nothing, and speaks no
protocol: every way to read a product that is served is built on it.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from mesh.access.model import Ask, MaskKind, View
from mesh.access.reads import Audit, ReadEntry, telling_refusals
from mesh.access.refusals import RefusalNote
from mesh.access.secret import MaskSecret, holder_of
from mesh.errors import AccessDeniedError, UnknownColumnError
from mesh.lake import Lake, Snapshot, Table
from mesh.lake.hot import HotGroups
from mesh.lake.moments import version_at
from mesh.lake.streaming import batches_of_frame
from mesh.lake.unreadable import naming_damage
from mesh.lake.versions import Versions
from mesh.naming import ProductId
from mesh.reading.counting import READS
from mesh.reading.ended import RetiredWarning
from mesh.reading.prepared import Facts, Prepared
from mesh.reading.read import opened
from mesh.reading.snapshot import PinnedInput, pinned_whole
from mesh.reading.whole import require_whole
from mesh.recent import Recent
from mesh.settings import Settings

_MOST_PRODUCTS, _MOST_VIEWS = 64, 1_024
"""Products, and of each the views of its latest version, that a server keeps ready."""


class Viewing(Protocol):
    """Decides what is seen."""

    def view(self, ask: Ask) -> View:
        """What the asking principal sees. Raises AccessDeniedError."""
        ...


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
    opening = Opening(settings)
    return opening.open(decider, ask, version=version, as_of=as_of, audit=audit)


class Opening:
    """The way from a decided view to a read. A server keeps one: what reads share, it keeps.

    Kept are versions of tables, views of them that are ready to be read, and what the log tells of
    them. Which version is the latest is looked for each time. Shared by threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lake = Lake.of(settings).alone
        self._versions = Versions(self._lake)
        self._hot = HotGroups(settings.serving.lookup_bytes)
        self._current: Recent[ProductId, _Current] = Recent(_MOST_PRODUCTS)

    def open(
        self,
        decider: Viewing,
        ask: Ask,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        audit: Audit | None = None,
    ) -> GovernedRead:
        """What somebody sees of a version. Raises what `open_governed` does."""
        with telling_refusals(audit, ask):
            view = decider.view(ask)
        if as_of is not None and version is None:
            version = version_at(self._lake.table(ask.port.id), as_of)
        with telling_refusals(audit, ask, view):
            found = self._of(view, version)
        if version is None and (end := found.end) is not None:
            warnings.warn(end.told(datetime.now(UTC)), RetiredWarning, stacklevel=3)
        return GovernedRead(found, ask, _Counted(self._settings, audit))

    def _of(self, view: View, version: int | None) -> Prepared:
        latest = self._versions.find_latest(view.port.id)
        if latest is None or version not in {None, latest.version}:
            pinned = opened(view.port.name, self._settings, version=version)
            return prepared(pinned, view, self._settings)
        return self._current_of(view.port.id, latest).of(view, self._settings, self._hot)

    def _current_of(self, product: ProductId, latest: Snapshot) -> _Current:
        """What is kept of the latest version; of those before, nothing any more."""
        known = self._current.find(product)
        if known is not None and known.pinned.opened is latest:
            return known
        self._hot.forget(latest.table_id, {file.path for file in latest.files})
        return self._current.keep(product, _Current(pinned_whole(str(product), latest)))


class _Current:
    """The latest version of a product, and views of it that are ready to be read."""

    def __init__(self, pinned: PinnedInput) -> None:
        self.pinned = pinned
        self._views: Recent[int, tuple[View, Prepared]] = Recent(_MOST_VIEWS)

    def of(self, view: View, settings: Settings, hot: HotGroups) -> Prepared:
        """A view of it. The same by being the same object: to compare what it says takes longer."""
        known = self._views.find(id(view))
        if known is None or known[0] is not view:
            known = view, prepared(self.pinned, view, settings, hot)
            self._views.keep(id(view), known)
        return known[1]


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


def prepared(
    pinned: PinnedInput, view: View, settings: Settings, hot: HotGroups | None = None
) -> Prepared:
    """A view that was decided, on an input that is pinned. Raises AccessDeniedError."""
    is_hashed = any(c.mask and c.mask.kind is MaskKind.HASH for c in view.columns)
    secret = MaskSecret.of(settings) if is_hashed else None
    key = secret.key_for(holder_of(view)) if secret else b""
    salt = (secret.id, holder_of(view)) if secret else ()
    return Prepared(pinned, view, key, salt, hot)


def govern(
    pinned: PinnedInput, view: View, *, ask: Ask, settings: Settings, audit: Audit | None = None
) -> GovernedRead:
    """The same of an input that is pinned already, and of a view that was decided."""
    with telling_refusals(audit, ask, view):
        return GovernedRead(prepared(pinned, view, settings), ask, audit)


class GovernedRead:
    """One version of a port, as one principal sees it. Holds no rows.

    `schema` is exactly that of the batches that are handed out. A column's metadata names its mask.
    """

    def __init__(self, prepared: Prepared, ask: Ask, audit: Audit | None) -> None:
        self.view = prepared.view
        self.version = prepared.pinned.version
        self.schema: pa.Schema = prepared.seen.schema
        self.columns: tuple[str, ...] = prepared.columns
        self._prepared = prepared
        self._ask = ask
        self._audit = audit

    @property
    def digest(self) -> str:
        """Names exactly what is handed out: the same rows and values for the same digest."""
        return self._prepared.digest

    @property
    def facts(self) -> Facts:
        """What is known of this version."""
        return self._prepared.facts

    @property
    def types(self) -> pl.Schema:
        """The types of the columns that are handed out, as Polars has them."""
        return self._prepared.types

    def whole_table(self) -> Table:
        """The table itself, for whoever sees every value that lies there, of every version.

        Raises AccessDeniedError for everybody else.
        """
        require_whole(self.view, self._prepared.snapshot)
        return self._prepared.pinned.table

    def _chosen(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        """Columns that are asked for. Of one that is hidden nothing is told, not even that."""
        for name in columns or ():
            if name not in self.columns:
                raise UnknownColumnError(name, self.columns, where=self.view.port.name)
        return self.columns if columns is None else tuple(columns)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Have the log tell of what is refused of what they see, within the block."""
        with telling_refusals(self._audit, self._ask, self.view):
            yield

    def refuse(self, what: str) -> NoReturn:
        """Refuse what somebody asks of what they see. Raises AccessDeniedError."""
        with self.refusing():
            raise AccessDeniedError(what, where=self.view.port.name)

    def lookup(self, values: Mapping[str, Any]) -> pl.DataFrame:
        """The rows that have these values, in columns that are seen as they are.

        Files and row groups that cannot have them are not read: unlike other conditions, such an
        equality cannot fail on a row that is not seen, so it needs no barrier.

        Raises UnknownColumnError for a column that is not seen, or seen behind a mask.
        """
        plain = [name for name in self.columns if name not in self._prepared.masked]
        for name in values:
            if name not in plain:
                raise UnknownColumnError(name, plain, where=self.view.port.name)
        with self._told(self.columns) as told:
            found = self._prepared.lookup(values)
            told.rows = found.height
        return found

    def scan(self) -> pl.LazyFrame:
        """What is seen, as a lazy frame to which anything may be added.

        Columns that are not needed are not read; filters are evaluated on what is seen.
        """
        return register_io_source(self._source, schema=self.types)

    def reader(
        self, *, limit: int | None = None, columns: Sequence[str] | None = None
    ) -> pa.RecordBatchReader:
        """What is seen, batch by batch; of `columns` only those, in that order."""
        chosen = self._chosen(columns)
        schema = pa.schema([self.schema.field(name) for name in chosen])
        batches = self._arrow_batches(chosen, schema, limit)
        return pa.RecordBatchReader.from_batches(schema, batches)

    def batches(
        self, columns: Sequence[str] | None = None, limit: int | None = None
    ) -> Generator[pl.DataFrame]:
        """What is seen, as frames of bounded size, in the table's order.

        One entry of the audit log is written when it ended, or was given up. Raises CatalogError
        before the first row where that cannot be.
        """
        chosen = self._chosen(columns)
        with self._told(chosen) as told:
            frame = self._prepared.seen.frame.select(chosen)
            for batch in batches_of_frame(frame if limit is None else frame.head(limit)):
                told.rows += batch.height
                yield batch

    @contextmanager
    def _told(self, columns: Sequence[str]) -> Iterator[_Told]:
        """A read of some columns, which is told of however it ends."""
        if self._audit is not None:
            self._audit.require_room()
        told, is_complete = _Told(datetime.now(UTC)), False
        try:
            with naming_damage(self._prepared.pinned.table, self.version):
                yield told
            is_complete = True
        finally:
            if self._audit is not None:
                self._audit.read(self._entry(columns, told, is_complete=is_complete))

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

    def _entry(self, columns: Sequence[str], told: _Told, *, is_complete: bool) -> ReadEntry:
        masked = self._prepared.masked
        return ReadEntry(
            principal=self._ask.principal,
            action=self._ask.action,
            port=self.view.port.name,
            purpose=self._ask.purpose,
            environment=self._ask.environment,
            version=self.version,
            columns=tuple(columns),
            masked=tuple(name for name in columns if name in masked),
            rows=told.rows,
            is_complete=is_complete,
            began_at=told.began_at,
            ended_at=datetime.now(UTC),
            agreement=self.view.agreement,
            policies=self._prepared.policies,
            policies_digest=self.view.policies_digest,
            view=self.digest,
        )


@dataclass(slots=True)
class _Told:
    """A read that goes on: when it began, and how many rows it has handed out."""

    began_at: datetime
    rows: int = 0


def _as_arrow(batch: pl.DataFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    table = batch.to_arrow(compat_level=pl.CompatLevel.oldest())
    yield from table.cast(schema).to_batches()
