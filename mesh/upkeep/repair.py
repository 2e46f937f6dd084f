"""Repair of a product's tables: what is damaged, what can be done about it, and doing it.

Owns the diagnosis of log, data files, quarantine and catalog, and the mending. Nothing is made up:
a table goes back to the last version that is whole, or lets go of files that are lost, in a commit
that says so. No evidence is destroyed: damaged files of the log are kept below `_mesh/damaged`,
damaged data files stay where they are.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mesh.catalog.receipts import RECEIPT_KEY
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync_product
from mesh.lake import Lake, Table
from mesh.lake.damage import HINT, DamagedFile, TableFiles
from mesh.lake.log import LOG_FOLDER, log_path
from mesh.lake.table import Change
from mesh.naming import ProductId

REPAIR_KEY = "mesh.repair"
"""Key in a commit's metadata under which it says what a repair did, and why."""
EVIDENCE_FOLDER = "_mesh/damaged"
"""Folder of a table in which damaged files of its log are kept."""


class Remedy(StrEnum):
    """What a repair does about a finding, in words."""

    FILL = "an entry that says so takes its place; what is left of it is kept aside"
    SET_ASIDE = "it is kept aside, and the log is summed up anew"
    RESTORE = "the table goes back to the last version that is whole"
    LET_GO = "the table lets go of it: its rows are lost, all others stay"
    SYNC = "the catalog records it"
    NONE = "nothing can be done here"
    NEEDLESS = "nothing needs to be done: only versions from before are touched by it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with what would be done about it."""

    table: str
    what: str
    remedy: Remedy
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TableDiagnosis:
    """What is wrong with one table.

    `restore_to` is the version to go back to, `lost` are files to let go of. One without either,
    and without damage to the log, is left as it is.
    """

    table: Table
    latest: int
    log: tuple[DamagedFile, ...] = ()
    checkpoints: tuple[DamagedFile, ...] = ()
    data: tuple[DamagedFile, ...] = ()
    restore_to: int | None = None
    is_readable: bool = True

    @property
    def lost(self) -> tuple[str, ...]:
        """Data files to let go of."""
        return () if self.restore_to is not None else tuple(file.path for file in self.data)

    def findings(self) -> list[Finding]:
        """What is wrong, in words."""
        found = [self._of_log(file) for file in self.log]
        found += [self._finding(file, Remedy.SET_ASIDE) for file in self.checkpoints]
        remedy = Remedy.LET_GO if self.restore_to is None else Remedy.RESTORE
        return found + [self._finding(file, remedy) for file in self.data]

    def _of_log(self, file: DamagedFile) -> Finding:
        if self.is_readable:
            return self._finding(file, Remedy.NEEDLESS)
        if self.restore_to is None:
            hint = "bring the file back from a backup, or move the folder away and publish anew"
            return Finding(self.table.url, str(file), Remedy.NONE, hint)
        return self._finding(file, Remedy.FILL)

    def _finding(self, file: DamagedFile, remedy: Remedy) -> Finding:
        back = f"version {self.restore_to}" if self.restore_to is not None else ""
        return Finding(
            self.table.url, str(file), remedy, back if remedy is not Remedy.NEEDLESS else ""
        )


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a product; `unrecorded` are receipts that the catalog lacks."""

    product: ProductId
    tables: tuple[TableDiagnosis, ...]
    unrecorded: tuple[int, ...] = ()
    vanished: tuple[int, ...] = ()

    def findings(self) -> list[Finding]:
        """Everything that is wrong."""
        found = [finding for table in self.tables for finding in table.findings()]
        for version in self.unrecorded:
            what = f"the receipt of version {version} is not in the catalog"
            found.append(Finding("catalog", what, Remedy.SYNC))
        for version in self.vanished:
            what = f"the catalog has a receipt of version {version}, which the table has not"
            hint = "the table was taken back or its log cut: publish anew"
            found.append(Finding("catalog", what, Remedy.NONE, hint))
        return found


@dataclass(slots=True)
class Repaired:
    """What a repair did: the versions that it made, by table, and receipts that it recorded."""

    versions: dict[str, int] = field(default_factory=dict)
    kept_aside: list[str] = field(default_factory=list)
    recorded: int = 0


def diagnose(
    product: ProductId, lake: Lake, catalog: Catalog, *, is_deep: bool = False
) -> Diagnosis:
    """What is wrong with a product's tables and its place in the catalog.

    Reads the log, and the sizes of data files; `is_deep` decodes every data file of the latest
    version. Changes nothing.
    """
    tables = [
        _diagnosed(table, files, is_deep=is_deep)
        for table in lake.tables(product).values()
        if (files := TableFiles(table)).latest >= 0
    ]
    logged = _publications(TableFiles(lake.table(product)))
    recorded = {r.publication_id: r.table_version for r in catalog.receipts(str(product), 100_000)}
    return Diagnosis(
        product,
        tuple(tables),
        unrecorded=tuple(sorted(v for name, v in logged.items() if name not in recorded)),
        vanished=tuple(sorted(v for name, v in recorded.items() if name not in logged)),
    )


def repair(diagnosis: Diagnosis, lake: Lake, catalog: Catalog) -> Repaired:
    """Do what a diagnosis says can be done. Raises CommitConflictError beside a writer."""
    done = Repaired()
    for found in diagnosis.tables:
        if found.is_readable or found.restore_to is not None:
            _mend(found, done)
    done.recorded = sync_product(catalog, lake, diagnosis.product).recorded
    return done


def _diagnosed(table: Table, files: TableFiles, *, is_deep: bool) -> TableDiagnosis:
    log, checkpoints = files.damaged_entries(), files.damaged_checkpoints()
    live = files.live(files.latest)
    if live is None:
        back = _last_whole(files, min(file.version for file in log) - 1, is_deep=is_deep)
        return TableDiagnosis(
            table, files.latest, tuple(log), tuple(checkpoints), (), back, is_readable=False
        )
    data = files.damaged_data(live, is_deep=is_deep)
    back = None
    if data and _is_from_overwrite(files):
        back = _last_whole(files, files.latest - 1, is_deep=is_deep)
    return TableDiagnosis(table, files.latest, tuple(log), tuple(checkpoints), tuple(data), back)


def _last_whole(files: TableFiles, newest: int, *, is_deep: bool) -> int | None:
    """The newest version, of those up to `newest`, whose files are all there."""
    for version in range(newest, -1, -1):
        live = files.live(version)
        if live is not None and not files.damaged_data(live, is_deep=is_deep):
            return version
    return None


def _is_from_overwrite(files: TableFiles) -> bool:
    """Whether the latest publication replaced everything: part of it would be no product."""
    for version in range(files.latest, -1, -1):
        if (receipt := _receipt(files.actions(version))) is not None:
            return bool(receipt.get("write_mode") == "overwrite")
    return False


def _publications(files: TableFiles) -> dict[str, int]:
    """The version of every publication whose receipt is in the log."""
    found = ((version, _receipt(files.actions(version))) for version in files.versions)
    return {receipt["publication_id"]: version for version, receipt in found if receipt}


def _receipt(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    for action in actions:
        text = action.get("commitInfo", {}).get(RECEIPT_KEY)
        if text is not None:
            try:
                receipt = json.loads(text)
            except ValueError:
                return None
            return receipt if isinstance(receipt, dict) and "publication_id" in receipt else None
    return None


def _mend(found: TableDiagnosis, done: Repaired) -> None:
    table = found.table
    for file in found.checkpoints:
        _set_aside(table, file.path, done)
    if found.checkpoints and HINT in {file.path for file in table.store.list(LOG_FOLDER)}:
        _set_aside(table, HINT, done)
    if not found.is_readable:
        for file in found.log:
            _fill(table, file, done)
    if found.restore_to is not None or found.lost:
        done.versions[table.url] = _land(found)
    if found.checkpoints:
        table.checkpoint()


def _set_aside(table: Table, path: str, done: Repaired) -> None:
    """Keep a damaged file where nobody reads it, and take it away from where it is read."""
    if path not in {file.path for file in table.store.list(path.rpartition("/")[0])}:
        return
    kept = f"{EVIDENCE_FOLDER}/{uuid.uuid4().hex[:8]}-{path.rpartition('/')[2]}"
    table.store.put_once(kept, table.store.read(path))
    table.store.delete([path])
    done.kept_aside.append(f"{table.url}/{kept}")


def _fill(table: Table, file: DamagedFile, done: Repaired) -> None:
    """Put an entry that changes nothing, and says why, in the place of one that is lost."""
    _set_aside(table, file.path, done)
    told = {"took_the_place_of": str(file)}
    info = {
        "timestamp": int(time.time() * 1000),
        "operation": "MESH REPAIR",
        "operationParameters": {},
        REPAIR_KEY: json.dumps(told),
    }
    entry = json.dumps({"commitInfo": info}) + "\n"
    table.store.put_once(log_path(file.version), entry.encode())


def _land(found: TableDiagnosis) -> int:
    """One commit: back to a version, or without the files that are lost."""
    told = {
        "restored_to": found.restore_to,
        "let_go_of": list(found.lost),
        "because": [str(file) for file in (*found.log, *found.data)],
    }
    metadata = {REPAIR_KEY: json.dumps(told)}
    if found.restore_to is not None:
        return found.table.restore(found.restore_to, metadata)
    base = found.table.snapshot()
    lost = set(found.lost)
    change = Change(
        adds=(),
        removes=[file for file in base.files if file.path in lost],
        schema=base.schema,
        partition_by=base.partition_by,
        metadata=metadata,
        transaction=f"mesh:repair:{uuid.uuid4().hex}",
    )
    return found.table.commit(change, base)
