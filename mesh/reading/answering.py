"""SQL over products, answered with exactly what its reader may see of them.

Owns how a statement, governed reads and an isolated process come together: whatever policy takes
away is gone before the statement meets a row, and the statement runs where there is nothing else. A
view with a filter would be no barrier: a predicate that fails tells of the row that it failed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from mesh.contracts.isolation.ahead import Processes
from mesh.contracts.isolation.process import Isolated, Table, Task
from mesh.contracts.locked import Limits
from mesh.errors import StatementError
from mesh.reading.governed import GovernedRead
from mesh.reading.reader import Reader
from mesh.reading.statement import Source, Statement
from mesh.settings import SqlSettings


@dataclass(frozen=True, slots=True)
class Question:
    """A statement, its parameters, and what it may take. `most_rows` None is any number."""

    statement: Statement
    limits: Limits
    parameters: Sequence[Any] = ()
    most_rows: int | None = None

    @classmethod
    def of(
        cls,
        sql: str,
        known: Callable[[str], str],
        settings: SqlSettings,
        parameters: Sequence[Any] = (),
    ) -> Question:
        """A question within a mesh's limits. Raises StatementError and UnknownProductError."""
        limits = Limits(settings.memory_bytes, settings.seconds, settings.threads)
        return cls(Statement.of(sql, known), limits, parameters, settings.rows or None)


@contextmanager
def answered(
    question: Question,
    reads: Mapping[Source, GovernedRead],
    process: Isolated | None = None,
) -> Iterator[pa.RecordBatchReader]:
    """The answer to a question, as it comes: Arrow batches.

    Args:
        question: what is asked.
        reads: each of its statement's sources as its reader may see it.
        process: one that was started ahead; by default one is started now.

    Raises StatementError, and what reading a product raises, also while the answer is read.
    """
    tables = {}
    for source, read in reads.items():
        columns = question.statement.columns(read.columns)
        schema = pa.schema([read.schema.field(name) for name in columns])
        tables[source.name] = Table(schema, partial(read.reader, columns=columns))
    with _answered(question, reads, tables, process or Isolated()) as rows:
        yield rows


@contextmanager
def _answered(
    question: Question,
    reads: Mapping[Source, GovernedRead],
    tables: Mapping[str, Table],
    process: Isolated,
) -> Iterator[pa.RecordBatchReader]:
    task = Task(
        text=question.statement.text,
        tables=tables,
        limits=question.limits,
        parameters=question.parameters,
        most_rows=question.most_rows,
    )
    try:
        with process.answering(task) as rows:
            yield rows
    except StatementError as error:
        hint = error.hint or _hidden(question.statement, reads)
        raise StatementError(error.what, where=error.where, hint=hint) from None


@dataclass(slots=True)
class Answer:
    """A statement that runs, and its rows as they come. Somebody has to close it."""

    schema: pa.Schema
    rows: pa.RecordBatchReader
    _leaving: ExitStack

    def close(self) -> None:
        """End it, whatever it does."""
        self._leaving.close()


def begun(question: Question, reader: Reader, processes: Processes) -> Answer:
    """Begin a statement of a reader's.

    Raises StatementError, AccessDeniedError, and what reading a product raises.
    """
    with ExitStack() as leaving:
        found = answered(question, opened_for(question, reader), processes.take())
        rows = leaving.enter_context(found)
        return Answer(rows.schema, rows, leaving.pop_all())


def described(question: Question, reader: Reader, processes: Processes) -> pa.Schema:
    """The schema of the answer to a statement, for which no row is read.

    Raises what `begun` raises.
    """
    reads = opened_for(question, reader)
    tables = {
        source.name: Table(read.schema, partial(_no_rows, read.schema))
        for source, read in reads.items()
    }
    with _answered(question, reads, tables, processes.take()) as rows:
        return rows.schema


def opened_for(question: Question, reader: Reader) -> dict[Source, GovernedRead]:
    """Each source of a question as its reader may see it. Raises what `Reader.read` raises."""
    return {
        source: reader.read(source.product, version=source.version, as_of=source.as_of)
        for source in question.statement.sources
    }


def _no_rows(schema: pa.Schema) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(schema, ())


def _hidden(statement: Statement, reads: Mapping[Source, GovernedRead]) -> str:
    """Which column that the statement may mean is not seen, and why."""
    for read in reads.values():
        for column in read.view.hidden:
            if column.name.lower() in statement.words:
                why = "; ".join(f"{note.id}: {note.reason}" for note in column.notes)
                return f"{read.view.port.name}.{column.name} is not shown to you ({why})"
    return ""
