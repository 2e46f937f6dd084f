"""A view of a port, made into a plan over one version of its table, or over some of its rows.

Owns the order in which it is made: columns in the types that the contract promises, then rows that
are not seen left out, then masks. What cannot be done to a version refuses it as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

from mesh.access.masks import column_after, masked, polars_type, problems_of
from mesh.access.model import ColumnView, MaskKind, View
from mesh.contracts.arrow import arrow_schema, arrow_type, why_not
from mesh.contracts.model import Column
from mesh.errors import AccessDeniedError
from mesh.reading.snapshot import PinnedInput

MASK = "mesh.mask"
"""Key in a column's metadata that names the mask that it is seen behind."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of one version: a plan, and the types that it gives in Arrow and in Polars.

    Nothing may be added to `frame`, since Polars moves filters down to the files: before masks.
    """

    frame: pl.LazyFrame
    schema: pa.Schema
    steps: Steps

    @property
    def types(self) -> pl.Schema:
        """As Polars has them."""
        return pl.Schema(self.schema)


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done to rows, in this order: types, rows that are not seen left out, masks."""

    promised: Sequence[pl.Expr]
    rows: pl.Expr | None
    masks: Sequence[pl.Expr]
    columns: Sequence[str]

    @property
    def are_none(self) -> bool:
        """Whether rows are seen as they are, if not all of their columns."""
        return not self.promised and self.rows is None and not self.masks

    def over(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """What is seen of rows that a version has, or of some of them."""
        frame = rows.with_columns(self.promised) if self.promised else rows
        if self.rows is not None:
            frame = frame.filter(self.rows)
        return (frame.with_columns(self.masks) if self.masks else frame).select(self.columns)


def seen_of(pinned: PinnedInput, view: View, key: bytes) -> Seen:
    """What a view shows of a pinned version; `key` is what its hashes are keyed with.

    The version is pinned with all its columns. Raises AccessDeniedError where nothing is seen, and
    where a mask or a filter cannot be put on this version.
    """
    frame = pinned.scan()
    present = frame.collect_schema()
    shown = _shown(view, present)
    wanted = [*(c.name for c in shown), *_filtered(view)]
    columns = {c.name: view.port.contract.column(c.name) for c in shown}
    steps = Steps(
        tuple(_promised(view, present, wanted)),
        None if view.rows is None else view.rows.expression,
        tuple(masked(c.mask, columns[c.name], key) for c in shown if c.mask is not None),
        tuple(columns),
    )
    return Seen(steps.over(frame), _schema(view, shown, columns), steps)


def _shown(view: View, present: Iterable[str]) -> list[ColumnView]:
    """The columns that are seen and that the version has."""
    there, contract = set(present), view.port.contract
    hidden = {column.name for column in view.hidden}
    shown = [
        column
        for column in view.columns
        if column.name in there
        and column.name not in hidden
        and not (column.mask and column.mask.kind is MaskKind.DROP)
    ]
    unfit = [
        problem
        for column in shown
        if column.mask is not None
        for problem in problems_of(column.mask, contract.column(column.name))
    ]
    if unfit:
        raise _denied(view, f"a mask cannot be put on it: {'; '.join(unfit)}")
    if not shown:
        raise _denied(view, "no column of it is seen")
    return shown


def _filtered(view: View) -> tuple[str, ...]:
    """The columns that decide about rows."""
    if view.rows is None:
        return ()
    names = tuple(view.rows.expression.meta.root_names())
    unknown = sorted(set(names) - set(view.port.contract.column_names))
    if unknown:
        raise _denied(view, f"rows are told apart by {', '.join(unknown)}, which it has not")
    return names


def _promised(
    view: View, present: Mapping[str, pl.DataType], wanted: Iterable[str]
) -> Iterator[pl.Expr]:
    """Columns that the version has otherwise than the contract promises them now.

    One that came later is null. One that was widened since is wide.
    """
    for name in dict.fromkeys(wanted):
        kind = view.port.contract.column(name).type
        promised = polars_type(kind)
        if name not in present:
            yield pl.lit(None, dtype=promised).alias(name)
        elif present[name] != promised:
            found = pl.DataFrame(schema={name: present[name]}).to_arrow().schema.field(name).type
            if why_not(found, arrow_type(kind)):
                raise _denied(view, f"this version has {name} as {found}, which was {kind} later")
            yield pl.col(name).cast(promised, strict=False)


def _schema(view: View, shown: Iterable[ColumnView], columns: Mapping[str, Column]) -> pa.Schema:
    """The columns as they are behind their masks; any may be null, as in the table."""
    masks = {column.name: column.mask for column in shown}
    after = [
        column_after(mask, column) if (mask := masks[name]) else column
        for name, column in columns.items()
    ]
    contract = replace(view.port.contract, columns=tuple(after))
    fields = []
    for told in arrow_schema(contract):
        mask = masks[told.name]
        said = {**(told.metadata or {}), **({MASK: str(mask.kind)} if mask else {})}
        fields.append(told.with_nullable(True).with_metadata(said or None))  # noqa: FBT003 -- Arrow's
    return pa.schema(fields)


def _denied(view: View, why: str) -> AccessDeniedError:
    return AccessDeniedError(
        f"{view.principal.name} may read {view.port.name}, but {why}",
        where=view.port.name,
        hint=f"`mesh policy explain {view.port.name} --as {view.principal.name}` tells why",
    )
