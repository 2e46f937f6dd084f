"""A product's function on sampled inputs, and the gate's verdict on what it makes of them.

Owns the call. Nothing is published, and no lake is read. What a function raises is its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.contracts.verdict import Verdict
from mesh.engines.function_probe import some_partition
from mesh.lake.changes import as_inserts
from mesh.products.declaration import DataProduct, SqlModel
from mesh.reading.snapshot import annotations_of, in_form
from mesh.settings import Settings
from mesh.testing.judging import Judge
from mesh.testing.sampling import Samples


@dataclass(frozen=True, slots=True)
class Tried:
    """The verdict, and dbt's data tests that failed, as people read them."""

    verdict: Verdict
    data_tests: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """What the rows do not keep, a line a rule."""
        rules = (
            f"{item.failed:,} of {self.verdict.rows:,} rows break `{item.rule.text}`"
            if item.rule.counts_rows
            else f"`{item.rule.text}` is broken{f': {item.message}' if item.message else ''}"
            for item in self.verdict.failures
        )
        return (*rules, *(f"dbt test {name} fails" for name in self.data_tests))


def tried(product: DataProduct, samples: Samples, settings: Settings) -> Tried:
    """What a product makes of samples of its inputs. Raises whatever its function raises."""
    frames = {port: _input(product, port, samples) for port in product.inputs}
    known = samples.sampled_for(product.contract, str(product.id))
    judge = Judge(product.contract, known, str(product.id), product.write_rules)
    if isinstance(product.transform, SqlModel):
        return _built(product, product.transform, frames, settings, judge)
    function = product.transform
    wanted = annotations_of(function)
    arguments: dict[str, Any] = {
        port: in_form(frame.lazy(), wanted.get(port)) for port, frame in frames.items()
    }
    if "partition" in inspect.signature(function).parameters and "partition" not in arguments:
        arguments["partition"] = some_partition(product)
    return Tried(judge.verdict(function(**arguments)))


def _input(product: DataProduct, port: str, samples: Samples) -> pl.DataFrame:
    """The declared columns of an input's sample; of an incremental one, all rows as new ones."""
    declared = product.inputs[port]
    rows = samples.rows_of(str(samples.product(declared.product).id))
    chosen = rows if declared.columns is None else rows.select(declared.columns)
    return as_inserts(chosen.lazy(), 0, None).collect() if declared.incremental else chosen


def _built(
    product: DataProduct,
    model: SqlModel,
    inputs: Mapping[str, pl.DataFrame],
    settings: Settings,
    judge: Judge,
) -> Tried:
    from mesh.engines.dbt import build

    with build(model, product, inputs, settings=settings, run_id="sampled") as built:
        failed = tuple(test.name for test in built.failed_tests)
        return Tried(judge.verdict(built.reader), failed)
