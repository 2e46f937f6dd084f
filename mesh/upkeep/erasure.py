"""A person's rows, removed from everywhere that a product keeps them, and shown to be gone.

Owns the order, in which every step can be cut short and done again: rows leave the current version
in one commit; versions that showed them are noted as erased; the log is rid of what it tells of
their files; the files are deleted; everything that is left is searched anew; profiles of what was
published so far are dropped; then it is recorded.
What is recorded names columns, never values. Copies in other products are named, not touched.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.catalog.erasures_in_lake import ERASURE_KEY, ERASURES_FOLDER, erasures_in
from mesh.catalog.model import ErasureRecord
from mesh.catalog.profiles_in_lake import forget_profiles
from mesh.catalog.store import Catalog
from mesh.errors import CommitConflictError, NotErasedError, NotPublishedError
from mesh.lake import DataFile, Lake, Snapshot, Table
from mesh.lake.removed import note_removed, ranges
from mesh.lake.scrubbing import Scrubbing
from mesh.lake.shown import read_log
from mesh.lake.table import Change
from mesh.naming import ProductId
from mesh.publishing.landing import MAX_ATTEMPTS, wait
from mesh.publishing.modes.changing import is_key_of_history
from mesh.publishing.stage import Stage
from mesh.reading.filtering import columns_in, require_condition
from mesh.settings import PublishingSettings
from mesh.upkeep.rewriting import (
    Rewrite,
    land_rewrites,
    stage_for,
    stored_schema,
    without_some,
)
from mesh.upkeep.searching import Found, Mark, Search, Searched, having, rows_without, where
from mesh.upkeep.vacuum import leftovers_among

_ROUNDS = 5
"""Searches until nothing is found: a publication may bring such rows back meanwhile."""


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What one table holds: rows of its current version, and all that lie in its files.

    `versions` are those that cannot be read afterwards.
    """

    part: str
    rows: int
    rows_in_files: int
    files: int
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A product that was made from this one: which of the condition's columns it reads."""

    product: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would do."""

    product: str
    columns: tuple[str, ...]
    parts: tuple[PartPlan, ...]
    copies: tuple[Copy, ...]

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values; versions as ranges."""
        spans = [[list(pair) for pair in ranges(part.versions)] for part in self.parts]
        parts = [{**asdict(p), "versions": v} for p, v in zip(self.parts, spans, strict=True)]
        return {**asdict(self), "parts": parts}


