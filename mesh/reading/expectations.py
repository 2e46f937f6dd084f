"""Whether a pinned input is what its consumer expects.

Owns the measuring: from what the Delta log says of its files where that is enough, otherwise in one
scan of the columns in question. Of an incremental input the whole pinned version is measured, not
the change alone. An unmet expectation is a finding; a table that cannot be read is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.contracts import wording
from mesh.contracts.arrow import LOGICAL_TYPE, guarded_columns, type_name
from mesh.contracts.verdict import Finding, Outcome
from mesh.errors import DefinitionError, Problem
from mesh.lake import DataFile, Snapshot
from mesh.lake.unreadable import naming_damage
from mesh.products.expectations import WHOLE, Expectation, expectations_of
from mesh.products.ports import parse_duration
from mesh.reading.snapshot import PinnedInput

_MEASURES = {
    "max_null_share": "nulls",
    "min": "min",
    "max": "max",
    "max_age": "max",
    "unique": "repeated",
    "isin": "other",
}
"""What is measured of a column for each word."""
_OF_ROWS = frozenset({"max_null_share", "unique", "isin", "min_rows", "max_rows"})
"""Words for which it matters how many rows there are."""
_EXACT_IN_LOG = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.Date)
"""Types whose bounds in the log are the values themselves: texts and times may be cut."""


def expected_findings(
    inputs: Mapping[str, PinnedInput], *, now: datetime | None = None
) -> tuple[Finding, ...]:
    """What every expectation of every input comes to. `now` is UTC.

    Raises DamagedTableError and other StorageErrors when a table cannot be read.
    """
    moment = now or datetime.now(UTC)
    return tuple(
        finding for port, item in inputs.items() for finding in _findings(port, item, moment)
    )


def _findings(port: str, pinned: PinnedInput, now: datetime) -> Iterable[Finding]:
    expected = expectations_of(port, pinned.input)
    if not expected:
        return ()
    snapshot = pinned.opened or pinned.table.snapshot(pinned.version)
    _require_sense(expected, snapshot)
    with naming_damage(pinned.table, pinned.version):
        measured = _Measuring(snapshot, now).all(expected)
    hidden = guarded_columns(snapshot.schema)
    return [
        _finding(item, found, is_hidden=item.column in hidden)
        for item, found in zip(expected, measured, strict=True)
    ]


def _require_sense(expected: Sequence[Expectation], snapshot: Snapshot) -> None:
    """Refuse what cannot be measured: `mesh check` says so before a run."""
    problems = []
    for item in expected:
        if item.column == WHOLE or item.column not in snapshot.schema.names:
            continue
        if why := item.unfit_for(type_name(_promised_type(snapshot, item.column))):
            problems.append(Problem(why, f"input {item.port!r}", f"change expects of {item.word}"))
    if problems:
        raise DefinitionError(problems)


def _promised_type(snapshot: Snapshot, column: str) -> pa.DataType:
    stored = snapshot.schema.field(column)
    is_duration = (stored.metadata or {}).get(LOGICAL_TYPE.encode()) == b"duration"
    return pa.duration("us") if is_duration else stored.type


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one expectation came to: whether it is met, by how many rows not, and what was found.

    `is_value` when `found` quotes a value of the data.
    """

    is_met: bool
    found: str
    rows: int = 0
    is_value: bool = False


