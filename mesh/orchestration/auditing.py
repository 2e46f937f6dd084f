"""Published rows against the contract as it is declared now: nothing is written.

Owns which rows are looked at: a version, or some partitions of it, of the product's own table or of
the one that this environment falls back to. The verdict is the gate's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mesh.contracts.arrow import arrow_schema, guarded_columns
from mesh.contracts.model import Contract
from mesh.contracts.verdict import Verdict
from mesh.errors import MeshError, NotPublishedError, TransformError
from mesh.lake import Lake, Snapshot
from mesh.lake.partitions import partition_value
from mesh.lake.unreadable import naming_damage, why_unreadable
from mesh.products.choosing import Choice
from mesh.products.declaration import DataProduct, SqlModel
from mesh.publishing.trial import Trial
from mesh.reading import referenced_values
from mesh.settings import PublishingSettings


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found: of which rows, and against which version of the contract.

    `environment` is that of the table when the product was not built in one's own. `added` are
    promised columns that the table has not yet, of which every row is null. `left_out` are dbt's
    data tests, which only a build can ask.
    """

    product: str
    contract_version: str
    table_version: int
    verdict: Verdict
    environment: str = ""
    partitions: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no rule of severity error is broken, nor left undecided."""
        return self.verdict.is_accepted

    def as_json(self) -> dict[str, Any]:
        """The audit as plain values."""
        return {
            "product": self.product,
            "contract_version": self.contract_version,
            "table_version": self.table_version,
            "environment": self.environment,
            "partitions": list(self.partitions),
            "added_columns": list(self.added),
            "data_tests_left_out": list(self.left_out),
            "holds": self.holds,
            "verdict": self.verdict.as_json(),
        }


def audit(
    product: DataProduct,
    lake: Lake,
    settings: PublishingSettings,
    *,
    version: int | None = None,
    partitions: Choice | None = None,
    contract: Contract | None = None,
) -> Audit:
    """Judge published rows, in one pass and in bounded memory.

    Rules on the whole set are asked of all rows that are looked at, together. Values that are not
    for everyone are not in the verdict.

    Args:
        product: what is promised now.
        lake: where the product is, or what falls back to where it is.
        settings: how to use this machine.
        version: of the table; the latest by default.
        partitions: of the table's first partition column; all by default.
        contract: what to hold the rows against instead of the product's own.

    Raises:
        NotPublishedError: there are no such rows.
        UnknownPartitionError: the version has no such partition.
        StorageError: the table cannot be read.
        GateError: a rule cannot be decided.
    """
    promised = contract or product.contract
    snapshot, environment = _published(product, lake, version)
    rows, chosen = _rows(product, snapshot, partitions)
    rows, added = _completed(rows, promised)
    references, _ = referenced_values(promised, lake, {}, own=str(product.id))
    trial = Trial(product, promised, settings, references)
    verdict = _verdict(trial, rows, snapshot)
    hidden = promised.guarded_columns | guarded_columns(snapshot.schema)
    tests = product.transform.data_tests if isinstance(product.transform, SqlModel) else ()
    return Audit(
        product=str(product.id),
        contract_version=str(promised.version),
        table_version=snapshot.version,
        verdict=verdict.without_values_of(hidden),
        environment=environment,
        partitions=chosen,
        added=added,
        left_out=tuple(tests),
    )


def _published(product: DataProduct, lake: Lake, version: int | None) -> tuple[Snapshot, str]:
    """The table, and the environment that it is read from when that is another."""
    home = lake.home_of(product.id)
    snapshot = home.table(product.id).find(version)
    if snapshot is None:
        raise NotPublishedError(
            f"{product.id} is not published yet", hint=f"`mesh run {product.id}` first"
        )
    return snapshot, home.environment if home.is_fallback else ""


def _rows(
    product: DataProduct, snapshot: Snapshot, partitions: Choice | None
) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """The rows of the chosen partitions, and which those are; of all when none were asked for."""
    if partitions is None:
        return snapshot.promised(), ()
    if not snapshot.partition_by:
        raise MeshError(
            "its table has no partitions", where=str(product.id), hint="leave --partitions out"
        )
    column = snapshot.partition_by[0]
    present = {file.partition_values.get(column) for file in snapshot.files}
    known = tuple(sorted(text for text in present if text is not None))
    chosen = partitions.among(known, where=str(product.id))
    kind = snapshot.schema.field(column).type
    values = pl.Series([partition_value(text, kind) for text in chosen])
    return snapshot.promised().filter(pl.col(column).is_in(values.implode())), chosen


def _completed(rows: pl.LazyFrame, contract: Contract) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """The rows, with nullable columns that the table is yet to get."""
    present = set(rows.collect_schema().names())
    types = pl.DataFrame(arrow_schema(contract).empty_table()).schema
    added = [c.name for c in contract.columns if c.is_nullable and c.name not in present]
    columns = [pl.lit(None, dtype=types[name]).alias(name) for name in added]
    return rows.with_columns(columns), tuple(added)


def _verdict(trial: Trial, rows: pl.LazyFrame, snapshot: Snapshot) -> Verdict:
    with naming_damage(snapshot.table, snapshot.version):
        try:
            return trial.judge(rows, rows).verdict
        except TransformError as error:  # here no domain's code made the rows: it is the table
            damage = why_unreadable(snapshot.table, snapshot.version, error.__cause__)
            raise damage or error from error.__cause__


def only_rules(contract: Contract, rules: Sequence[str]) -> Contract:
    """The contract with only these rules, by id."""
    return replace(contract, rules=tuple(rule for rule in contract.rules if rule.id in rules))
