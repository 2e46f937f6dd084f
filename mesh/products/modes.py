"""How a publication becomes part of its table: the write modes, and what is wrong with one.

Owns their words and the checks of a declaration that concern them. Knows nothing of files: what a
mode adds and removes is `mesh.publishing.modes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from mesh.contracts.model import Contract, Rule
from mesh.contracts.rules import RowCount, row_count, unique
from mesh.errors import Problem

if TYPE_CHECKING:
    import polars as pl

"""Delta's change data feed: what happened to a row, in which version, and when."""
_MOMENTS = ("timestamp", "local_timestamp", "date")


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Each publication is the whole table."""

    name: ClassVar[str] = "overwrite"


@dataclass(frozen=True, slots=True)
class Append:
    """Each publication adds its rows."""

    name: ClassVar[str] = "append"


@dataclass(frozen=True, slots=True)
class ReplacePartitions:
    """Each publication replaces the partitions that it has rows for."""

    by: Sequence[str]
    name: ClassVar[str] = "replace_partitions"

    def __post_init__(self) -> None:
        """Accept one column's name as well as a list."""
        object.__setattr__(self, "by", names(self.by))


@dataclass(frozen=True, slots=True)
class Upsert:
    """Each publication replaces the rows that have its keys, and adds the others.

    A row for which `delete_when` holds is not written: it removes the row that has its key. It is a
    Polars expression over the row, or the name of a column of booleans, and may use columns that
    are not the contract's, which are not stored: Delta's `_change_type`, or one of your own. Of
    such a row only the key is looked at. One publication has each key once; only a change data
    feed may tell an update in two rows, what was and what is.
    """

    on: Sequence[str]
    delete_when: pl.Expr | str | None = field(default=None, compare=False)
    condition: str = field(init=False, default="", repr=False)
    name: ClassVar[str] = "upsert"

    def __post_init__(self) -> None:
        """Accept one column's name as well as a list."""
        object.__setattr__(self, "on", names(self.on))
        object.__setattr__(self, "condition", _text(self.delete_when))


@dataclass(frozen=True, slots=True)
class SlowlyChanging:
    """Each publication says how things are from a moment on; the table keeps how they were.

    A row says the state of its `key` from `valid_from` on, until another row of that key says
    otherwise. The table has one row a key and period [`valid_from`, `valid_to`), and `valid_to` is
    null in the one that still holds. Mesh computes `valid_to`: a transform leaves it out. What
    changes nothing makes no new row; late, repeated and corrected input lead to the table that the
    same input would have made in order. A row for which `delete_when` holds (as in `Upsert`) ends
    the period at its `valid_from`. One publication has each key and `valid_from` once.
    """

    key: Sequence[str]
    valid_from: str
    valid_to: str
    delete_when: pl.Expr | str | None = field(default=None, compare=False)
    condition: str = field(init=False, default="", repr=False)
    name: ClassVar[str] = "slowly_changing"

    def __post_init__(self) -> None:
        """Accept one column's name as well as a list."""
        object.__setattr__(self, "key", names(self.key))
        object.__setattr__(self, "condition", _text(self.delete_when))

    @property
    def on(self) -> tuple[str, ...]:
        """What tells one row of a publication, and of the table, from another."""
        return (*self.key, self.valid_from)


WriteMode = Overwrite | Append | ReplacePartitions | Upsert | SlowlyChanging


def names(value: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)


def rules_of(mode: WriteMode, contract: Contract) -> tuple[Rule, ...]:
    """What a write mode cannot do without, unless the contract promises it already."""
    if isinstance(mode, Upsert | SlowlyChanging):  # two rows for one key: which would stay?
        key = tuple(mode.on)
        promised = (r.columns for r in contract.rules if r.check == "unique")
        return () if any(set(columns) == set(key) for columns in promised) else (unique(key),)
    if isinstance(mode, Overwrite):  # it would empty the table
        is_promised = any(r.check == "row_count" for r in contract.rules)
        return () if is_promised else (row_count(RowCount(at_least=1)),)
    return ()


def problems_of(
    mode: WriteMode, contract: Contract, partition_by: Sequence[str], where: str
) -> Iterator[Problem]:
    """What is wrong with a write mode under a contract."""
    if isinstance(mode, ReplacePartitions):
        yield from _unknown("ReplacePartitions(by)", mode.by, contract, where)
        if not set(mode.by) <= set(partition_by):
            what = "ReplacePartitions(by) names columns that partition_by does not"
            yield Problem(what, where=where)
    elif isinstance(mode, Upsert):
        yield from _upsert_problems(mode, contract, where)
        yield from _condition_problems(mode, where)
    elif isinstance(mode, SlowlyChanging):
        yield from _history_problems(mode, contract, partition_by, where)
        yield from _condition_problems(mode, where)


