"""Publish checked data: the only write path.

Owns the order of things: ask whether it was done before, compare columns, gate and stage in one
pass, give the verdict, keep rejected rows, make one commit that carries the receipt. Knows nothing
of Dagster and of the catalog: callers pass data in and get a `Receipt` or a `Refusal` back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.catalog.foreign import foreign_before
from mesh.catalog.receipts import (
    RECEIPT_KEY,
    ForeignVersion,
    InputVersion,
    Receipt,
    Refusal,
    RuleTally,
    publication_id,
    transaction_of,
)
from mesh.contracts import wording
from mesh.contracts.arrow import Difference
from mesh.contracts.locked import Limits
from mesh.contracts.model import Contract
from mesh.contracts.verdict import Finding, Outcome, Verdict
from mesh.errors import StorageError
from mesh.lake import Lake, Snapshot, Table
from mesh.lake.unreadable import naming_damage
from mesh.products.declaration import DataProduct
from mesh.products.modes import Overwrite, SlowlyChanging, Upsert
from mesh.products.ports import Quarantine
from mesh.publishing import quarantine
from mesh.publishing.commit import AlreadyLanded, Commit
from mesh.publishing.conformance import Conformance, LossyCastError
from mesh.publishing.contract_history import keep_contract, require_unchanged
from mesh.publishing.gate import Gate
from mesh.publishing.increment import Increment
from mesh.publishing.landing import KEEPS_ITS_HISTORY
from mesh.publishing.modes import Incoming, KeysTaken, Planned, Planning
from mesh.publishing.modes.changing import silent_schema
from mesh.publishing.modes.deletes import Deletes
from mesh.publishing.modes.staying import staying
from mesh.publishing.pipeline import Pipeline
from mesh.publishing.profiling import KeptProfile, Profiling
from mesh.publishing.receipt import first_receipt
from mesh.publishing.refusing import refused_columns
from mesh.publishing.replaying import Replaying, rules_of_rows
from mesh.publishing.set_parts import References, StagedRows
from mesh.publishing.source import Source, batches_of, source_of
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings


def publish(  # noqa: PLR0913 -- what a publication is, by keyword
    product: DataProduct,
    data: Any,
    *,
    lake: Lake,
    run_id: str,
    partition: str = "",
    inputs: Sequence[InputVersion] = (),
    references: References | None = None,
    findings: Sequence[Finding] = (),
    increment: Increment | None = None,
    replaying: Replaying | None = None,
    settings: PublishingSettings | None = None,
    seen: Snapshot | None = None,
) -> Receipt | Refusal:
    """Publish what a transform returned, if the contract holds.

    Args:
        product: what is promised, and how to write it.
        data: any Arrow producer: a Polars frame or lazy frame, an Arrow table, reader or dataset, a
            pandas frame, a DuckDB relation, anything with `__arrow_c_stream__`.
        lake: where the table lives.
        run_id: with product and partition, the identity of the publication: the same again commits
            nothing and returns the first receipt.
        partition: the partition that this is a publication of, empty for none.
        inputs: versions that were read, for the receipt.
        references: values of columns that the contract refers to, by `domain.product_v1.column`,
            or `….a,b` for several columns, which are a frame. Those of itself are not needed.
        findings: what was found on the whole set before the gate, such as dbt's data tests.
        increment: for a product with incremental inputs, what it goes on from.
        replaying: for rows from quarantine, where they come from.
        settings: how to use this machine.
        seen: the table as it was lately, which spares reading its log again.

    Returns:
        A `Receipt` when it was published, a `Refusal` when the data broke the contract; then the
        table is exactly as it was.

    Raises:
        ContractChangedError: the contract's version was published with another content.
        TransformError: the producer failed midway.
        StorageError: the lake failed; CommitConflictError and StorageFullError may be tried again.
    """
    publication = _Publication(
        product=product,
        lake=lake,
        run_id=run_id,
        partition=partition,
        inputs=tuple(inputs),
        findings=tuple(findings),
        increment=increment,
        replaying=replaying,
        settings=settings or PublishingSettings(),
    )
    publication.seen = publication.table.refreshed(seen)
    earlier = first_receipt(publication.seen, publication.id)
    if earlier is not None:
        return earlier.as_repeated()
    require_unchanged(product, publication.seen)
    source = source_of(data, batch_rows=publication.settings.batch_rows)
    with source.cleanup:
        if different := publication.incoming.differences(source.schema):
            return publication.refused_by_columns(different)
        publication.table.store.probe()
        return publication.run(source, references or {})


def find_receipt(
    product: DataProduct,
    lake: Lake,
    *,
    run_id: str,
    partition: str = "",
    seen: Snapshot | None = None,
) -> Receipt | None:
    """The receipt of a publication that has landed; None when it has not.

    `seen` is the table as it was lately, which spares reading its log again.
    """
    identity = publication_id(str(product.id), run_id, partition)
    return first_receipt(lake.table(product.id).refreshed(seen), identity)


@dataclass(slots=True)
class _Publication:
    """One publication under way."""

    product: DataProduct
    lake: Lake
    run_id: str
    partition: str
    inputs: tuple[InputVersion, ...]
    findings: tuple[Finding, ...]
    increment: Increment | None
    replaying: Replaying | None
    settings: PublishingSettings
    seen: Snapshot | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    foreign: tuple[ForeignVersion, ...] = ()

    @property
    def id(self) -> str:
        return publication_id(str(self.product.id), self.run_id, self.partition)

    @property
    def table(self) -> Table:
        return self.lake.table(self.product.id)

    @property
    def conformance(self) -> Conformance:
        return Conformance(self.product.contract)

    @property
    def incoming(self) -> Incoming:
        return Incoming(self.product.contract, self.product.write)

    def run(self, source: Source, references: References) -> Receipt | Refusal:
        with ExitStack() as cleanup:
            gate = Gate(
                self._held_to,
                references=references,
                key_memory_bytes=self.settings.key_memory_bytes,
                extra_rules=self.product.write_rules,
                limits=Limits(
                    self.settings.sql_memory_bytes, self.settings.sql_seconds, self.settings.workers
                ),
                own=str(self.product.id),
            )
            cleanup.callback(gate.close)
            stage, rejects = self._stage(), self._rejects()
            planning = self._planning(stage)
            kept = KeptProfile(self.table, self.id, stage)
            cleanup.enter_context(_discarding(kept, stage, rejects, planning.staged_deletes))
            profiling = Profiling.of(self.product.id, self.product.contract, self.settings)
            incoming = replace(self.incoming, deletes=planning.deletes)
            pipeline = Pipeline(
                gate=gate,
                conformance=self.conformance,
                stage=stage,
                rejects=rejects,
                with_provenance=self._with_provenance,
                workers=self.settings.workers,
                profiling=profiling,
            )
            batches = batches_of(source, batch_rows=self.settings.batch_rows)
            try:
                lost = pipeline.run(incoming.rows(batches))
            except LossyCastError as error:  # the first batches are asked for outside of the run
                lost = error.difference
            if lost is not None:
                return self.refused_by_columns((lost,))
            verdict = gate.finish(
                StagedRows(
                    self.conformance.restored(stage.rows()),
                    self.product.contract.column_names,
                    lambda: staying(planning, self.seen, self.increment),
                ),
                tolerance=self.product.on_violation.tolerance,
                can_quarantine=rejects is not None,
                earlier=self.findings,
            )
            if not verdict.is_accepted:
                return self._refusal(verdict)
            if (clashing := planning.clashes()) is not None:
                told = "that the same publication deletes"
                return self._refusal(_with_taken_keys(verdict, clashing, self.product, told))
            if rejects is not None and verdict.rejected:
                quarantine.keep(rejects, self.id)
            if profiling is not None:
                kept.keep(profiling.profile)
            outcome = self._commit(planning, verdict)
            return kept.settle(outcome) if isinstance(outcome, Receipt) else outcome

    def _commit(self, planning: Planning, verdict: Verdict) -> Receipt | Refusal:
        keep_contract(self.table, self.product.contract, self.seen)
        commit = Commit(
            planning=planning,
            transaction=transaction_of(self.id),
            metadata_of=lambda planned, base: self._metadata(verdict, planned, base),
            configuration=KEEPS_ITS_HISTORY,
            increment=self.increment,
            replaying=self.replaying,
        )
        with naming_damage(self.table):  # keys and upserts read what is there
            outcome = commit.run(self.seen)
        if isinstance(outcome, KeysTaken):
            told = "that is in the table already"
            return self._refusal(_with_taken_keys(verdict, outcome, self.product, told))
        if isinstance(outcome, AlreadyLanded):
            receipt = first_receipt(self.table.find(), self.id)
            if receipt is None:
                raise StorageError(
                    "the publication has landed, but its receipt is gone from the history",
                    where=self.table.url,
                    hint="`mesh catalog sync` and look at the catalog's receipts",
                )
            return receipt.as_repeated()
        return self._receipt(verdict, outcome.planned).with_table_version(outcome.version)

    def refused_by_columns(self, different: Sequence[Difference]) -> Refusal:
        return self._refusal(refused_columns(different))

    def _refusal(self, verdict: Verdict) -> Refusal:
        return Refusal(
            publication_id=self.id,
            product=str(self.product.id),
            contract_version=str(self.product.contract.version),
            run_id=self.run_id,
            partition=self.partition,
            refused_at=self.now,
            verdict=verdict,
            inputs=self.inputs,
        )

    def _receipt(self, verdict: Verdict, planned: Planned) -> Receipt:
        return Receipt(
            publication_id=self.id,
            product=str(self.product.id),
            contract_version=str(self.product.contract.version),
            contract_digest=self.product.contract.digest,
            run_id=self.run_id,
            partition=self.partition,
            published_at=self.now,
            table_url=self.table.url,
            write_mode=self._write_mode,
            rows_accepted=verdict.accepted,
            rows_rejected=verdict.rejected,
            rows_deleted=planned.rows_deleted,
            tallies=RuleTally.all_of(
                verdict.without_values_of(self.product.contract.guarded_columns)
            ),
            inputs=self.inputs,
            notes=self.increment.notes if self.increment is not None else (),
            files=len(planned.written),
            bytes=sum(file.size for file in planned.written),
            code_version=self.product.code_version,
            mesh_version=mesh_version(),
            foreign=self.foreign,
            replay=self.replaying.replay if self.replaying is not None else None,
        )

    @property
    def _held_to(self) -> Contract:
        """What the gate asks: of replayed rows no rules that are about all rows of the product."""
        contract = self.product.contract
        return contract if self.replaying is None else rules_of_rows(contract)

    @property
    def _write_mode(self) -> str:
        """What this publication did to the table: a rebuild overwrites it."""
        is_rebuild = self.increment is not None and self.increment.is_rebuild
        return Overwrite.name if is_rebuild else self.product.write.name

    def _metadata(
        self, verdict: Verdict, planned: Planned, base: Snapshot | None
    ) -> dict[str, str]:
        self.foreign = foreign_before(base)
        return {RECEIPT_KEY: json.dumps(self._receipt(verdict, planned).as_json())}

    def _planning(self, stage: Stage) -> Planning:
        """What the write mode needs beside the staged rows."""
        mode, deletes, silent = self.product.write, None, None
        if isinstance(mode, Upsert | SlowlyChanging):
            contract = self.product.contract
            schema = Deletes.schema_of(contract, tuple(mode.on))
            staged = self._beside(self.table, schema)
            deletes = Deletes.on(staged, contract, is_feed=self.incoming.is_feed)
            if isinstance(mode, SlowlyChanging):
                silent = self._beside(
                    self.lake.unchanged(self.product.id), silent_schema(schema, mode)
                )
        return Planning(self.product, stage, self.settings, deletes, silent)

    def _beside(self, table: Table, schema: pa.Schema) -> Stage:
        contract = self.product.contract
        return Stage(
            table=table,
            schema=schema,
            partition_by=(),
            publication=self.id,
            file_bytes=self.settings.file_bytes,
            unbounded=contract.guarded_columns,
        )

    def _stage(self) -> Stage:
        return Stage(
            table=self.table,
            schema=self.conformance.stored_schema,
            partition_by=self.product.partition_by,
            publication=self.id,
            file_bytes=self.settings.file_bytes,
            filtered_by=frozenset(self.product.contract.key),
            unbounded=self.product.contract.guarded_columns,
        )

    def _rejects(self) -> Stage | None:
        if not isinstance(self.product.on_violation, Quarantine):
            return None
        quarantined = self.lake.quarantine(self.product.id)
        return self._beside(quarantined, self.conformance.quarantine_schema)

    def _with_provenance(self, rejected: pl.DataFrame) -> pl.DataFrame:
        return rejected.with_columns(
            pl.lit(self.run_id).alias("_mesh_run"),
            pl.lit(self.id).alias("_mesh_publication"),
            pl.lit(self.now, dtype=pl.Datetime("us", "UTC")).alias("_mesh_rejected_at"),
        )


class _discarding:  # noqa: N801 -- reads as a statement
    """Discards what was staged, on the way out, unless it is kept by then."""

    def __init__(self, *stages: Stage | KeptProfile | None) -> None:
        self._stages = [stage for stage in stages if stage is not None]

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, *_: object) -> None:
        for stage in self._stages:
            stage.discard()


def _with_taken_keys(
    verdict: Verdict, taken: KeysTaken, product: DataProduct, told: str
) -> Verdict:
    """The verdict when the new rows are fine, but their keys are those of others."""
    mode = product.write
    key = tuple(mode.on if isinstance(mode, Upsert | SlowlyChanging) else product.contract.key)
    unique = (rule for rule in product.rules if rule.check == "unique")
    rule = next(rule for rule in unique if set(rule.columns) == set(key))
    finding = Finding(rule, Outcome.FAILED, taken.rows, samples=taken.samples)
    findings = tuple(finding if f.rule.id == rule.id else f for f in verdict.findings)
    have = "has" if taken.rows == 1 else "have"
    columns = ", ".join(key)
    reason = f"{wording.rows(taken.rows)} {have} a key ({columns}) {told}"
    return replace(verdict, findings=findings, reasons=(reason,))


def mesh_version() -> str:
    """The version of Mesh that is installed; empty when it is not installed as a package."""
    try:
        return version("mesh-data")
    except PackageNotFoundError:
        return ""
