"""References: whether the values of some columns are among those of another product, or of its own.

Owns the look-up, in groups of as many columns as a rule has. A group with a null refers to nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.model import Rule
from mesh.contracts.rules import Target
from mesh.contracts.verdict import Finding, Outcome
from mesh.publishing.counting import MAX_SAMPLES
from mesh.publishing.set_parts import Asked, Parts, StagedRows


@dataclass(slots=True)
class Referring:
    """Rows whose values are not among the known ones: how many, and some of them.

    `known` has the rule's columns, in the contract's types.
    """

    rule: Rule
    columns: Sequence[str]
    known: pl.DataFrame
    failed: int = 0
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, frame: pl.DataFrame) -> None:
        """Look the rows of one batch up."""
        own = list(self.rule.columns)
        counted = frame.select(own).drop_nulls().group_by(own).len("_mesh_count")
        missing = counted.join(self.known, on=own, how="anti")
        if missing.is_empty():
            return
        rows = frame.join(missing, on=own, how="semi", maintain_order="left")
        with self._lock:
            self.failed += int(missing.get_column("_mesh_count").sum())
            room = MAX_SAMPLES - len(self.samples)
            self.samples += rows.select(self.columns).head(room).to_dicts()

    def close(self) -> None:
        """Forget the samples."""
        self.samples = []

    def finding(self) -> Finding:
        """What was found."""
        outcome = Outcome.FAILED if self.failed else Outcome.PASSED
        return Finding(self.rule, outcome, self.failed, samples=tuple(self.samples))


def reference_parts(rule: Rule, asked: Asked) -> Parts:
    """How a rule on references is decided."""
    target, shown = Target.of(rule), asked.shown(rule)
    types = arrow_schema(asked.contract, rule.columns)
    if target.product == asked.own:
        return None, lambda accepted, _: _among_themselves(rule, target, shown, accepted)
    if str(target) not in asked.references:
        message = f"{target.product} has no publication to compare with"
        return None, lambda _, __: Finding(rule, Outcome.SKIPPED, message=message)
    found = asked.references[str(target)]
    known = found.to_frame() if isinstance(found, pl.Series) else found
    empty = pl.DataFrame(types.empty_table())
    named = known.rename(dict(zip(known.columns, rule.columns, strict=True)))
    typed = named.select(pl.col(name).cast(empty.schema[name]) for name in rule.columns)
    referring = Referring(rule, shown, typed.drop_nulls().unique())
    return referring, lambda _, __: referring.finding()


def _among_themselves(
    rule: Rule, target: Target, shown: Sequence[str], accepted: StagedRows
) -> Finding:
    """A reference to the product itself: to its new rows, and to those that stay."""
    targets = list(target.columns)
    known = accepted.frame.select(targets)
    if (beside := accepted.beside()) is not None:
        known = pl.concat([known, beside.select(targets)], how="vertical_relaxed")
    renamed = known.select(
        pl.col(there).alias(here) for here, there in zip(rule.columns, targets, strict=True)
    )
    values = renamed.drop_nulls().unique().collect(engine="streaming")
    referring = Referring(rule, shown, values)
    for frame in accepted.frames(list(dict.fromkeys(shown))):
        referring.add(frame)
    return referring.finding()
