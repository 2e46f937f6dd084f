"""A commit that changes a table's columns together with its rows, as an entry of Delta's log.

Owns the entry's text: delta-rs commits files that somebody else wrote, or columns, but never both
at once, so that a crash between the two would leave one without the other. The entry is made by
Delta's protocol and put where only one writer can be first. Refuses tables that ask more of a
writer than it knows (column mapping, row tracking and the like). What other writers say of a column
under keys of their own stays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
from deltalake import Schema

from mesh.errors import StorageError

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from mesh.lake.table import Change, DataFile, StagedFile

_KNOWN_FEATURES = {"timestampNtz", "appendOnly", "invariants", "checkConstraints"}
_LEGACY_WRITER = 2
"""The highest version of a writer that asks for nothing but `appendOnly` and `invariants`."""
_WITH_FEATURES = {"minReaderVersion": 3, "minWriterVersion": 7}
_OWN_KEYS = ("comment", "mesh.")


def evolved_schema(
    delta: DeltaTable, schema: pa.Schema, *, is_set: bool = True
) -> dict[str, Any] | None:
    """The columns that a table shall have, in Delta's words; None when nothing is to be changed.

    `is_set` says whether what the table is to be set is set.
    """
    before: dict[str, Any] = json.loads(delta.schema().to_json())
    after: dict[str, Any] = json.loads(Schema.from_arrow(schema).to_json())
    said = {field["name"]: field["metadata"] for field in before["fields"]}
    for field in after["fields"]:
        others = said.get(field["name"], {}).items()
        kept = {name: value for name, value in others if not name.startswith(_OWN_KEYS)}
        field["metadata"] = {**kept, **field["metadata"]}
    return None if after == before and is_set else after


def changed_columns(delta: DeltaTable, schema: Mapping[str, Any]) -> list[str]:
    """What becomes of each column that is new or of another type: `note`, `amount from float`."""
    before = {f["name"]: f["type"] for f in json.loads(delta.schema().to_json())["fields"]}
    told = []
    for field in schema["fields"]:
        known = before.get(field["name"])
        if known is None:
            told.append(str(field["name"]))
        elif known != field["type"]:
            was = known if isinstance(known, str) else known["type"]
            told.append(f"{field['name']} from {was}")
    return told


def log_entry(
    delta: DeltaTable, change: Change, schema: Mapping[str, Any], removes: Sequence[DataFile]
) -> bytes:
    """The entry that does `change`, and gives the table these columns. Raises StorageError."""
    now = int(time.time() * 1000)
    actions = [
        {"commitInfo": _info(change, now)},
        *_protocol(delta, change, schema),
        {"metaData": _metadata(delta, change, schema)},
    ]
    if change.transaction:
        version = delta.version() + 1
        told = {"appId": change.transaction, "version": version, "lastUpdated": now}
        actions.append({"txn": told})
    actions += [{"remove": _remove(file, change, now)} for file in removes]
    actions += [{"add": _add(file, change, now)} for file in change.adds]
    return "".join(f"{json.dumps(action, separators=(',', ':'))}\n" for action in actions).encode()


def _info(change: Change, now: int) -> dict[str, Any]:
    return {
        "timestamp": now,
        "operation": "WRITE",
        "operationParameters": {
            "mode": "Overwrite" if change.is_overwrite else "Append",
            "partitionBy": json.dumps(list(change.partition_by)),
        },
        "engineInfo": "mesh",
        **change.metadata,
    }


def _metadata(delta: DeltaTable, change: Change, schema: Mapping[str, Any]) -> dict[str, Any]:
    known = delta.metadata()
    return {
        "id": str(known.id),
        "name": known.name,
        "description": change.description or known.description,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps(schema, separators=(",", ":")),
        "partitionColumns": list(known.partition_columns),
        "createdTime": known.created_time,
        "configuration": {**known.configuration, **change.configuration},
    }


def _protocol(
    delta: DeltaTable, change: Change, schema: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """What a reader has to know from now on that it had not to. Raises StorageError."""
    protocol = delta.protocol()
    known = set(protocol.writer_features or ())
    configuration = delta.metadata().configuration
    is_legacy = not known and protocol.min_writer_version <= _LEGACY_WRITER
    is_mapped = configuration.get("delta.columnMapping.mode", "none") != "none"
    is_append_only = configuration.get("delta.appendOnly") == "true" and bool(change.removes)
    if is_mapped or is_append_only or not (is_legacy or (known and known <= _KNOWN_FEATURES)):
        asked = ", ".join(sorted(known - _KNOWN_FEATURES)) or "column mapping, or appends alone"
        raise StorageError(
            f"the table asks of its writers what Mesh cannot do while columns change: {asked}",
            where=delta.table_uri,
            hint="publish a new major",
        )
    if "timestamp_ntz" not in set(_types(schema)) or "timestampNtz" in known:
        return
    old = {"appendOnly", "invariants"} if is_legacy else known
    features = sorted({*old, "timestampNtz"})
    readers = sorted({*(protocol.reader_features or ()), "timestampNtz"})
    yield {
        "protocol": {**_WITH_FEATURES, "readerFeatures": readers, "writerFeatures": features},
    }


def _types(kind: Any) -> Iterator[str]:
    """Every primitive type inside of one."""
    if isinstance(kind, str):
        yield kind
        return
    for part in ("type", "elementType", "keyType", "valueType"):
        if part in kind and kind[part] not in {"struct", "array", "map"}:
            yield from _types(kind[part])
    for field in kind.get("fields", ()):
        yield from _types(field["type"])


def _add(file: StagedFile, change: Change, now: int) -> dict[str, Any]:
    return {
        "path": quote(file.path, safe="/="),
        "partitionValues": dict(file.partition_values),
        "size": file.size,
        "modificationTime": now,
        "dataChange": change.is_data_change,
        "stats": file.statistics,
    }


def _remove(file: DataFile, change: Change, now: int) -> dict[str, Any]:
    return {
        "path": quote(file.path, safe="/="),
        "deletionTimestamp": now,
        "dataChange": change.is_data_change,
        "extendedFileMetadata": True,
        "partitionValues": dict(file.partition_values),
        "size": file.size,
    }
