"""A view of one version, ready to be read: a plan, and what is known of the version beside rows.

Owns what reads of the same view of the same version have in common, and where in it the row of a
key is looked for. What it holds of rows is row groups that are asked for often, as stored.
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
from mesh.lake.hot import GroupKey, HotGroups, with_value
from mesh.reading.ended import end_of
from mesh.reading.seen import Seen, seen_of
from mesh.reading.snapshot import PinnedInput
from mesh.recent import Recent

_FEW_FILES = 8
"""Of more files that may have a row, one scan of all of them is no slower."""
_MOST_FILES = 1_024
_PLAIN = frozenset({int, str})


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

    `key` is what hashes are keyed with, and `salt` names it. `hot` has row groups in memory.
    """

    def __init__(
        self,
        pinned: PinnedInput,
        view: View,
        key: bytes,
        salt: Sequence[str],
        hot: HotGroups | None = None,
    ) -> None:
        self.pinned = pinned
        self.view = view
        self.salt = salt
        self.seen: Seen = seen_of(pinned, view, key)
        self.columns: tuple[str, ...] = tuple(self.seen.schema.names)
        self._hot = hot
        self._files: Recent[str, tuple[pl.LazyFrame, list[Group]]] = Recent(_MOST_FILES)

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

    def lookup(self, values: Mapping[str, Any]) -> pl.DataFrame:
        """The rows that are seen and have these values, in columns that are seen as they are."""
        parts = self._holding(values)
        if not parts:
            return pl.DataFrame(schema=self.types)
        held = [rows for rows in parts if isinstance(rows, pl.DataFrame)]
        if self.seen.steps.are_none and len(held) == len(parts):
            return (
                pl.concat(self._shown(rows) for rows in held) if held[1:] else self._shown(held[0])
            )
        same = [pl.col(name) == pl.lit(value) for name, value in values.items()]
        found = [
            self.seen.steps.over(rows.filter(same) if same else rows)
            for rows in (part.lazy() for part in parts)
        ]
        return pl.concat(found).collect(engine="streaming")

    def _shown(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows that nothing is done to. Column by column: `select` would start Polars' engine."""
        return pl.DataFrame([rows.get_column(name) for name in self.columns])

    def _holding(self, values: Mapping[str, Any]) -> list[pl.DataFrame | pl.LazyFrame]:
        """Stored rows among which are all that have the values; those in memory are just these."""
        files = None
        if self.pinned.increment is None and self.snapshot.is_plain:
            files = files_with(self.snapshot, values)
        if files is None or len(files) > _FEW_FILES:
            return [self.pinned.scan()]
        return [rows for file in files for rows in self._of_file(file, values)]

    def _of_file(
        self, file: DataFile, values: Mapping[str, Any]
    ) -> Sequence[pl.DataFrame | pl.LazyFrame]:
        """Rows of a file: from memory where all its row groups that count are there."""
        rows, groups = self._file(file)
        wanted = [group for group in groups if may_hold(group.bounds, values)]
        if not wanted or self._hot is None or not values:
            return [rows] if wanted else []
        held = [self._group(file, rows, group) for group in wanted]
        found = [group for group in held if group is not None]
        if len(found) < len(held):
            return [rows]
        return [self._having(group, values) for group in found]

    def _having(self, rows: pl.DataFrame, values: Mapping[str, Any]) -> pl.DataFrame:
        """The rows that have the values: by column, and without a plan where types are plain."""
        others = []
        for name, value in values.items():
            if type(value) in _PLAIN and rows.schema[name] == self.types[name]:
                rows = with_value(rows, name, value)
            else:
                others.append(pl.col(name) == pl.lit(value))
        return rows.filter(others) if others else rows

    def _group(self, file: DataFile, rows: pl.LazyFrame, group: Group) -> pl.DataFrame | None:
        assert self._hot is not None  # noqa: S101 -- who asks has looked
        return self._hot.find(
            GroupKey(self.snapshot.table_id, file.path, group.first),
            group.size,
            lambda: rows.slice(group.first, group.rows).collect(engine="streaming"),
        )

    def _file(self, file: DataFile) -> tuple[pl.LazyFrame, list[Group]]:
        """The rows of one file, and its row groups with bounds of the contract's key."""
        if (known := self._files.find(file.path)) is not None:
            return known
        groups = groups_of(self.snapshot, file, self.view.port.contract.key)
        return self._files.keep(file.path, (rows_of(self.snapshot, file), groups))