def _finding(item: Expectation, measured: _Measured, *, is_hidden: bool) -> Finding:
    if measured.is_met:
        return Finding(item.rule, Outcome.PASSED)
    found = (
        "a value that is not for everyone" if is_hidden and measured.is_value else measured.found
    )
    return Finding(item.rule, Outcome.FAILED, measured.rows or 1, message=f"found {found}")


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log says of a version; None where it does not say enough."""

    files: Sequence[DataFile]

    @property
    def rows(self) -> int | None:
        """Rows of the table."""
        counts = [file.rows for file in self.files]
        return sum(counts) if all(counts) else None

    def nulls(self, column: str) -> int | None:
        """Rows in which a column is null."""
        counts = [file.nulls.get(column) for file in self.files]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def bound(self, column: str, *, is_high: bool) -> tuple[Any] | None:
        """The lowest or highest value of a column, in a tuple: it may be None."""
        values = []
        for file in self.files:
            found = file.bounds.get(column, (None, None))[1 if is_high else 0]
            if found is not None:
                values.append(found)
            elif file.nulls.get(column) != file.rows or not file.rows:
                return None
        return ((max(values) if is_high else min(values)) if values else None,)


class _Measuring:
    """One version of a table, measured as seldom as possible."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self._snapshot = snapshot
        self._now = now
        self._log = _Log(snapshot.files)
        self._rows = snapshot.promised()
        self._types = self._rows.collect_schema()

    def all(self, expected: Sequence[Expectation]) -> list[_Measured]:
        """What each expectation comes to."""
        wanted = dict.fromkeys(name for item in expected for name in self._measures(item))
        known = {name: told for name in wanted if (told := self._in_log(*name)) is not None}
        rest = [name for name in wanted if name not in known]
        scanned = self._scanned(rest, expected) if rest else {}
        values = {name: known[name][0] if name in known else scanned[name] for name in wanted}
        return [self._judged(item, values) for item in expected]

    def _measures(self, item: Expectation) -> list[tuple[str, str]]:
        if item.column not in (WHOLE, *self._types):
            return []
        own = [(_MEASURES[item.word], item.column)] if item.word in _MEASURES else []
        return [*own, ("rows", "")] if item.word in _OF_ROWS else own

    def _in_log(self, measure: str, column: str) -> tuple[Any] | None:
        """A measure as the log tells it; None when it does not."""
        if measure == "rows":
            return None if self._log.rows is None else (self._log.rows,)
        if measure == "nulls":
            # NaN is no value either, and the log does not count it.
            is_exact = not self._types[column].is_float()
            nulls = self._log.nulls(column) if is_exact else None
            return None if nulls is None else (nulls,)
        if measure in {"min", "max"} and isinstance(self._types[column], _EXACT_IN_LOG):
            return self._log.bound(column, is_high=measure == "max")
        return None

    def _scanned(
        self, measures: Sequence[tuple[str, str]], expected: Sequence[Expectation]
    ) -> dict[tuple[str, str], Any]:
        """The other measures, from the rows, in one pass."""
        allowed = {item.column: item.value for item in expected if item.word == "isin"}
        asked = [
            self._expression(measure, column, allowed).alias(str(number))
            for number, (measure, column) in enumerate(measures)
        ]
        row = self._rows.select(asked).collect(engine="streaming").row(0)
        return dict(zip(measures, row, strict=True))

    def _expression(self, measure: str, column: str, allowed: Mapping[str, Any]) -> pl.Expr:
        if measure == "rows":
            return pl.len()
        values = pl.col(column)
        is_float = self._types[column].is_float()
        missing = values.is_null() | values.is_nan() if is_float else values.is_null()
        present = values.filter(~missing)
        if measure == "other":
            return (~present.is_in(self._typed(column, allowed[column]))).sum()
        return {
            "nulls": missing.sum(),
            "min": present.min(),
            "max": present.max(),
            "repeated": present.len() - present.n_unique(),
        }[measure]

    def _typed(self, column: str, values: Iterable[Any]) -> pl.Series:
        """Values in the type of a column; those that it cannot hold are in no row."""
        kind = self._types[column]
        own = [_as_type(value, kind) for value in values]
        return pl.Series(own, dtype=kind, strict=False)

    def _judged(self, item: Expectation, values: Mapping[tuple[str, str], Any]) -> _Measured:
        if item.column not in (WHOLE, *self._types):
            return _Measured(is_met=False, found="no such column")
        rows = values.get(("rows", ""), 0)
        if item.word == "max_null_share":
            nulls = values["nulls", item.column]
            found = f"{nulls / (rows or 1):.4g} ({nulls:,} of {wording.rows(rows)})"
            return _Measured(nulls <= item.value * rows, found, nulls)
        if item.word in {"min", "max"}:
            return self._bounded(item, values[item.word, item.column])
        if item.word in {"unique", "isin"}:
            kind = "repeated" if item.word == "unique" else "other"
            count = values[kind, item.column]
            what = "repeat a value" if item.word == "unique" else "have another value"
            return _Measured(not count, f"{count:,} of {wording.rows(rows)} that {what}", count)
        if item.word in {"min_rows", "max_rows"}:
            is_met = rows >= item.value if item.word == "min_rows" else rows <= item.value
            return _Measured(is_met, wording.rows(rows))
        return self._aged(item, values)

    def _bounded(self, item: Expectation, found: Any) -> _Measured:
        if found is None:  # without values there is none beyond the bound
            return _Measured(is_met=True, found="no value")
        bound = _as_type(item.value, self._types[item.column])
        is_met = found >= bound if item.word == "min" else found <= bound
        kind = "lowest" if item.word == "min" else "highest"
        return _Measured(bool(is_met), f"{found} as the {kind}", is_value=True)

    def _aged(self, item: Expectation, values: Mapping[tuple[str, str], Any]) -> _Measured:
        allowed = item.value if isinstance(item.value, timedelta) else parse_duration(item.value)
        if item.word == "published_within":
            commit = self._snapshot.table.commit_at(self._snapshot.version)
            latest, what = (commit.timestamp if commit else None), "a publication of"
        else:
            latest, what = values["max", item.column], "the latest of"
        if latest is None:
            return _Measured(is_met=False, found="no moment at all")
        moment = _moment(latest)
        found = f"{what} {moment:%Y-%m-%d %H:%M} UTC"
        return _Measured(self._now - moment <= allowed, found, is_value=item.word == "max_age")


def _as_type(value: Any, kind: pl.DataType) -> Any:
    """What was expected in the type of a column: times may be written as text."""
    if not kind.is_temporal() or isinstance(kind, pl.Duration):
        return value
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(kind, pl.Date):
        return read.date() if isinstance(read, datetime) else read
    moment = _moment(read)
    return (
        moment if isinstance(kind, pl.Datetime) and kind.time_zone else moment.replace(tzinfo=None)
    )


def _moment(value: date) -> datetime:
    """A date's start or a time, in UTC; local time is taken for UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC)
