"""A Flight SQL server: handshakes, statements, prepared statements, metadata.

Owns the conversation. A client shows a token as `Bearer`, or as the password of `Basic`; without
one that is good, nothing is answered. Nothing can be written. Source: Arrow's FlightSql.proto.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import flight

from mesh.contracts.isolation.ahead import Processes
from mesh.errors import AccessDeniedError, MeshError
from mesh.reading.answering import Answer, Question
from mesh.reading.reader import Reader
from mesh.serving.authority import Limits
from mesh.serving.flight import metadata, wire
from mesh.serving.flight.door import Door, Guests, Handshake, reader_of
from mesh.serving.flight.metadata import Described
from mesh.serving.flight.statements import Prepared, Statements
from mesh.serving.flight.wire import Message

_MOST_PARAMETER_ROWS = 1
_MOST_BYTES = 1024 * 1024
"""Size of a statement or of a client's parameters at most."""
_LOG = logging.getLogger(__name__)


class Desk(Guests, Protocol):
    """Who comes, and what they may ask."""

    def tables(self, reader: Reader) -> Iterable[Described]:
        """What somebody may read, as they see it."""
        ...

    def question(self, sql: str) -> Question:
        """A statement that may be asked. Raises StatementError."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens, and its certificate and key as PEM for TLS."""

    host: str
    port: int
    certificate: bytes = b""
    key: bytes = b""

    @property
    def url(self) -> str:
        """As clients write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"grpc{'+tls' if self.certificate else ''}://{host}:{self.port}"


class FlightServer(flight.FlightServerBase):  # type: ignore[misc] # PyArrow is untyped
    """Answers Flight SQL at a place until it is shut down. `processes` are whoever gave them's."""

    def __init__(self, place: Place, desk: Desk, limits: Limits, processes: Processes) -> None:
        certificates = [(place.certificate, place.key)] if place.certificate else []
        super().__init__(
            place.url,
            auth_handler=Handshake(),
            middleware=Door(desk, limits).middleware,
            tls_certificates=certificates,
        )
        self._desk = desk
        self._statements = Statements(processes)

    @classmethod
    def at(cls, place: Place, desk: Desk, limits: Limits, processes: Processes) -> FlightServer:
        """A server that listens. Raises MeshError when its place cannot be had."""
        try:
            return cls(place, desk, limits, processes)
        except (pa.ArrowException, OSError) as error:
            raise MeshError(
                "nothing can listen there",
                where=place.url,
                hint="choose another with --flight-port, or set serving.flight = false",
            ) from error

    def shutdown(self) -> None:
        """End, with everything that is still open."""
        self._statements.close()
        super().shutdown()

    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        """Where a command's answer is fetched, and its schema."""
        reader = reader_of(context)
        with _told():
            command, asked = wire.unpacked(_small(descriptor.command))
            if command in {"CommandStatementQuery", "CommandPreparedStatementQuery"}:
                question, parameters = self._asked(command, asked, reader)
                found = self._statements.run(question, reader, parameters)
                handle = self._statements.waiting(reader.principal.name, found)
                ticket = wire.packed("TicketStatementQuery", wire.field(1, handle))
                return _info(descriptor, found.schema, ticket)
            table = self._metadata(command, asked, reader)
            return _info(descriptor, table.schema, descriptor.command)

    def get_schema(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.SchemaResult:
        """The schema of a command's answer, which is not kept."""
        reader = reader_of(context)
        with _told():
            command, asked = wire.unpacked(_small(descriptor.command))
            if command in {"CommandStatementQuery", "CommandPreparedStatementQuery"}:
                question, parameters = self._asked(command, asked, reader)
                found = self._statements.described(question, reader, parameters)
                return flight.SchemaResult(found)
            return flight.SchemaResult(self._metadata(command, asked, reader).schema)

    def do_get(
        self, context: flight.ServerCallContext, ticket: flight.Ticket
    ) -> flight.FlightDataStream:
        """The rows of an answer, or of a question about the server."""
        reader = reader_of(context)
        with _told():
            command, asked = wire.unpacked(_small(ticket.ticket))
            if command != "TicketStatementQuery":
                return flight.RecordBatchStream(self._metadata(command, asked, reader))
            handle = asked.bytes(1) or b""
            found: Answer = self._statements.answers.take(reader.principal.name, handle)
            return flight.GeneratorStream(found.schema, _rows(found))

    def do_action(
        self, context: flight.ServerCallContext, action: flight.Action
    ) -> Iterator[flight.Result]:
        """Prepare a statement, or forget one."""
        reader = reader_of(context)
        with _told():
            _, asked = wire.unpacked(_small(action.body.to_pybytes()))
            if action.type == "CreatePreparedStatement":
                return iter([flight.Result(self._prepared(asked, reader))])
            if action.type == "ClosePreparedStatement":
                self._statements.prepared.take(reader.principal.name, asked.bytes(1) or b"")
                return iter(())
            raise _unimplemented(action.type)

    def list_actions(self, context: flight.ServerCallContext) -> list[tuple[str, str]]:
        """What `do_action` knows."""
        reader_of(context)
        return [
            ("CreatePreparedStatement", "Prepare a statement."),
            ("ClosePreparedStatement", "Forget a prepared statement."),
        ]

    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        rows: flight.MetadataRecordBatchReader,
        _writer: flight.FlightMetadataWriter,
    ) -> None:
        """The parameters of a prepared statement. Nothing else can be put."""
        reader = reader_of(context)
        with _told():
            command, asked = wire.unpacked(_small(descriptor.command))
            if command != "CommandPreparedStatementQuery":
                raise _unimplemented(command)
            handle, owner = asked.bytes(1) or b"", reader.principal.name
            kept: Prepared = self._statements.prepared.get(owner, handle)
            bound = Prepared(kept.question, _parameters(rows))
            self._statements.prepared.keep(owner, bound, handle)

    def _asked(
        self, command: str, asked: Message, reader: Reader
    ) -> tuple[Question, Sequence[Any]]:
        """The statement that a command means, and the parameters that were bound to it."""
        if command == "CommandStatementQuery":
            return self._desk.question(asked.text(1) or ""), ()
        handle = asked.bytes(1) or b""
        kept: Prepared = self._statements.prepared.get(reader.principal.name, handle)
        (bound,) = kept.parameters or ((),)
        return kept.question, bound

    def _prepared(self, asked: Message, reader: Reader) -> bytes:
        """A handle for a statement; its schema, where it has no parameters, and theirs."""
        question = self._desk.question(asked.text(1) or "")
        count = question.statement.parameters
        handle = self._statements.prepared.keep(reader.principal.name, Prepared(question))
        told = wire.field(1, handle)
        if not count:
            schema = self._statements.described(question, reader)
            told += wire.field(2, schema.serialize().to_pybytes())
        parameters = pa.schema([pa.field(str(n + 1), pa.null()) for n in range(count)])
        told += wire.field(3, parameters.serialize().to_pybytes())
        return wire.packed("ActionCreatePreparedStatementResult", told)

    def _metadata(self, command: str, asked: Message, reader: Reader) -> pa.Table:
        try:
            return metadata.answer(command, asked, lambda: self._desk.tables(reader))
        except KeyError:
            raise _unimplemented(command) from None


