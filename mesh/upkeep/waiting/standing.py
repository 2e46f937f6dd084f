"""What stands in a product's table under the keys of rows that waited.

Owns the decision whether a row that waited may still come in. Where a key may have one row for
good, it may when there is none. Where rows are upserted, it may when what is there is what was
there when the row was rejected: whoever published under that key since then knows better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from mesh.catalog.receipts import transaction_of
from mesh.errors import MeshError
from mesh.lake import Snapshot, Table
from mesh.lake.removed import require_readable
from mesh.products.declaration import DataProduct
from mesh.products.modes import SlowlyChanging, Upsert
from mesh.reading.waiting import PUBLICATION


@dataclass(frozen=True, slots=True)
class Standing:
    """A product's table as it is now, and how a row may come into it."""

    product: DataProduct
    published: Snapshot

    @property
    def table(self) -> Table:
        """The product's table."""
        return self.published.table

    @property
    def key(self) -> tuple[str, ...]:
        """What tells a row of the table from every other; empty when nothing does."""
        write = self.product.write
        if isinstance(write, Upsert | SlowlyChanging):
            return tuple(write.on)
        return self.product.contract.key

    def taken(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those of some rows that may not come in. They have the key and `_mesh_publication`."""
        if not isinstance(self.product.write, Upsert | SlowlyChanging):
            there = self.published.promised().select(self.key)
            return rows.join(_semi(there, rows), on=self.key, how="semi", nulls_equal=True)
        return pl.concat([rows.clear(), *self._overtaken(rows)])

    @property
    def _end(self) -> str:
        """A period's end, which other events of its key move."""
        write = self.product.write
        return write.valid_to if isinstance(write, SlowlyChanging) else ""

    def _overtaken(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        for (publication,), own in rows.partition_by(PUBLICATION, as_dict=True).items():
            now = self._under(self.published, own)
            then = self._as_it_was(str(publication), own)
            if then is None:  # nobody can tell: what is there stays
                yield own.join(now, on=self.key, how="semi", nulls_equal=True)
                continue
            same = [name for name in now.columns if name in then.columns and name != self._end]
            both = pl.concat([now.select(same), then.select(same)])
            changed = both.filter(~pl.struct(same).is_duplicated())
            yield own.join(changed, on=self.key, how="semi", nulls_equal=True)

    def _as_it_was(self, publication: str, rows: pl.DataFrame) -> pl.DataFrame | None:
        """What stood under the keys right after their publication; None when that is gone."""
        commit = self.published.commit_of(transaction_of(publication))
        if commit is None:
            return None
        try:
            require_readable(self.table, commit.version)
            return self._under(self.table.snapshot(commit.version), rows)
        except (MeshError, OSError, pl.exceptions.PolarsError):
            return None

    def _under(self, snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
        return _semi(snapshot.promised(), rows.select(self.key))


def _semi(there: pl.LazyFrame, rows: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in rows.columns if name in there.collect_schema().names()]
    wanted = rows.select(names).unique().lazy()
    found = there.join(wanted, on=names, how="semi", nulls_equal=True)
    return found.collect(engine="streaming")
