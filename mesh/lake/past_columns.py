"""Every column that a table ever had, as far back as its log goes.

Owns the reading of it. The log keeps its entries when files are removed, so whoever may read all
that lies below a table meets columns that no contract has any more.
"""

from __future__ import annotations

import json
import threading

from mesh.errors import StorageError
from mesh.lake.log import entries, log_path
from mesh.lake.shown import beginning_of
from mesh.lake.table import Snapshot, Table

_MOST = 1_000
_KNOWN: dict[tuple[str, str], tuple[int, frozenset[str]]] = {}
"""By table: up to which version it was read, and what was found. The past does not change."""
_LOCK = threading.Lock()


def columns_ever(snapshot: Snapshot) -> frozenset[str]:
    """The columns of a version, and of all before it that the log tells of. Raises StorageError.

    Entries that were read once in this process are not read again.
    """
    table, key = snapshot.table, (snapshot.table.url, snapshot.table_id)
    with _LOCK:
        known = _KNOWN.get(key)
    done, names = known if known is not None else _begun(table)
    if done < snapshot.version:
        names |= _columns_between(table, done + 1, snapshot.version)
        with _LOCK:
            if len(_KNOWN) >= _MOST:
                _KNOWN.clear()
            _KNOWN[key] = (snapshot.version, names)
    return names | frozenset(snapshot.schema.names)


def _begun(table: Table) -> tuple[int, frozenset[str]]:
    """The version before the log's first entry, -1 in most, and the columns that it is known by."""
    first, summed_up = beginning_of(table)
    known = table.snapshot(summed_up).schema.names if summed_up >= 0 else ()
    return first - 1, frozenset(known)


def _columns_between(table: Table, first: int, last: int) -> frozenset[str]:
    names: set[str] = set()
    for version, entry in enumerate(entries(table.store, first, last), first):
        if entry is None:
            hint = "restore it from a backup, or ask `mesh repair`"
            where = f"{table.url}/{log_path(version)}"
            raise StorageError("an entry of the log is gone", where=where, hint=hint)
        for metadata in entry.of("metaData"):
            names.update(field["name"] for field in json.loads(metadata["schemaString"])["fields"])
    return frozenset(names)
