"""A preview: what a run of a product would publish now, made aside and thrown away.

Owns the way from inputs to what is told of the result: the verdict of the gate, the first rows, a
profile, and what would change. Rows lie in a folder of their own while they are looked at. Nothing
of the lake, the catalog, Dagster or the mesh's own folders is written, and no value of a guarded
column is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from mesh.catalog.receipts import InputVersion
from mesh.contracts.arrow import guarded_columns
from mesh.contracts.profiling.measuring import profile
from mesh.contracts.profiling.profile import Profile
from mesh.contracts.verdict import HIDDEN, Finding, Verdict
from mesh.errors import MeshError
from mesh.lake import Lake, Snapshot
from mesh.lake.streaming import batches_of_frame
from mesh.orchestration.aside import Aside, judged
from mesh.orchestration.comparing import Comparison, Made, columns_of, compared
from mesh.orchestration.execution import Run
from mesh.orchestration.running import partitions_of
from mesh.orchestration.slicing import Cut, Slice, sliced
from mesh.orchestration.transforming import pinned_inputs, versions_of
from mesh.products.declaration import DataProduct
from mesh.products.modes import SlowlyChanging
from mesh.products.ports import Quarantine
from mesh.publishing.spooling import Spooled
from mesh.publishing.trial import Judged, Trial
from mesh.reading import PinnedInput, referenced_values
from mesh.reading.expectations import expected_findings
from mesh.reading.incremental import increments
from mesh.settings import Settings

_RUN = "preview"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to preview: a partition, a slice of the inputs, and how many rows to show."""

    partition: str = ""
    cut: Cut = field(default_factory=Cut)
    head: int = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would come to. `compared` is None when nothing is published yet.

    `head` are the first rows of what the transform returned, `profile` is of all of them.
    """

    product: str
    partition: str
    inputs: tuple[InputVersion, ...]
    sliced: Slice | None
    head: pl.DataFrame
    verdict: Verdict
    profile: Profile
    compared: Comparison | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The preview as plain values."""
        return {
            "product": self.product,
            "partition": self.partition,
            "inputs": [used.as_json() for used in self.inputs],
            "slice": self.sliced.as_json() if self.sliced else None,
            "notes": list(self.notes),
            "would_be_published": self.verdict.is_accepted,
            "verdict": self.verdict.as_json(),
            "head": self.head.to_dicts(),
            "profile": self.profile.as_json(),
            "compared": self.compared.as_json() if self.compared else None,
        }


