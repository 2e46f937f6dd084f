"""A view of one version, ready to be read: a plan, and what is known of the version beside its rows.

Owns what reads of the same view of the same version have in common, and where in it the row of a
key is looked for. Holds no rows, and reads none before somebody asks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from mesh.access.model import View
from mesh.access.reads import policies_of
from mesh.catalog.landed import landed_receipts
from mesh.catalog.model import RetirementRecord
from mesh.catalog.receipts import Receipt
from mesh.lake import DataFile, Snapshot
from mesh.lake.holding import Group, files_with, groups_of, may_hold, rows_of
from mesh.lake.versions import Kept
from mesh.reading.ended import end_of
from mesh.reading.seen import Seen, seen_of
from mesh.reading.snapshot import PinnedInput

_FEW_FILES = 8
"""Of more files that may have a row, one scan of all of them is no slower."""
_MOST_FILES = 1_024


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


class Prepared:
    """What a view shows of a pinned version. May be shared by threads, and by reads.

    `key` is what hashes are keyed with, and `salt` names it.
    """

    def __init__(self, pinned: PinnedInput, view: View, key: bytes, salt: Sequence[str]) -> None:
        self.pinned = pinned
        self.view = view
        self.salt = salt
        self.seen: Seen = seen_of(pinned, view, key)
        self.columns: tuple[str, ...] = tuple(self.seen.schema.names)
        self._key = key
        self._frames: Kept[str, tuple[pl.LazyFrame, list[Group]]] = Kept(_MOST_FILES)

    @cached_property
    def types(self) -> pl.Schema:
        """The types of the columns that are handed out, as Polars has them."""
        return self.seen.types

    @cached_property
    def masked(self) -> frozenset[str]:
        """The columns that are seen behind a mask."""
        return frozenset(column.name for column in self.view.columns if column.mask)

    @cached_property
    def policies(self) -> tuple[str, ...]:
        """The ids of all policies that had a say."""
        return policies_of(self.view)

    @cached_property
    def digest(self) -> str:
        """Names exactly what is handed out: the same rows and values for the same digest.

        Under another agreement, or another secret, a hashed column has other values.
        """
        table = self.snapshot.table_id
        told = [self.view.digest, table, self.pinned.version, self.columns, self.salt]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @cached_property
    def facts(self) -> Facts:
        """What is known of this version."""
        receipt = next(landed_receipts(self.snapshot), None)
        contract = receipt.contract_version if receipt else str(self.view.port.contract.version)
        return Facts(self.pinned.version, self.snapshot.table_id, contract, receipt)

    @cached_property
    def end(self) -> RetirementRecord | None:
        """The end of the product, if this is its latest version; None while it lives."""
        return end_of(self.pinned, is_latest=True)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The version."""
        return self.pinned.opened or self.pinned.table.snapshot(self.pinned.version)

    def holding(self, values: Mapping[str, Any]) -> pl.LazyFrame:
        """What is seen, of the files that may have a row with these values.

        The values are of columns that are seen as they are.
        """
        if self.pinned.increment is not None or not self.snapshot.is_plain:
            return self.seen.frame
        files = files_with(self.snapshot, values)
        if len(files) > _FEW_FILES:
            return self.seen.frame
        found = [(file, *self._of_file(file)) for file in files]
        kept = [rows for _, rows, own in found if any(may_hold(g.bounds, values) for g in own)]
        return pl.concat(kept) if kept else pl.LazyFrame(schema=self.types)

    def _of_file(self, file: DataFile) -> tuple[pl.LazyFrame, list[Group]]:
        """What is seen of one file, and its row groups with bounds of the contract's key."""
        if (known := self._frames.find(file.path)) is not None:
            return known
        snapshot = self.snapshot
        seen = seen_of(self.pinned, self.view, self._key, rows_of(snapshot, file))
        groups = groups_of(snapshot, file, self.view.port.contract.key)
        return self._frames.keep(file.path, (seen.frame, groups))
