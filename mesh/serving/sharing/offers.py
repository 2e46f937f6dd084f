"""The files that a client is given for a view of a version: the table's own, or a governed copy.

Owns which of the two. The table's own files are handed out only where the view shows all there is
in them: every row, every column that this version has, unmasked. Everything else is a copy of what
`mesh.reading.governed` shows.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from mesh.access.reads import telling_refusals
from mesh.catalog.receipts import Reading
from mesh.contracts.arrow import normal_type, stored_type
from mesh.lake import Snapshot, Table
from mesh.lake.described import Described, metadata_of, protocol_of, schema_json
from mesh.lake.store import LocalStore, Store
from mesh.lake.table import LOGICAL_TYPE
from mesh.products.ports import Input
from mesh.reading.governed import GovernedRead, govern
from mesh.reading.snapshot import InputIncrement, PinnedInput
from mesh.recent import Recent
from mesh.serving.sharing.copies import CopiedFile, Copies, Copy, CopyKey
from mesh.serving.sharing.formats import Format, file_tails
from mesh.serving.sharing.governing import Decided
from mesh.serving.sharing.grants import Signer
from mesh.settings import Settings

ROWS = "rows"
_MOST, _MOST_COPIED = 16, 64
"""Offers that are kept: those of tables' own files take tens of megabytes for ten thousand each."""
_SPACE = uuid.UUID("0b3c8a52-8f0e-4a8b-8f6d-5a4a2a2c7f10")


@dataclass(slots=True)
class Offer:
    """Files of a version, with an id each. `table` is the one that they lie in; None for a copy.

    `scope` is the id of the product's table, and the version.
    """

    described: Described
    store: Store
    identities: list[str]
    digest: str
    scope: tuple[str, int]
    table: Table | None = None
    _names: list[bytes] = field(default_factory=list)
    _tails: dict[Format, list[bytes]] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[bytes]:
        """The ids as they are sent."""
        if not self._names:
            self._names = [identity.encode() for identity in self.identities]
        return self._names

    def tails(self, chosen: Format) -> list[bytes]:
        """What follows the URL in the lines of the files, written once."""
        if chosen not in self._tails:
            columns = ("partition", "size", "modified", "stats")
            files = {name: self.described.files[name].to_list() for name in columns}
            self._tails[chosen] = file_tails(self.identities, files, chosen)
        return self._tails[chosen]

    def file(self, identity: str) -> tuple[str, int] | None:
        """Path and size of a file; None when there is none with that id."""
        if not self._places:
            self._places = {known: at for at, known in enumerate(self.identities)}
        if (at := self._places.get(identity)) is None:
            return None
        files = self.described.files
        return files["path"][at], files["size"][at]


class Offers:
    """What is offered of the versions of a lake. Shared by threads."""

    def __init__(self, settings: Settings, copies: Copies, signer: Signer) -> None:
        self._settings = settings
        self._copies = copies
        self._signer = signer
        self._direct: Recent[tuple[str, str, int], Offer] = Recent(_MOST)
        self._copied: Recent[tuple[CopyKey, Copy], Offer] = Recent(_MOST_COPIED)

    def of(self, decided: Decided, snapshot: Snapshot) -> Offer:
        """The files for a view of a version; a copy is made if there is none yet."""
        if is_direct(decided, snapshot):
            return self._own(decided, snapshot)
        read = self.governed(decided, snapshot)
        key = CopyKey(decided.ask.port.name, snapshot.table_id, snapshot.version, read.digest)
        return self.of_copy(key, self._copies.of(key, lambda folder: _copied(read, folder)))

    def digest(self, decided: Decided, snapshot: Snapshot) -> str:
        """Names what is shown of a version: links made for another are good no more."""
        if is_direct(decided, snapshot):
            return decided.view.digest
        return self.governed(decided, snapshot).digest

    def described(self, decided: Decided, snapshot: Snapshot) -> Described:
        """What there is to say of a view of a version without looking at a row."""
        if is_direct(decided, snapshot):
            return snapshot.described
        read = self.governed(decided, snapshot)
        return _described(
            _identity(snapshot.table_id, read.digest), snapshot.version, stored_json(read.schema)
        )

    def of_copy(self, key: CopyKey, copy: Copy) -> Offer:
        """The files of a copy."""
        found = self._copied.find((key, copy))
        return found or self._copied.keep((key, copy), self._of_copy(key, copy))

    def governed(
        self, decided: Decided, snapshot: Snapshot, rows: pl.LazyFrame | None = None
    ) -> GovernedRead:
        """A view of a version, or of some of its `rows`."""
        found = pinned(decided, snapshot, rows)
        with telling_refusals(decided.log, decided.ask, decided.view):
            return govern(found, decided.view, ask=decided.ask, settings=self._settings)

    def _own(self, decided: Decided, snapshot: Snapshot) -> Offer:
        key = (decided.ask.port.name, snapshot.table_id, snapshot.version)
        if (found := self._direct.find(key)) is not None:
            return found
        files = snapshot.described.files
        scope = f"{decided.ask.port.name}\n{snapshot.table_id}"
        named = zip(files["path"].to_list(), files["size"].to_list(), strict=True)
        identities = self._signer.identities(scope, named)
        table = snapshot.table
        place = (snapshot.table_id, snapshot.version)
        offer = Offer(
            snapshot.described, table.store, identities, decided.view.digest, place, table
        )
        return self._direct.keep(key, offer)

    def _of_copy(self, key: CopyKey, copy: Copy) -> Offer:
        described = _described(
            _identity(key.table_id, key.digest), key.version, copy.schema, copy.files
        )
        scope = f"{key.product}\n{key.name}"
        identities = self._signer.identities(scope, ((f.name, f.size) for f in copy.files))
        place = (key.table_id, key.version)
        return Offer(described, LocalStore(copy.folder), identities, key.digest, place)