@dataclass(slots=True)
class _Tally:
    """What was done to one table."""

    part: str
    rows: int = 0
    files_rewritten: int = 0
    files_deleted: int = 0
    log_entries: int = 0
    versions: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        found = [list(pair) for pair in ranges(self.versions)]
        return {**asdict(self), "versions": found}


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person's rows in one product. `leftovers_after` is the age of a crash's files."""

    lake: Lake
    catalog: Catalog
    product: ProductId
    condition: str
    settings: PublishingSettings
    leftovers_after: timedelta = timedelta(days=1)

    def plan(self) -> Plan:
        """Where such rows are. Raises MeshError for what is no condition on the columns."""
        parts = []
        for part, search in self._searches():
            found = search.run()
            now, before = found.shown(now=True), found.shown(now=False)
            parts.append(
                PartPlan(
                    part,
                    rows=sum(found.hits[file.path] for file in now),
                    rows_in_files=sum(found.hits.values()),
                    files=len(found.hits),
                    versions=tuple(found.log.versions_of([*now, *before])),
                )
            )
        return Plan(str(self.product), self._columns, tuple(parts), self._copies())

    def apply(self, *, why: str, by: str) -> ErasureRecord:
        """Erase, show that nothing is left, and record it.

        Raises NotErasedError when something may be left; the same call goes on from there.
        """
        searches = list(self._searches())
        begun = self._begun(why, by)
        tallies = [self._erase(part, search, begun) for part, search in searches]
        self._leave_evidence(begun)
        proof = [self._proven(part, search.again()) for part, search in searches]
        gone = forget_profiles(self._table)  # bounds and frequent values may be those of such rows
        self.catalog.profiles.forget(gone)
        content = {
            "parts": [tally.as_json() for tally in tallies],
            "proof": proof,
            "profiles": len(gone),
        }
        record = replace(begun, content=content)
        text = json.dumps(_as_json(record), indent=1)
        self._table.store.replace(f"{ERASURES_FOLDER}/{record.id}.json", text.encode())
        self.catalog.record_erasures([record])
        self.catalog.forget_samples(str(self.product))
        return record

    @property
    def _table(self) -> Table:
        return self.lake.table(self.product)

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(columns_in(self.condition, str(self.product)))

    def _searches(self) -> list[tuple[str, Search]]:
        """A search in the product's table, its quarantine, and what is kept of unchanged keys."""
        published = self._table.find()
        if published is None:
            hint = f"`mesh run {self.product}` first"
            raise NotPublishedError(f"{self.product} is not published yet", hint=hint)
        schema = stored_schema(published)
        empty = pl.DataFrame(schema.empty_table()).schema
        require_condition(empty, self.condition, str(self.product))
        wanted = pa.schema([schema.field(name) for name in self._columns])
        rejected = self.lake.quarantine(self.product).find()
        found = [
            (part, self._search(table, where(self.condition), wanted))
            for part, table in (("table", published), ("quarantine", rejected))
            if table is not None
        ]
        unchanged = self.lake.unchanged(self.product).find()
        if unchanged is None:
            return found
        # It goes first: whose keys these are, only rows of the table tell, while they are there.
        return [("unchanged", self._keys_of(unchanged, found[0][1])), *found]

    def _keys_of(self, unchanged: Snapshot, table: Search) -> Search:
        """A search for everything that is kept of the keys of such rows."""
        schema = stored_schema(unchanged)
        key = pa.schema([column for column in schema if is_key_of_history(column)])
        keys = [table.values_of_hits(key)]
        if set(self._columns) <= set(schema.names):  # of rows that the table has no more
            wanted = pa.schema([schema.field(name) for name in self._columns])
            keys.append(self._search(unchanged, where(self.condition), wanted).values_of_hits(key))
        return self._search(unchanged, having(pl.concat(keys).unique()), key)

    def _search(self, snapshot: Snapshot, mark: Mark, schema: pa.Schema) -> Search:
        workers = self.settings.workers
        return Search(snapshot.table, mark, schema, snapshot.partition_by, workers)

    def _copies(self) -> tuple[Copy, ...]:
        found = self.catalog.lineage(str(self.product), "down")
        read: dict[str, set[str]] = {node.product: set() for node in found.nodes if node.depth}
        for edge in found.edges:
            columns = set(self._columns)
            known = columns if edge.columns is None else columns & set(edge.columns)
            read.setdefault(edge.downstream, set()).update(known)
        return tuple(Copy(name, tuple(sorted(columns))) for name, columns in sorted(read.items()))

    def _begun(self, why: str, by: str) -> ErasureRecord:
        """The erasure that a crash cut short, if it is the same; or a new one."""
        done = {record.id for record in erasures_in(self._table)}
        for _, info in sorted(read_log(self._table).metadata.items(), reverse=True):
            if (text := info.get(ERASURE_KEY)) is None:
                continue
            told = json.loads(text)
            is_same = (told["why"], tuple(told["columns"])) == (why, self._columns)
            if is_same and told["id"] not in done:
                return ErasureRecord(
                    id=told["id"],
                    product=str(self.product),
                    erased_at=datetime.fromisoformat(told["erased_at"]),
                    erased_by=told["erased_by"],
                    why=why,
                    columns=self._columns,
                    content={},
                )
        now = datetime.now(UTC)
        return ErasureRecord(uuid.uuid4().hex, str(self.product), now, by, why, self._columns, {})

    def _erase(self, part: str, search: Search, begun: ErasureRecord) -> _Tally:
        tally = _Tally(part)
        for _ in range(_ROUNDS):
            found = search.run()
            if now := found.shown(now=True):
                touched = {item.file.path: item for item in found.files}
                self._rewrite(search, {f.path: touched[f.path] for f in now}, begun, tally)
                found = search.run()
            self._delete(search, found, begun, tally)
            if search.run().is_clean:
                break
        return tally

    def _rewrite(
        self, search: Search, touched: Mapping[str, Searched], begun: ErasureRecord, tally: _Tally
    ) -> None:
        """Let the current version show the files' other rows instead, in one commit."""
        snapshot = search.table.snapshot()
        stage = stage_for(snapshot, self.settings)
        try:
            rewrites = [
                self._kept(search, stage, file, touched[file.path])
                for file in snapshot.files
                if file.path in touched
            ]
            rows = sum(item.hits for item in touched.values())
            told = {**_told(begun), "part": tally.part, "rows": rows}
            metadata = {ERASURE_KEY: json.dumps(told)}
            landed = land_rewrites(stage, rewrites, metadata=metadata, is_data_change=True)
        finally:
            stage.discard()
        done = [file.path for rewrite in landed for file in rewrite.removes]
        tally.rows += sum(touched[path].hits for path in done)
        tally.files_rewritten += len(done)

    def _kept(self, search: Search, stage: Stage, file: DataFile, known: Searched) -> Rewrite:
        """What stays of one file."""
        return without_some(
            stage,
            file,
            rows_without(search.table, file, search.mark, stage.schema),
            expected=(known.rows or 0) - known.hits,
            batch_rows=self.settings.batch_rows,
        )

    def _delete(self, search: Search, found: Found, begun: ErasureRecord, tally: _Tally) -> None:
        """Delete files with such rows that the current version does not show."""
        table = search.table
        current = {file.path for file in found.log.files if file.until is None}
        before = datetime.now(UTC) - self.leftovers_after
        stored = [item.file for item in found.files]
        leftovers = {file.path for file in leftovers_among(stored, found.log, before=before)}
        shown = {file.path for file in found.log.files}
        suspects = {*found.hits, *found.unreadable}
        doomed = {p for p in suspects - current if p in shown or p in leftovers}
        lying = {file.path for file in stored}
        gone = {p for p in shown - current if p not in lying} | doomed
        versions = found.log.versions_of(f for f in found.log.files if f.path in gone)
        day = begun.erased_at.date().isoformat()
        note_removed(table, versions, f"removed on {day} because of an erasure: {begun.why}")
        is_whole = bool({*self._columns} & {*search.partition_by})
        tally.log_entries += Scrubbing(table, gone, is_whole).run()
        table.store.delete(sorted(doomed))
        tally.files_deleted += len(doomed)
        tally.versions.update(found.log.versions_of(f for f in found.log.files if f.path in doomed))

    def _leave_evidence(self, begun: ErasureRecord) -> None:
        """A commit that says what was done, if the product's own has none yet."""
        for attempt in range(MAX_ATTEMPTS):
            snapshot = self._table.snapshot()
            metadata = read_log(self._table).metadata.values()
            if any(begun.id in info.get(ERASURE_KEY, "") for info in metadata):
                return
            try:
                self._table.commit(_empty_change(snapshot, _told(begun)), snapshot)
            except CommitConflictError:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
                wait(attempt)

    def _proven(self, part: str, search: Search) -> dict[str, Any]:
        """A search that knows nothing from before, in all that is left. Raises NotErasedError."""
        found = search.run()
        lying = {item.file.path for item in found.files}
        gone = {file.path for file in found.log.files if file.until is not None} - lying
        is_whole = bool({*self._columns} & {*search.partition_by})
        telling = Scrubbing(search.table, gone, is_whole).telling()
        if found.is_clean and not telling:
            rows = sum(item.rows or 0 for item in found.files)
            files, version = len(found.files), found.log.latest
            return {"part": part, "version": version, "files": files, "rows": rows, "found": 0}
        raise self._not_erased(part, found, telling)

    def _not_erased(self, part: str, found: Found, telling: int) -> NotErasedError:
        where = f"{self.product}, {part}"
        age = self.leftovers_after
        hint = "the same command again, when it has ended; it goes on from here"
        if found.hits:
            rows = sum(found.hits.values())
            what = f"{rows:,} such rows are in files of a publication that is under way"
        elif found.unreadable:
            what = f"{len(found.unreadable)} files cannot be read, such as {found.unreadable[0]}"
        else:
            what = f"{telling} entries of the log tell of files that went meanwhile"
        return NotErasedError(f"{what}, or that died less than {age} ago", where=where, hint=hint)


def _told(begun: ErasureRecord) -> dict[str, Any]:
    data = _as_json(begun)
    data.pop("content")
    return data


def _as_json(record: ErasureRecord) -> dict[str, Any]:
    return {**asdict(record), "erased_at": record.erased_at.isoformat()}


def _empty_change(snapshot: Snapshot, told: Mapping[str, Any]) -> Change:
    return Change(
        adds=(),
        schema=snapshot.schema,
        partition_by=snapshot.partition_by,
        metadata={ERASURE_KEY: json.dumps(told)},
        is_data_change=False,
    )