def _upsert_problems(mode: Upsert, contract: Contract, where: str) -> Iterator[Problem]:
    yield from _unknown("Upsert(on)", mode.on, contract, where)
    if not mode.on:
        yield Problem("Upsert needs a key", where=where, hint="Upsert(on=[…])")
    key = contract.key
    if key and set(mode.on) != set(key):
        hint = f"Upsert(on=[{_quoted(key)}])"
        yield Problem("Upsert(on) is not the contract's key", where=where, hint=hint)


def _history_problems(
    mode: SlowlyChanging, contract: Contract, partition_by: Sequence[str], where: str
) -> Iterator[Problem]:
    yield from _unknown("SlowlyChanging(key)", mode.key, contract, where)
    yield from _unknown("SlowlyChanging(valid_from)", [mode.valid_from], contract, where)
    yield from _unknown("SlowlyChanging(valid_to)", [mode.valid_to], contract, where)
    if not mode.key:
        yield Problem("SlowlyChanging needs a key", where=where, hint="SlowlyChanging(key=[…], …)")
    named = [*mode.key, mode.valid_from, mode.valid_to]
    if len(set(named)) < len(named):
        yield Problem("SlowlyChanging names a column twice", where=where)
    if contract.key and set(mode.on) != set(contract.key):
        hint = f"mark {', '.join(mode.on)} with mesh.Field(key=True), and no other"
        what = "SlowlyChanging: the contract's key is not (key, valid_from)"
        yield Problem(what, where=where, hint=hint)
    if mode.valid_to in partition_by:
        what = f"files cannot be laid out by {mode.valid_to!r}, which changes"
        yield Problem(what, where=where, hint="partition by a column that stays as it is")
    yield from _moment_problems(mode, contract, where)


def _moment_problems(mode: SlowlyChanging, contract: Contract, where: str) -> Iterator[Problem]:
    known = {column.name: column for column in contract.columns}
    begins, ends = known.get(mode.valid_from), known.get(mode.valid_to)
    if begins is not None and begins.type not in _MOMENTS:
        yield Problem(
            f"valid_from {begins.name!r} is a {begins.type}",
            where=where,
            hint="it is a moment or a day: mesh.UTCDatetime, datetime.datetime or datetime.date",
        )
    if begins is not None and begins.is_nullable:
        yield Problem(f"valid_from {begins.name!r} may be null", where=where, hint="drop nullable")
    if ends is not None and begins is not None and ends.type != begins.type:
        what = f"valid_to {ends.name!r} is a {ends.type}, valid_from a {begins.type}"
        yield Problem(what, where=where, hint="give both the same type")
    if ends is not None and not ends.is_nullable:
        hint = "mesh.Field(nullable=True): it is null in the row that still holds"
        yield Problem(f"valid_to {ends.name!r} is not nullable", where=where, hint=hint)


def _condition_problems(mode: Upsert | SlowlyChanging, where: str) -> Iterator[Problem]:
    if mode.delete_when is None:
        return
    import polars as pl

    from mesh.contracts.expressions import is_row_wise

    condition: object = mode.delete_when
    hint = 'delete_when=pl.col("_change_type") == "delete", or the name of a column of booleans'
    if not isinstance(condition, str | pl.Expr):
        what = f"delete_when is a {type(condition).__name__}"
        yield Problem(what, where=where, hint=hint)
    elif isinstance(condition, str) and not condition.isidentifier():
        what = f"delete_when {condition!r} is not the name of a column"
        yield Problem(what, where=where, hint=hint)
    elif isinstance(condition, pl.Expr) and not condition.meta.root_names():
        yield Problem("delete_when looks at no column", where=where, hint=hint)
    elif isinstance(condition, pl.Expr) and not is_row_wise(condition):
        what = f"delete_when looks at more than one row: {condition}"
        yield Problem(
            what, where=where, hint="make it a column of booleans in the transform, and name that"
        )


def _unknown(
    option: str, columns: Sequence[str], contract: Contract, where: str
) -> Iterator[Problem]:
    for column in columns:
        if column not in contract.column_names:
            yield Problem(
                f"{option} names {column!r}, which is not a column of the contract",
                where=where,
                hint=f"columns are {', '.join(contract.column_names)}",
            )


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in columns)


def _text(condition: object) -> str:
    """A condition in words: an expression has no equality of its own."""
    return "" if condition is None else str(condition)
