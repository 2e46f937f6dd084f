"""Small files joined into larger ones, and rows laid in the order that a product declares.

Owns which files go together: files of one partition, packed up to the target size of the write
path. The rows stay what they are: the commit says that it changes no data, versions that readers
are pinned to keep their files, and a publication that comes in between wins.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import polars as pl

from mesh.lake import DataFile, Snapshot, Table
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings
from mesh.upkeep.clustering import mark_of, ordered
from mesh.upkeep.reporting import Work
from mesh.upkeep.rewriting import (
    ORDERED,
    UPKEEP_KEY,
    Rewrite,
    count,
    land_rewrites,
    rows_of,
    stage_for,
    write,
)

Partition = tuple[tuple[str, str | None], ...]
JOINED = "-joined"
"""What the names of joined files have."""
_SMALL = 0.5
"""Share of the target size below which a file is worth joining with others."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """The files of one table: which to join, and how. Those that are not settled are left."""

    table: Table
    part: str
    settings: PublishingSettings
    cluster_by: Sequence[str] = ()
    sort_bytes: int = 256 * 1024 * 1024
    is_settled: Callable[[DataFile], bool] = lambda _: True

    def plan(self) -> list[Work]:
        """What would be joined or put in order."""
        snapshot = self.table.find()
        groups = self._groups(snapshot) if snapshot is not None else []
        return self._work([file for group in groups for file in group])

    def apply(self) -> list[Work]:
        """Rewrite every group on threads of its own, and commit them together."""
        snapshot = self.table.find()
        groups = self._groups(snapshot) if snapshot is not None else []
        if snapshot is None or not groups:
            return []
        stage = stage_for(snapshot, self.settings)
        try:
            with ThreadPoolExecutor(self.settings.workers, "mesh-upkeep") as pool:
                rewrites = list(pool.map(partial(self._rewrite, stage), range(len(groups)), groups))
            told = {"action": self._action, "files": sum(len(group) for group in groups)}
            landed = land_rewrites(
                stage, rewrites, metadata={UPKEEP_KEY: json.dumps(told)}, is_data_change=False
            )
        finally:
            stage.discard()
        return self._work([file for rewrite in landed for file in rewrite.removes])

    @property
    def _action(self) -> str:
        return "order" if self.cluster_by else "join"

    def _work(self, files: Sequence[DataFile]) -> list[Work]:
        if not files:
            return []
        by = ", ".join(self.cluster_by)
        why = f"rows are to be ordered by {by}" if by else "they are small"
        size = sum(file.size for file in files)
        return [Work(self._action, self.part, why, files=len(files), bytes=size)]

    def _groups(self, snapshot: Snapshot) -> list[list[DataFile]]:
        """Files that are to be rewritten together."""
        parts: dict[Partition, list[DataFile]] = defaultdict(list)
        for file in filter(self.is_settled, snapshot.files):
            parts[tuple(sorted(file.partition_values.items()))].append(file)
        group = self._to_order if self.cluster_by else self._to_join
        return [found for _, files in sorted(parts.items(), key=repr) for found in group(files)]

    def _to_join(self, files: Sequence[DataFile]) -> list[list[DataFile]]:
        small = [file for file in files if self._is_small(file)]
        return [group for group in _packed(small, self.settings.file_bytes) if len(group) > 1]

    def _to_order(self, files: Sequence[DataFile]) -> list[list[DataFile]]:
        """Files that are not in order yet, together with ordered ones that are small."""
        fresh = [file for file in files if not self._is_ordered(file)]
        small = [file for file in files if self._is_ordered(file) and self._is_small(file)]
        if not fresh and len(small) < 2:  # noqa: PLR2004 -- one file is joined with nothing
            return []
        near = sorted([*fresh, *small], key=self._nearness)
        share = max(self.sort_bytes // self.settings.workers, 1)
        groups = _packed(near, max(share, self.settings.file_bytes))
        return [g for g in groups if len(g) > 1 or not self._is_ordered(g[0])]

    def _is_small(self, file: DataFile) -> bool:
        return file.size < self.settings.file_bytes * _SMALL

    def _is_ordered(self, file: DataFile) -> bool:
        found = ORDERED.search(file.path)
        return found is not None and found["mark"] == mark_of(self.cluster_by)

    def _nearness(self, file: DataFile) -> tuple[bool, str, str]:
        """Files of near values are ordered together; those without bounds come last."""
        low = file.bounds.get(self.cluster_by[0], (None, None))[0]
        text = f"{low:030.6f}" if isinstance(low, int | float) else str(low)
        return low is None, text, file.path

    def _rewrite(self, stage: Stage, number: int, files: Sequence[DataFile]) -> Rewrite:
        own = stage.beside()
        writer = own.writer(f"{mark_of(self.cluster_by) or JOINED[1:]}{number}")
        frames = [rows_of(stage.table, file, stage.schema) for file in files]
        rows = pl.concat(frames)
        expected = count(rows)
        if self.cluster_by:
            rows = ordered(rows.collect(engine="streaming"), self.cluster_by).lazy()
        try:
            write(rows, writer, self.settings.batch_rows, expected)
        except BaseException:
            own.discard()
            raise
        for file in own.files:
            stage.opened(file.path)
        return Rewrite(tuple(files), own.files)


def _packed(files: Sequence[DataFile], target: int) -> list[list[DataFile]]:
    """Files in their order, in groups that stay below a size."""
    groups: list[list[DataFile]] = []
    held = target
    for file in files:
        if held + file.size > target:
            groups.append([])
            held = 0
        groups[-1].append(file)
        held += file.size
    return groups