def preview(product: DataProduct, lake: Lake, settings: Settings, asked: Asked) -> Preview:
    """Make what a run would publish now, and tell of it.

    Raises what a run raises: NotPublishedError, TransformError, UnknownPartitionError and others;
    UnknownInputError for a port that there is not.
    """
    inputs = _Inputs.of(product, lake, asked)
    frames, cut = sliced(inputs.pinned, asked.cut)
    references, referenced = referenced_values(
        product.contract, lake, inputs.versions, own=str(product.id)
    )
    home = lake.home_of(product.id)
    published = home.table(product.id).find()
    with tempfile.TemporaryDirectory(prefix="mesh-preview-") as name:
        aside = Aside(product, Path(name), settings, run_id=_RUN)
        found, findings = aside.made(inputs.pinned, frames, inputs.partition)
        trial = Trial(
            product,
            product.contract,
            settings.publishing,
            references,
            earlier=(*inputs.findings, *findings),
            tolerance=product.on_violation.tolerance,
            can_quarantine=isinstance(product.on_violation, Quarantine),
        )
        decided = judged(trial, found)
        environment = home.environment if home.is_fallback else ""
        result = _Result(product, found, decided, published, environment)
        return Preview(
            product=str(product.id),
            partition=inputs.partition,
            inputs=versions_of(inputs.pinned, referenced),
            sliced=cut,
            head=result.head(asked.head),
            verdict=decided.verdict.without_values_of(result.hidden),
            profile=_profile(found.rows(), result.hidden),
            compared=result.compared(is_whole=inputs.is_whole, is_slice=cut is not None),
            notes=(*inputs.notes, *_notes(asked, inputs, cut)),
        )


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a run would read now."""

    pinned: Mapping[str, PinnedInput]
    partition: str
    findings: tuple[Finding, ...]
    is_whole: bool = False
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, product: DataProduct, lake: Lake, asked: Asked) -> _Inputs:
        """Pin them; of incremental ones only what changed, where that can be told."""
        if asked.partition and product.partitions is None:
            raise MeshError(
                "it has no partitions", where=str(product.id), hint="leave --partition out"
            )
        partition = partitions_of(product, Run(_RUN, asked.partition))[-1]
        pinned = pinned_inputs(product, lake)
        findings = expected_findings(pinned)
        if not any(port.incremental for port in product.inputs.values()):
            return cls(pinned, partition, findings)
        found = increments(product, lake, pinned, partition=partition)
        notes = found.notes
        if found.unchanged is not None:
            notes = ("its inputs did not change since it was published: they are read whole",)
            is_history = isinstance(product.write, SlowlyChanging)
            unpublished = Lake(f"{lake.url}/nothing-here") if is_history else lake
            found = increments(
                product, unpublished, pinned, partition=partition, is_full_refresh=not is_history
            )
        return cls(found.inputs, partition, findings, found.is_whole, notes)

    @property
    def versions(self) -> dict[str, int]:
        """The versions by product."""
        return {item.input.product: item.version for item in self.pinned.values()}


def _notes(asked: Asked, inputs: _Inputs, cut: Slice | None) -> Iterator[str]:
    if inputs.partition and not asked.partition:
        yield f"partition {inputs.partition} is its last: `--partition` names another"
    if asked.cut.is_nothing:
        return
    if cut is not None:
        yield "rules on the whole set were asked of the slice: counts and shares may be others"
    else:
        yield "all rows of its inputs were read: there are no more"


def _profile(rows: pl.LazyFrame, hidden: frozenset[str]) -> Profile:
    return profile(rows.collect_schema(), batches_of_frame(rows), hidden=hidden)


@dataclass(frozen=True, slots=True)
class _Result:
    """Rows that were made, and the table that they would go to."""

    product: DataProduct
    found: Spooled
    judged: Judged
    published: Snapshot | None
    environment: str = ""

    @property
    def hidden(self) -> frozenset[str]:
        """Columns of which no value is told; those that the contract does not know are among them.

        Nobody said how carefully they are to be handled.
        """
        contract = self.product.contract
        known = guarded_columns(self.published.schema) if self.published is not None else ()
        unknown = set(self.found.rows().collect_schema()) - set(contract.column_names)
        return contract.guarded_columns | frozenset(known) | unknown

    def head(self, rows: int) -> pl.DataFrame:
        """The first rows, guarded values hidden."""
        frame = self.found.rows()
        hides = [
            pl.when(pl.col(name).is_not_null()).then(pl.lit(HIDDEN)).alias(name)
            for name in frame.collect_schema()
            if name in self.hidden
        ]
        return frame.head(rows).with_columns(hides).collect(engine="streaming")

    def compared(self, *, is_whole: bool, is_slice: bool) -> Comparison | None:
        """What would change; None when nothing is published."""
        if self.published is None:
            return None
        judged = self.judged
        rows = judged.accepted if judged.verdict.is_accepted else judged.rows
        if rows is None:
            found = columns_of(self.found.rows(), self.published)
        else:
            made = Made(
                rows,
                self.found.deleted,
                is_whole=is_whole,
                is_slice=is_slice,
                has_key=not self._repeats_keys,
            )
            found = compared(self.product, made, self.published, self.hidden)
        return replace(found, environment=self.environment)

    @property
    def _repeats_keys(self) -> bool:
        key = set(self.product.contract.key)
        return any(
            item.rule.check == "unique" and set(item.rule.columns) == key
            for item in self.judged.verdict.failures
        )
