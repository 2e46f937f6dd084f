"""Rejected rows as they wait: which do still, and which a later publication took the place of.

Owns what counts as waiting. Rows are kept before their publication lands, and leave after their
replay has landed: those of a publication that never did, and those of a replay that died before it
could take them out, are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from mesh.catalog.landed import landed_receipts
from mesh.catalog.quarantine_in_lake import ReplayPlan, Rows, landed_plans
from mesh.catalog.receipts import Receipt, transaction_of
from mesh.lake import Lake, Snapshot
from mesh.naming import ProductId
from mesh.products.modes import Overwrite, ReplacePartitions

PUBLICATION, ROW = "_mesh_publication", "_mesh_row"
PLACE = (PUBLICATION, ROW)
"""What tells a rejected row from every other: whose it was, and its position in that data."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The quarantine of a product at one version, and the product's table as it was seen then.

    `rows` are all rejected rows that are there. Those of `superseded` publications do not wait any
    more: a later one was made of the same source as a whole, and rejected them again if they are
    still wrong.
    """

    rows: pl.LazyFrame
    quarantine: Snapshot
    published: Snapshot
    superseded: frozenset[str]

    def waiting(self) -> pl.LazyFrame:
        """The rows that wait."""
        return self.rows.filter(~pl.col(PUBLICATION).is_in(sorted(self.superseded)))


def waiting_rows(product: ProductId, lake: Lake) -> Waiting | None:
    """The rejected rows of a product; None when there is no quarantine, or nothing published.

    The columns are those that `rejected_rows` gives.
    """
    quarantine, published = lake.quarantine(product).find(), lake.table(product).find()
    if quarantine is None or published is None:
        return None
    rows = quarantine.promised()
    kept = rows.select(pl.col(PUBLICATION).unique()).collect().to_series().to_list()
    landed = [name for name in kept if published.has_transaction(transaction_of(name))]
    rows = rows.filter(pl.col(PUBLICATION).is_in(landed))
    for plan in landed_plans(quarantine.table, published):
        rows = without(rows, plan)
    superseded = superseded_among(landed, landed_receipts(published))
    return Waiting(rows, quarantine, published, superseded)


def without(rows: pl.LazyFrame, plan: ReplayPlan) -> pl.LazyFrame:
    """The rows that a replay did not take."""
    return rows.join(places_of(plan.rows).lazy(), on=PLACE, how="anti")


def places_of(rows: Rows) -> pl.DataFrame:
    """Stretches of rows as one row each: publication and position."""
    frames = [
        pl.DataFrame({ROW: pl.int_range(first, last + 1, eager=True)}).select(
            pl.lit(name).alias(PUBLICATION), ROW
        )
        for name, stretches in rows.items()
        for first, last in stretches
    ]
    empty = pl.DataFrame(schema={PUBLICATION: pl.String, ROW: pl.Int64})
    return pl.concat([empty, *frames])


def superseded_among(publications: Iterable[str], receipts: Iterable[Receipt]) -> frozenset[str]:
    """Publications whose rejects do not wait any more, given receipts, newest first.

    Read only as far as there are publications left to judge.
    """
    left, found = set(publications), set()
    is_overwritten = False
    partitions: set[str] = set()
    for receipt in receipts:
        if not left:
            break
        if receipt.replay is not None:
            continue
        if receipt.publication_id in left:
            left.discard(receipt.publication_id)
            if is_overwritten or receipt.partition in partitions:
                found.add(receipt.publication_id)
        is_overwritten = is_overwritten or receipt.write_mode == Overwrite.name
        if receipt.write_mode == ReplacePartitions.name and receipt.partition:
            partitions.add(receipt.partition)
    return frozenset(found)
