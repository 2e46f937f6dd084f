"""A transform run aside: its result lies in a folder of one's own, and nothing else is written.

Owns what a preview and a reproduction have in common: dbt's state is a copy, and rows are judged
where they lie.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mesh.contracts.verdict import Finding
from mesh.errors import TransformError
from mesh.orchestration.transforming import explained, transformed
from mesh.products.declaration import DataProduct, SqlModel
from mesh.publishing.refusing import refused_columns
from mesh.publishing.source import source_of
from mesh.publishing.spooling import Spooled, spooled
from mesh.publishing.trial import Judged, Trial
from mesh.reading import PinnedInput
from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Aside:
    """Where a product's transform may run without anybody noticing."""

    product: DataProduct
    folder: Path
    settings: Settings
    run_id: str

    def made(
        self,
        pinned: Mapping[str, PinnedInput],
        frames: Mapping[str, pl.LazyFrame],
        partition: str = "",
    ) -> tuple[Spooled, tuple[Finding, ...]]:
        """What the transform makes of rows of its inputs, and what its engine found.

        Raises TransformError, and what reading raises.
        """
        own = self._own_settings()
        publishing = self.settings.publishing
        try:
            with transformed(
                self.product, frames, settings=own, run_id=self.run_id, partition=partition
            ) as result:
                source = source_of(result.data, batch_rows=publishing.batch_rows)
                with source.cleanup:
                    found = spooled(source, self.product, self.folder, publishing)
                    return found, result.findings
        except TransformError as error:
            raise explained(error, self.product, pinned) from error.__cause__

    def _own_settings(self) -> Settings:
        """Settings whose state is in the folder; dbt finds there what it has parsed before."""
        state = self.folder / "state"
        if isinstance(self.product.transform, SqlModel):
            kept = self.settings.path(self.settings.state) / "dbt" / "parsed"
            parsed = kept / f"{self.product.id}.msgpack"
            if parsed.is_file():
                target = state / "dbt" / "parsed" / parsed.name
                target.parent.mkdir(parents=True)
                shutil.copyfile(parsed, target)
        return self.settings.model_copy(update={"state": state})


def judged(trial: Trial, found: Spooled) -> Judged:
    """What the gate says of rows that were made aside."""
    if found.different:
        return Judged(refused_columns(found.different))
    return trial.judge(found.table(), found.rows())
