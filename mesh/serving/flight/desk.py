"""Who comes to the Flight SQL server, and what they find there, by the catalog and by policy.

Owns the way from a token to a reader. Decides nothing: that is the access model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from mesh.access.model import Action, Ask
from mesh.access.registered import port_of_record
from mesh.catalog.model import ProductRecord
from mesh.catalog.tokens import Scope
from mesh.errors import AccessDeniedError, IdentityError
from mesh.reading.answering import Question
from mesh.reading.reader import Reader
from mesh.serving.authority import Authority
from mesh.serving.flight.metadata import Described
from mesh.serving.readers import Readers


@dataclass(frozen=True, slots=True)
class CatalogDesk:
    """The desk of a server of one catalog. Shared by threads."""

    readers: Readers
    authority: Authority

    def reader(self, secret: str) -> Reader | None:
        """Who shows a token that is good for reading."""
        try:
            found = self.authority.principal_of_secret(secret)
        except IdentityError:
            return None
        if found is None or not found.may(Scope.READ) or (who := found.who) is None:
            return None
        return self.readers.of(who, way="flight-sql")

    def tables(self, reader: Reader) -> Iterator[Described]:
        """Published products of which somebody sees anything, by name."""
        for record in self.readers.catalog.products():
            if not record.is_published:
                continue
            try:
                view = reader.decider.view(
                    Ask(reader.principal, Action.READ, port_of_record(record))
                )
            except AccessDeniedError:
                continue
            seen = {column.name for column in view.columns}
            key = record.contract.key if set(record.contract.key) <= seen else ()
            columns = partial(_schema, reader, record)
            yield Described(record.id.domain, record.id.versioned, columns, tuple(key))

    def question(self, sql: str) -> Question:
        """A statement over the products that the catalog knows."""
        return self.readers.question(sql)


def _schema(reader: Reader, record: ProductRecord) -> pa.Schema:
    return reader.read(str(record.id)).schema
