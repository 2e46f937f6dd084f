"""`POST /v1/sql`: a statement over products, answered as one Arrow stream.

Owns the request's shape. What a statement may say, and what it sees, is `mesh.reading`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from mesh.reading.answering import Answer, begun
from mesh.reading.reader import Reader
from mesh.serving.bodies import read_json
from mesh.serving.readers import Readers
from mesh.serving.rows.asking import AskingInSql
from mesh.serving.streamed import streamed_rows

router = APIRouter()
Value = str | int | float | bool | None


class Asked(BaseModel):
    """A statement and its parameters."""

    model_config = ConfigDict(extra="forbid")

    statement: str = Field(max_length=100_000)
    parameters: list[Value] = Field(default_factory=list, max_length=1_000)


async def _asked(request: Request) -> Asked:
    body = await read_json(request)
    try:
        return Asked.model_validate(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


@router.post("/sql")
def sql(
    request: Request, reader: AskingInSql, asked: Annotated[Asked, Depends(_asked)]
) -> Response:
    """The answer to a SELECT."""
    return _answer(request.app.state.readers, reader, asked)


def _answer(readers: Readers, reader: Reader, asked: Asked) -> Response:
    question = readers.question(asked.statement, asked.parameters)
    found = begun(question, reader, readers.processes)
    return streamed_rows(pa.RecordBatchReader.from_batches(found.schema, _batches(found)))


def _batches(found: Answer) -> Iterator[pa.RecordBatch]:
    try:
        yield from found.rows
    finally:
        found.close()
