"""Inputs, pinned to a version and handed over as a transform wants them.

Owns the pinning: the version is fixed once, when the run starts, so that the receipt can name it
and a re-run can ask for it again.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.catalog.receipts import InputVersion, Reading
from mesh.errors import NotPublishedError, UndeclaredColumnError, UnknownColumnError
from mesh.lake import Lake, Snapshot, Table
from mesh.lake.removed import require_readable
from mesh.lake.streaming import batches_of_frame
from mesh.products.ports import Input


@dataclass(frozen=True, slots=True)
class PinnedInput:
    """An input port at one version of the product's table. Holds no data.

    `environment` is that of the table when the run's own has not built the product.
    """

    port: str
    input: Input
    table: Table
    version: int
    columns: tuple[str, ...]
    undeclared: tuple[str, ...] = ()
    increment: InputIncrement | None = None
    environment: str = ""
    opened: Snapshot | None = field(default=None, compare=False, repr=False)

    @property
    def used(self) -> InputVersion:
        """What the receipt says of it."""
        plain = InputVersion(
            self.input.product,
            self.version,
            self.port,
            self.columns,
            environment=self.environment,
        )
        if self.increment is None:
            return plain
        told = self.increment
        return replace(
            plain, since=told.since, how=told.how, reason=told.reason, table_id=told.table_id
        )

    def scan(self) -> pl.LazyFrame:
        """The declared columns of that version, read when they are needed.

        Of an incremental input only what changed, and the columns that say how.
        """
        if self.increment is None:
            snapshot = self.opened or self.table.snapshot(self.version)
            return snapshot.promised().select(self.columns)
        return self.increment.rows


@dataclass(frozen=True, slots=True)
class InputIncrement:
    """What an incremental input hands over, and from after which version."""

    rows: pl.LazyFrame
    how: Reading
    table_id: str
    since: int | None = None
    reason: str = ""


def pin(port: str, declared: Input, lake: Lake, *, version: int | None = None) -> PinnedInput:
    """Fix an input to a version of its product, the latest unless said otherwise.

    A product that the lake has not is read from the first it falls back to that has it.

    Raises NotPublishedError when there is nothing to read, and UnknownColumnError when the port
    declares a column that the product does not have. A version that upkeep removed is
    VersionRemovedError.
    """
    home = lake.home_of(declared.id)
    table = home.table(declared.id)
    snapshot = table.find(version)
    if snapshot is not None and version is not None:
        require_readable(table, version)
    if snapshot is None:
        raise NotPublishedError(
            f"{declared.product} is not published yet{_nowhere(lake)}",
            where=f"input {port!r}",
            hint=f"`mesh run {declared.product}` first",
        )
    present = tuple(snapshot.schema.names)
    columns = tuple(declared.columns) if declared.columns is not None else present
    for name in columns:
        if name not in present:
            raise UnknownColumnError(name, present, where=f"input {port!r}: {declared.product}")
    return PinnedInput(
        port=port,
        input=declared,
        table=table,
        version=snapshot.version,
        columns=columns,
        undeclared=tuple(name for name in present if name not in columns),
        environment=home.environment if home.is_fallback else "",
        opened=snapshot,
    )


def pinned_whole(product: str, snapshot: Snapshot) -> PinnedInput:
    """A version of a product, with all its columns."""
    columns = tuple(snapshot.schema.names)
    used = Input(product)
    return PinnedInput("read", used, snapshot.table, snapshot.version, columns, opened=snapshot)


def _nowhere(lake: Lake) -> str:
    """Where else it was looked for; empty when nothing is fallen back to."""
    if not lake.fallbacks:
        return ""
    others = " or ".join(f"{other.environment} ({other.url})" for other in lake.fallbacks)
    return f" in {lake.environment}, nor in {others}, which it falls back to"


def hand_over(pinned: PinnedInput, wanted: object = pl.LazyFrame) -> Any:
    """The input as the parameter is annotated: a lazy frame by default.

    Also a Polars `DataFrame`, an Arrow `Table`, `RecordBatchReader` or `Dataset`, or a pandas
    `DataFrame`.
    """
    return in_form(pinned.scan(), wanted)


def in_form(frame: pl.LazyFrame, wanted: object = pl.LazyFrame) -> Any:
    """A lazy frame's rows in the form of an annotation."""
    return _FORMS[_form(wanted)](frame)


def is_lazy(wanted: object) -> bool:
    """Whether an annotation asks for a lazy frame, as does none at all."""
    return _form(wanted) == _LAZY


def annotations_of(function: Callable[..., Any]) -> Mapping[str, object]:
    """What each parameter of a transform is annotated as; annotations may be text."""
    try:
        return typing.get_type_hints(function)
    except NameError:  # an annotation under TYPE_CHECKING: its text says enough
        return inspect.get_annotations(function)


def undeclared_column(name: str, inputs: Mapping[str, PinnedInput]) -> UndeclaredColumnError | None:
    """The error for a column that a transform did not find, if an input has it undeclared."""
    for port, pinned in inputs.items():
        if name in pinned.undeclared:
            return UndeclaredColumnError(
                f"the transform reads {pinned.input.product}.{name}, which its input does not "
                "declare",
                where=f"input {port!r}",
                hint=f"add {name!r} to the columns of the input",
            )
    return None


def _form(wanted: object) -> str:
    """The form that an annotation asks for: a lazy frame where it names no other."""
    name = _type_name(wanted)
    return name if name in _FORMS else _LAZY


def _type_name(wanted: object) -> str:
    if isinstance(wanted, str):
        return _ALIASES.get(wanted, wanted)
    module = getattr(wanted, "__module__", "").partition(".")[0]
    return f"{module}.{getattr(wanted, '__name__', '')}"


def _as_pandas(frame: pl.LazyFrame) -> Any:
    return _as_arrow(frame).to_pandas()


def _as_arrow(frame: pl.LazyFrame) -> pa.Table:
    return frame.collect().to_arrow()


def _as_reader(frame: pl.LazyFrame) -> pa.RecordBatchReader:
    schema = pl.DataFrame(schema=frame.collect_schema()).to_arrow().schema
    batches = (b for piece in batches_of_frame(frame) for b in piece.to_arrow().to_batches())
    return pa.RecordBatchReader.from_batches(schema, batches)


def _as_dataset(frame: pl.LazyFrame) -> Any:
    import pyarrow.dataset

    return pyarrow.dataset.dataset(_as_arrow(frame))


_LAZY = "polars.LazyFrame"
_FORMS: Mapping[str, Callable[[pl.LazyFrame], Any]] = {
    _LAZY: lambda frame: frame,
    "polars.DataFrame": lambda frame: frame.collect(),
    "pyarrow.Table": _as_arrow,
    "pyarrow.RecordBatchReader": _as_reader,
    "pyarrow.Dataset": _as_dataset,
    "pyarrow.InMemoryDataset": _as_dataset,
    "pandas.DataFrame": _as_pandas,
}
_ALIASES = {
    "pl.LazyFrame": "polars.LazyFrame",
    "pl.DataFrame": "polars.DataFrame",
    "pa.Table": "pyarrow.Table",
    "pa.RecordBatchReader": "pyarrow.RecordBatchReader",
    "ds.Dataset": "pyarrow.Dataset",
    "pyarrow.dataset.Dataset": "pyarrow.Dataset",
    "pd.DataFrame": "pandas.DataFrame",
}
