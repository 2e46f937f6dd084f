"""The change that a publication makes to a version of its table, by write mode.

Owns the plan: which of the staged files are added, which files of the table are removed, and what
is written anew in their place. Files without a row that changes are neither read whole nor removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.lake import DataFile, Snapshot, StagedFile
from mesh.products.declaration import DataProduct
from mesh.products.modes import Append, Overwrite, ReplacePartitions, SlowlyChanging, Upsert
from mesh.publishing.modes.changing import History
from mesh.publishing.modes.deletes import Deletes
from mesh.publishing.modes.files import TableFiles
from mesh.publishing.modes.rewriting import Rewriting
from mesh.publishing.modes.search import MAX_SAMPLES, Search, in_parts
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings


@dataclass(frozen=True, slots=True)
class KeysTaken:
    """New rows have keys that other rows have: how many, and some of them."""

    rows: int
    samples: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a commit shall add and remove.

    `written` are the files with the publication's own rows; `stages` hold every file that is added;
    `beside` holds what is to be kept beside the table before the commit.
    """

    adds: tuple[StagedFile, ...]
    written: tuple[StagedFile, ...]
    stages: tuple[Stage, ...]
    removes: tuple[DataFile, ...] = ()
    rows_deleted: int = 0
    beside: Stage | None = None


@dataclass(frozen=True, slots=True)
class Planning:
    """One publication's staged rows, to be planned on any version.

    `deletes` holds the keys of rows that delete; `silent` takes the events of `SlowlyChanging` that
    changed nothing.
    """

    product: DataProduct
    stage: Stage
    settings: PublishingSettings
    deletes: Deletes | None = None
    silent: Stage | None = None

    def plan(self, base: Snapshot | None, rewritten: Stage, name: str) -> Planned | KeysTaken:
        """Plan on a version, or on no table. What is written anew goes onto `rewritten`."""
        mode = self.product.write
        if isinstance(mode, SlowlyChanging):
            return self._history(base, mode, rewritten, name)
        if base is None or isinstance(mode, Overwrite):
            return self._adding()
        if isinstance(mode, ReplacePartitions):
            return self._unless_taken(base, self._replaced(base, mode))
        if isinstance(mode, Append):
            return self._unless_taken(base, ())
        return self._upsert(base, mode, rewritten, name)

    @property
    def staged_deletes(self) -> Stage | None:
        """Where the keys of rows that delete are."""
        return None if self.deletes is None else self.deletes.stage

    def clashes(self) -> KeysTaken | None:
        """Rows whose key the same publication deletes; None when there are none."""
        if self.deletes is None:
            return None
        budget = self.settings.key_memory_bytes
        found = self.deletes.clashes(self.stage.rows(), budget)
        return None if found is None else KeysTaken(found.rows, tuple(found.samples.to_dicts()))

    def _adding(self, *removed: DataFile) -> Planned:
        files = self.stage.files
        return Planned(files, files, (self.stage,), tuple(removed))

    @property
    def _files(self) -> TableFiles:
        return TableFiles(self.stage.table, self.stage.schema, self.stage.partition_by)

    def _search(self, key: Sequence[str]) -> Search:
        return Search(self._files, key, self.settings.workers)

    def _keys(self, stage: Stage, key: Sequence[str]) -> Iterator[pl.DataFrame]:
        return in_parts(stage.rows().select(key), self.settings.key_memory_bytes)

    def _replaced(self, base: Snapshot, mode: ReplacePartitions) -> tuple[DataFile, ...]:
        """Committed files of the partitions that the staged files have rows for."""
        fresh = {
            tuple(file.partition_values[name] for name in mode.by) for file in self.stage.files
        }
        return tuple(
            file
            for file in base.files
            if tuple(file.partition_values.get(name) for name in mode.by) in fresh
        )

    def _unless_taken(self, base: Snapshot, removed: Sequence[DataFile]) -> Planned | KeysTaken:
        key = self.product.contract.key
        if not key or self._splits_keys():
            return self._adding(*removed)
        gone = {file.path for file in removed}
        kept = [file for file in base.files if file.path not in gone]
        found = self._search(key).run(kept, self._keys(self.stage, key))
        if not found.rows:
            return self._adding(*removed)
        samples = pl.concat(found.samples).head(MAX_SAMPLES)
        return KeysTaken(found.rows, tuple(samples.to_dicts()))

    def _splits_keys(self) -> bool:
        """Whether the replaced columns are part of the key, so that no other partition has it."""
        mode = self.product.write
        return isinstance(mode, ReplacePartitions) and set(mode.by) <= set(
            self.product.contract.key
        )

    def _upsert(self, base: Snapshot, mode: Upsert, rewritten: Stage, name: str) -> Planned:
        """Rewrite the files that hold rows with the keys, without those rows."""
        search = self._search(mode.on)
        found = search.run(base.files, self._keys(self.stage, mode.on))
        written = found.rows
        if self.deletes is not None:
            gone = self.deletes.parts(self.settings.key_memory_bytes)
            search.run(base.files, gone, found)
        Rewriting(self._files, rewritten, self.settings.workers, self.settings.batch_rows).run(
            tuple(found.hits.values()), name
        )
        return Planned(
            adds=(*self.stage.files, *rewritten.files),
            written=self.stage.files,
            stages=(self.stage, rewritten),
            removes=tuple(hits.file for hits in found.hits.values()),
            rows_deleted=found.rows - written,
        )

    def _history(
        self, base: Snapshot | None, mode: SlowlyChanging, rewritten: Stage, name: str
    ) -> Planned:
        """Rewrite the files that hold periods which end otherwise, or begin or hold no more."""
        if self.deletes is None or self.silent is None:
            raise AssertionError
        silent = self.silent.beside()
        history = History(mode, self._files, self.settings, base, silent)
        change = history.merge(self.stage, self.deletes, rewritten, name)
        written = rewritten.files
        Rewriting(self._files, rewritten, self.settings.workers, self.settings.batch_rows).run(
            tuple(change.removed.values()), name
        )
        return Planned(
            adds=rewritten.files,
            written=written,
            stages=(rewritten,),
            removes=tuple(hits.file for hits in change.removed.values()),
            rows_deleted=change.ended,
            beside=silent if silent.files else None,
        )