def _rows(found: Answer) -> Iterator[pa.RecordBatch]:
    try:
        with _told():
            yield from found.rows
    finally:
        found.close()


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong, in Flight's words. Nothing else of ours is told to a stranger."""
    try:
        yield
    except AccessDeniedError as error:
        raise flight.FlightUnauthorizedError(str(error)) from None
    except MeshError as error:
        raise flight.FlightServerError(str(error)) from None
    except flight.FlightError:
        raise
    except ValueError as error:
        raise flight.FlightServerError(f"the request cannot be understood: {error}") from None
    except Exception as error:  # the outermost edge: PyArrow would send the stack
        identity = secrets.token_hex(4)
        _LOG.exception("Flight SQL failed: %s", identity)
        what = f"something failed here, and the log tells of it: {identity}"
        raise flight.FlightInternalError(what) from error


def _info(
    descriptor: flight.FlightDescriptor, schema: pa.Schema, ticket: bytes
) -> flight.FlightInfo:
    endpoint = flight.FlightEndpoint(ticket, [])
    return flight.FlightInfo(schema, descriptor, [endpoint], -1, -1)


def _parameters(rows: flight.MetadataRecordBatchReader) -> Sequence[Sequence[Any]]:
    table = rows.read_all()
    if table.num_rows != _MOST_PARAMETER_ROWS or table.nbytes > _MOST_BYTES:
        raise MeshError("parameters are one row of values", where="statement")
    return [[column[0].as_py() for column in table.columns]]


def _small(content: bytes) -> bytes:
    """What was sent, if it is of a size that anybody needs."""
    if len(content) > _MOST_BYTES:
        raise MeshError(f"a request has at most {_MOST_BYTES:,} bytes", where="statement")
    return content


def _unimplemented(what: str) -> Exception:
    refusal: Exception = flight.FlightServerError(
        f"{what} is not offered: products are read, not written"
    )
    return refusal
