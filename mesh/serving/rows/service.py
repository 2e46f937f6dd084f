"""A product's rows, answered: a page, one row by its key, sums.

Owns pages. A page is of one version of the table, however long a client takes to go through them:
the cursor names it, and the query that it goes on with.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.errors import DefinitionError, Problem
from mesh.reading.governed import GovernedRead
from mesh.serving.problems import ProblemError
from mesh.serving.rows.conditions import value_of
from mesh.serving.rows.wanted import Wanted

_FEW_BYTES = 500


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a query goes on: the table's version, how many rows are done, and of which query."""

    version: int
    done: int
    query: str

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what `str` wrote. Raises ProblemError (404)."""
        try:
            if len(text) > _FEW_BYTES:
                raise ValueError  # noqa: TRY301 -- as every other nonsense
            padded = text + "=" * (-len(text) % 4)
            version, done, query = json.loads(base64.urlsafe_b64decode(padded))
            if not (type(version) is type(done) is int and min(version, done) >= 0):
                raise ValueError  # noqa: TRY301
        except (ValueError, TypeError, RecursionError):
            raise _unknown("there is no such page of these rows") from None
        return cls(version, done, str(query))

    def __str__(self) -> str:
        """As a client sends it back."""
        text = json.dumps([self.version, self.done, self.query], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows, and the cursor of those that follow; empty at the end."""

    rows: pl.DataFrame
    following: str = ""


def page(read: GovernedRead, wanted: Wanted, cursor: Cursor | None) -> RowPage:
    """The rows that a query asks for, after those that are done. Raises ProblemError (404)."""
    query = _name(read, wanted)
    if cursor is not None and cursor.query != query:
        raise _unknown("the cursor is of another query, or what you may see has changed")
    done = cursor.done if cursor else 0
    key = [name for name in read.view.port.contract.key if name in read.columns]
    rows = wanted.ordered(wanted.filtered(read.scan()), key)
    found = rows.select(wanted.select).slice(done, wanted.limit + 1).collect(engine="streaming")
    if found.height <= wanted.limit:
        return RowPage(found)
    following = Cursor(read.version, done + wanted.limit, query)
    return RowPage(found.head(wanted.limit), str(following))


def table(read: GovernedRead, wanted: Wanted) -> pa.RecordBatchReader:
    """All rows for which a query's conditions hold, as they come."""
    if not wanted.conditions:
        return read.reader(columns=wanted.select)
    schema = pa.schema([read.schema.field(name) for name in wanted.select])
    needed = tuple(dict.fromkeys([*wanted.select, *(c.column for c in wanted.conditions)]))
    conditions = [condition.expression for condition in wanted.conditions]

    def batches() -> Iterator[pa.RecordBatch]:
        with closing(read.batches(needed)) as found:
            for batch in found:
                kept = batch.filter(conditions).select(wanted.select)
                yield from (
                    kept.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema).to_batches()
                )

    return pa.RecordBatchReader.from_batches(schema, batches())


def row(read: GovernedRead, parts: Sequence[str]) -> pl.DataFrame:
    """The row of a key, given as one text for each of its columns; no rows when there is none.

    Raises DefinitionError for parts that are no key of it, and AccessDeniedError where the key is
    not seen as it is.
    """
    contract = read.view.port.contract
    if not contract.key:
        raise DefinitionError.of(
            f"{read.view.port.name} promises no key", where="key", hint="ask for rows by conditions"
        )
    if len(parts) != len(contract.key):
        names = ",".join(contract.key)
        what = f"the key has {len(contract.key)} parts, with commas between: {names}"
        raise DefinitionError.of(what, where="key")
    masked = {column.name for column in read.view.columns if column.mask}
    if unseen := [name for name in contract.key if name in masked or name not in read.columns]:
        read.refuse(f"{', '.join(unseen)} of the key is not shown to you")
    return read.lookup(_typed(read, contract.key, parts))


def moment_of(text: str | None) -> datetime | None:
    """A moment that is asked for; UTC where it says no other. Raises DefinitionError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DefinitionError.of(
            f"{text[:80]!r} is no moment", where="as_of", hint="such as 2026-01-31T12:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unknown(what: str) -> ProblemError:
    return ProblemError(404, what, hint="leave the cursor out to begin again")


def _typed(read: GovernedRead, key: Sequence[str], parts: Sequence[str]) -> dict[str, Any]:
    types, problems, found = read.types, [], {}
    for name, text in zip(key, parts, strict=True):
        try:
            found[name] = value_of(text, types[name])
        except ValueError as error:
            problems.append(Problem(str(error), f"key: {name}"))
    if problems:
        raise DefinitionError(problems)
    return found


def _name(read: GovernedRead, wanted: Wanted) -> str:
    """Names what is asked of what is seen, apart from the page."""
    told = json.dumps([read.digest, wanted.told])
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def tag(read: GovernedRead, asked: Iterable[tuple[str, str]], form: str) -> str:
    """Names the answer to a request: the same for the same rows in the same form."""
    told = json.dumps([read.digest, sorted(asked), form])
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'
