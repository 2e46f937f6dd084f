"""Log entries of files that are gone, rid of what they tell of the rows that were in them.

A table's log keeps the lowest and highest value of each column for every file that there ever was,
and the values that a file's folder is named by. Owns the rewriting of these entries, in commits and
in checkpoints: bounds are left out, or the whole entry where the folder itself tells. Which files
are gone is said by who asks.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mesh.lake.log import LOG_FOLDER
from mesh.lake.table import Table

_ENTRIES = ("add", "remove", "cdc")
_BOUNDS = ("minValues", "maxValues")


@dataclass(frozen=True, slots=True)
class Scrubbing:
    """The entries of files in `gone`. With `is_whole` they are taken out, not only their bounds."""

    table: Table
    gone: Collection[str]
    is_whole: bool = False

    def run(self) -> int:
        """Rewrite every log file that tells something. Returns how many entries did."""
        told = 0
        for path, data in self._files():
            scrubbed, count = self._scrubbed(path, data)
            if count:
                self.table.store.replace(path, scrubbed)
                told += count
        return told

    def telling(self) -> int:
        """How many entries still tell something. Changes nothing."""
        return sum(self._scrubbed(path, data)[1] for path, data in self._files())

    def _files(self) -> list[tuple[str, bytes]]:
        found = [file.path for file in self.table.store.list(LOG_FOLDER)]
        wanted = [path for path in found if path.endswith((".json", ".parquet"))]
        return [(path, self.table.store.read(path)) for path in wanted]

    def _scrubbed(self, path: str, data: bytes) -> tuple[bytes, int]:
        return self._of_lines(data) if path.endswith(".json") else self._of_parquet(data)

    def _of_lines(self, data: bytes) -> tuple[bytes, int]:
        lines, count = [], 0
        for line in data.splitlines():
            action = json.loads(line) if line.strip() else {}
            found = next((kind for kind in _ENTRIES if action.get(kind)), None)
            entry = action[found] if found is not None else {}
            if found is None or unquote(entry["path"]) not in self.gone:
                lines.append(line)
                continue
            bare = without_bounds(entry.get("stats"))
            count += self.is_whole or bare != entry.get("stats")
            if not self.is_whole:
                lines.append(json.dumps({found: {**entry, "stats": bare}}).encode())
        return b"\n".join(lines) + b"\n", count

    def _of_parquet(self, data: bytes) -> tuple[bytes, int]:
        table = pq.read_table(io.BytesIO(data))
        count = 0
        for kind in _ENTRIES:
            if kind not in table.schema.names:
                continue
            entries = table.column(kind).combine_chunks()
            paths = pc.struct_field(entries, "path").to_pylist()
            hits = [path is not None and unquote(path) in self.gone for path in paths]
            if not any(hits):
                continue
            if self.is_whole:
                count += sum(hits)
                table = table.filter(pa.array([not hit for hit in hits]))
                continue
            bare, changed = _bare_entries(entries, hits)
            count += changed
            at = table.schema.get_field_index(kind)
            table = table.set_column(at, table.schema.field(at), bare)
        return (_written(table), count) if count else (data, 0)


def without_bounds(statistics: str | None) -> str | None:
    """A file's statistics without lowest and highest values."""
    if not statistics:
        return statistics
    told: Mapping[str, Any] = json.loads(statistics)
    if not any(told.get(name) for name in _BOUNDS):
        return statistics
    return json.dumps({**told, **{name: {} for name in _BOUNDS}})


def _bare_entries(entries: pa.StructArray, hits: list[bool]) -> tuple[pa.StructArray, int]:
    """Entries of a checkpoint, those that are hit without bounds; and how many had any."""
    kept = pa.array([None if hit else at for at, hit in enumerate(hits)], pa.int64())
    columns: list[pa.Array] = []
    changed = 0
    # Not `flatten`, which puts nulls where there is no entry: Parquet refuses them in a path.
    parts = (entries.field(at) for at in range(entries.type.num_fields))
    for field, values in zip(entries.type, parts, strict=True):
        if field.name == "stats":
            before = values.to_pylist()
            after = [_bare(text, hit=hit) for text, hit in zip(before, hits, strict=True)]
            changed += sum(a != b for a, b in zip(before, after, strict=True))
            columns.append(pa.array(after, field.type))
        elif field.name == "stats_parsed":
            columns.append(values.take(kept))
        else:
            columns.append(values)
    missing = pc.is_null(entries)
    return pa.StructArray.from_arrays(columns, fields=list(entries.type), mask=missing), changed


def _bare(text: str | None, *, hit: bool) -> str | None:
    return without_bounds(text) if hit else text


def _written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()