def is_direct(decided: Decided, snapshot: Snapshot) -> bool:
    """Whether the table's own files hold just what is seen.

    An earlier version may have columns that the contract of today, which policy speaks of, has not.
    """
    seen = {column.name for column in decided.view.columns}
    return decided.view.is_whole and set(snapshot.schema.names) <= seen


def pinned(decided: Decided, snapshot: Snapshot, rows: pl.LazyFrame | None = None) -> PinnedInput:
    """A version as an input; with `rows`, these in place of its own."""
    columns = tuple(snapshot.schema.names)
    told = None if rows is None else InputIncrement(rows, Reading.CHANGES, snapshot.table_id)
    return PinnedInput(
        port="sharing",
        input=Input(decided.ask.port.name),
        table=snapshot.table,
        version=snapshot.version,
        columns=columns,
        increment=told,
        opened=snapshot,
    )


def stored_json(schema: pa.Schema) -> str:
    """Columns as a copy has them, in Delta's JSON: all may be null, durations are microseconds."""
    fields = []
    for field_ in schema:
        logical = normal_type(field_.type)
        stored = stored_type(logical)
        said = dict(field_.metadata or {})
        if stored != logical:
            said[LOGICAL_TYPE] = b"duration"
        fields.append(pa.field(field_.name, stored, nullable=True, metadata=said))
    return schema_json(pa.schema(fields))


def write_rows(frame: pl.LazyFrame, file: Path) -> CopiedFile:
    """Rows as a file of a copy, on disk when this returns."""
    durations = [
        pl.col(name).dt.total_microseconds()
        for name, kind in frame.collect_schema().items()
        if isinstance(kind, pl.Duration)
    ]
    frame.with_columns(durations).sink_parquet(file, compression="zstd", sync_on_close="all")
    rows = pl.scan_parquet(file).select(pl.len()).collect().item()
    return CopiedFile(file.name, file.stat().st_size, rows)


def _copied(read: GovernedRead, folder: Path) -> tuple[Sequence[CopiedFile], str]:
    return [write_rows(read.scan(), folder / "rows.parquet")], stored_json(read.schema)


def _described(
    identity: str, version: int, schema: str, files: Sequence[CopiedFile] = ()
) -> Described:
    told = {
        "path": [file.name for file in files],
        "size": [file.size for file in files],
        "rows": [file.rows for file in files],
        "modified": [0 for _ in files],
        "partition": ["{}" for _ in files],
        "stats": [f'{{"numRecords":{file.rows}}}' for file in files],
    }
    types = dict.fromkeys(("size", "rows", "modified"), pl.Int64)
    texts = dict.fromkeys(("path", "partition", "stats"), pl.String)
    frame = pl.DataFrame(told, schema_overrides={**types, **texts})
    return Described(version, protocol_of(schema), metadata_of(identity, schema, []), frame)


def _identity(table_id: str, digest: str) -> str:
    """The id of what a view shows as a table: another view's is another."""
    return str(uuid.uuid5(_SPACE, f"{table_id}\n{digest}"))
