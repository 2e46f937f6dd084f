"""What rules on the whole set are made of: what watches each batch, and what decides at the end.

Owns the parts' shapes, and what they are given: the contract, limits, and the accepted rows once
more. Which rule has which parts is `publishing.set_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from mesh.contracts.locked import Limits
from mesh.contracts.model import Contract, Rule
from mesh.contracts.verdict import Finding
from mesh.errors import GateError
from mesh.lake.streaming import batches_of_frame
from mesh.publishing.counting import Counts

References = Mapping[str, pl.Series | pl.DataFrame]
"""Values of columns that a contract refers to, by how the rule's `to` names them."""


class StagedRows:
    """The accepted rows of a publication, to be read again by rules on the whole set.

    `beside` gives the rows that stay in the table next to them; None where there are none.
    """

    def __init__(
        self,
        frame: pl.LazyFrame,
        columns: Sequence[str],
        beside: Callable[[], pl.LazyFrame | None] = lambda: None,
    ) -> None:
        self.frame = frame.select(columns)
        self.beside = beside

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The rows' values in some columns, in pieces."""
        yield from batches_of_frame(self.frame.select(columns))


class Watch(Protocol):
    """What is told of every accepted batch, from many threads."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it wants to see."""

    def add(self, frame: pl.DataFrame) -> None:
        """Note one batch."""

    def close(self) -> None:
        """Forget what was noted."""


Decision = Callable[[StagedRows, int], Finding]
"""How a rule is decided: from the accepted rows, and how many there are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules are decided with, beside the rows.

    `own` is the product itself, as `references` name it; `counts` is told what to count.
    """

    contract: Contract
    references: References
    key_memory_bytes: int
    limits: Limits
    own: str = ""
    counts: Counts = field(default_factory=Counts)

    def shown(self, rule: Rule) -> list[str]:
        """The columns that tell of a broken rule: its own, and the key."""
        columns = rule.columns or self.contract.column_names
        return [*columns, *(name for name in self.contract.key if name not in columns)]


Parts = tuple[Watch | None, Decision]


@contextmanager
def rule_errors(rule: Rule) -> Iterator[None]:
    """Whatever a rule raises becomes GateError, with the cause chained.

    A domain's own check may raise anything: that is never a statement about the data.
    """
    try:
        yield
    except Exception as error:
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise GateError(
            f"rule `{rule.text}` cannot be decided: {type(error).__name__}: {text}",
            hint="call `validate` of the contract in a test with a small frame",
        ) from error
