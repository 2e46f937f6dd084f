"""Which rows of a table stay when a publication lands: a product may refer to them.

Owns that question for every write mode, asked before the commit is planned. Knows no rules.
"""

from __future__ import annotations

import polars as pl

from mesh.lake import Snapshot
from mesh.products.modes import Append, Overwrite, ReplacePartitions, Upsert
from mesh.publishing.increment import Increment
from mesh.publishing.modes.planning import Planning


def staying(
    planning: Planning, base: Snapshot | None, increment: Increment | None
) -> pl.LazyFrame | None:
    """The rows, in the contract's types, that a table keeps beside staged ones; None for none."""
    mode = planning.product.write
    is_rebuild = increment is not None and increment.is_rebuild
    if base is None or is_rebuild or isinstance(mode, Overwrite):
        return None
    rows = base.promised()
    if isinstance(mode, Append):
        return rows
    replaced = mode.by if isinstance(mode, ReplacePartitions) else mode.on
    fresh = [planning.stage.rows().select(replaced)]
    if planning.deletes is not None and isinstance(mode, Upsert):
        fresh.append(planning.deletes.stage.rows().select(replaced))
    keys = pl.concat(fresh, how="vertical_relaxed").unique()
    return rows.join(keys, on=list(replaced), how="anti", nulls_equal=True)
