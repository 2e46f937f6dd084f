"""Which of the rows in quarantine pass by now, and what the others still break.

Owns the questions that are asked of each row: the contract's rules on rows, its references, and its
keys, of which a table has each once. A row never takes the place of one that is newer: see
`Standing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import arrow_type, why_not
from mesh.contracts.model import Contract, Rule, Scope
from mesh.contracts.rules import Target
from mesh.errors import DefinitionError, Problem
from mesh.lake.unreadable import naming_damage
from mesh.products.declaration import DataProduct
from mesh.publishing.batch import Batch
from mesh.publishing.conformance import PROVENANCE, Conformance, LossyCastError
from mesh.publishing.gate import Gate
from mesh.publishing.set_parts import References
from mesh.reading.waiting import PLACE, PUBLICATION, ROW
from mesh.settings import PublishingSettings
from mesh.upkeep.waiting.choice import REJECTED_AT
from mesh.upkeep.waiting.standing import Standing

BROKEN = "_mesh_broken"
_INDEX = "_mesh_index"


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows that pass, in the contract's columns and with where they come from, and the others.

    `broken` has a place and the ids of the rules that the row breaks.
    """

    passing: pl.DataFrame
    broken: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Sorting:
    """One product's rules, asked of rows that wait. `references` are as `Gate` takes them."""

    product: DataProduct
    references: References
    settings: PublishingSettings

    def sorted(self, rows: pl.DataFrame, standing: Standing) -> Sorted:
        """Sort rows. Raises DefinitionError when columns are not the contract's any more."""
        whole = fitted(rows, self.product.contract, str(self.product.id))
        whole = whole.sort(REJECTED_AT, *PLACE).with_row_index(_INDEX)
        broken = [self._by_rule(whole), *self._by_reference(whole)]
        left = whole.join(pl.concat(broken), on=_INDEX, how="anti")
        broken += self._by_key(left, standing)
        told = pl.concat(broken).group_by(_INDEX).agg(pl.col(BROKEN).unique(maintain_order=True))
        passing = whole.join(told, on=_INDEX, how="anti", maintain_order="left")
        places = whole.join(told, on=_INDEX).select(*PLACE, BROKEN)
        return Sorted(passing.drop(_INDEX), places)

    def _by_rule(self, whole: pl.DataFrame) -> pl.DataFrame:
        """The rows that break rules on rows, once for each."""
        contract = self.product.contract
        rules = tuple(r for r in contract.rules if r.scope is Scope.ROW and r.is_blocking)
        gate = Gate(replace(contract, rules=rules), key_memory_bytes=self.settings.key_memory_bytes)
        batches = _batches(whole, contract, str(self.product.id), self.settings.batch_rows)
        try:
            found = [gate.check(batch).rejected for batch in batches]
        finally:
            gate.close()
        index = pl.col(ROW).cast(pl.get_index_type()).alias(_INDEX)
        named = (
            rejected.select(index, pl.col("_mesh_rules").alias(BROKEN)).explode(BROKEN)
            for rejected in found
            if rejected is not None
        )
        return pl.concat([_none(), *named])

    def _by_reference(self, whole: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The rows that refer to nothing. What cannot be looked up is left to the gate."""
        for rule in self.product.contract.rules:
            known = self.references.get(str(rule.arguments.get("to", "")))
            if known is None or rule.check != "references" or not rule.is_blocking:
                continue
            if len(Target.of(rule).columns) > 1 or len(rule.columns) > 1:
                continue
            column = rule.columns[0]
            values = pl.DataFrame({column: known.unique().drop_nulls()})
            named = whole.select(_INDEX, column).drop_nulls(column)
            values = values.select(pl.col(column).cast(named.schema[column]))
            yield _breaking(named.join(values, on=column, how="anti"), rule)

    def _by_key(self, left: pl.DataFrame, standing: Standing) -> Iterator[pl.DataFrame]:
        """Of rows with one key all but the latest, and then those whose key is taken."""
        for rule in self.product.rules:
            if rule.check != "unique":
                continue
            key = list(rule.columns)
            earlier = left.filter(~pl.struct(key).is_last_distinct())
            yield _breaking(earlier, rule)
            left = left.filter(pl.struct(key).is_last_distinct())
            if set(key) == set(standing.key):
                with naming_damage(standing.table):
                    taken = standing.taken(left.select(*key, PUBLICATION, _INDEX))
                yield _breaking(taken, rule)


def fitted(rows: pl.DataFrame, contract: Contract, product: str) -> pl.DataFrame:
    """Rows of an older quarantine in the contract's columns, and where they come from.

    A column that came later is null. Raises DefinitionError that names every column which is gone
    and has values, or which has become another type.
    """
    problems = []
    types = rows.to_arrow().schema
    for name in rows.columns:
        if name in PROVENANCE.names:
            continue
        values = rows.get_column(name)
        if name not in contract.column_names and values.null_count() < rows.height:
            problems.append(Problem(f"rows that wait have a column {name!r}, which is gone"))
        elif name in contract.column_names:
            promised = contract.column(name).type
            if why := why_not(types.field(name).type, arrow_type(promised)):
                what = f"column {name!r} waits as {types.field(name).type}, and is promised as"
                problems.append(Problem(f"{what} {promised}: {why}"))
    if problems:
        hint = f"put it back, or `mesh quarantine discard {product}` such rows and publish again"
        raise DefinitionError(
            [replace(p, where=f"{product}, quarantine", hint=hint) for p in problems]
        )
    return rows.select(
        *(
            pl.col(name) if name in rows.columns else _nulls(contract, name)
            for name in contract.column_names
        ),
        *PROVENANCE.names,
    )


def _nulls(contract: Contract, name: str) -> pl.Expr:
    empty = pl.Series(pa.array([], arrow_type(contract.column(name).type)))
    return pl.lit(None, dtype=empty.dtype).alias(name)


def _batches(whole: pl.DataFrame, contract: Contract, product: str, rows: int) -> Iterator[Batch]:
    conformance = Conformance(contract)
    table = whole.select(contract.column_names).to_arrow()
    offset = 0
    for batch in table.to_batches(max_chunksize=rows):
        try:
            yield conformance.logical(batch, offset)
        except LossyCastError as error:
            hint = f"`mesh quarantine discard {product}` such rows"
            where = f"{product}, quarantine"
            raise DefinitionError.of(str(error.difference), where=where, hint=hint) from error
        offset += batch.num_rows


def _breaking(rows: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    return rows.select(_INDEX, pl.lit(rule.id).alias(BROKEN))


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={_INDEX: pl.get_index_type(), BROKEN: pl.String})
