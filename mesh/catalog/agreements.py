"""Agreements on products, as they stand: who holds which, until when.

Owns how they are found and changed, and which majors do not inherit those of the majors before.
A change is logged in the transaction that makes it. Who may agree to what is `mesh.access`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mesh.catalog import schema
from mesh.catalog.cases import AgreementRecord
from mesh.catalog.chain import NewEntry
from mesh.catalog.database import Database
from mesh.catalog.decision_log import append, require_told
from mesh.errors import UnknownAgreementError
from mesh.naming import ProductId

SEPARATE = "separate"
UNITED = "united"
"""The states that a major is left in: it inherits no agreements, or it does."""
_TABLE = schema.agreements


class AgreementBook:
    """The agreements of a catalog. Every method is one transaction, and may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def agreement(self, agreement_id: str) -> AgreementRecord:
        """The agreement of an id. Raises UnknownAgreementError."""
        with self._database.reading() as connection:
            found = select(_TABLE.c.content).where(_TABLE.c.id == agreement_id)
            row = connection.execute(found).first()
            if row is None:
                known: Iterable[str] = connection.execute(select(_TABLE.c.id)).scalars()
                raise UnknownAgreementError(agreement_id, known)
            return AgreementRecord.from_json(row.content)

    def all(self) -> list[AgreementRecord]:
        """Every agreement, also those that are over, by product and holder."""
        with self._database.reading() as connection:
            found = _records(connection.execute(select(_TABLE.c.content)))
        return sorted(found, key=lambda a: (a.product, a.holder, a.since, a.id))

    def of_port(self, product: ProductId) -> list[AgreementRecord]:
        """Agreements that hold for a major: its own, and those of majors before that it inherits.

        Also those that are over.
        """
        with self._database.reading() as connection:
            first = _first_inherited(connection, product)
            found = select(_TABLE.c.content).where(
                _TABLE.c.domain == product.domain,
                _TABLE.c.short_name == product.name,
                _TABLE.c.major.between(first, product.major),
            )
            return _records(connection.execute(found))

    def change(self, agreement: AgreementRecord, entries: Sequence[NewEntry]) -> bool:
        """Put an agreement in the place of its revision before, and log it.

        False when somebody was faster; then nothing happened. Raises NotAllowedError for entries
        that do not tell the state that is left.
        """
        require_told(entries, "agreement", agreement.id, agreement.state_digest)
        with self._database.writing() as connection:
            if not put_agreement(connection, agreement):
                connection.rollback()
                return False
            append(connection, entries)
            return True

    def is_separate(self, product: ProductId) -> bool:
        """Whether a major inherits no agreements of the majors before it."""
        with self._database.reading() as connection:
            found = select(schema.separations.c.product)
            named = found.where(schema.separations.c.product == str(product))
            return connection.execute(named).first() is not None

    def separate(self, product: ProductId, entry: NewEntry) -> bool:
        """Let a major inherit no agreements from now on. False when it did not before either."""
        table = schema.separations
        require_told([entry], "separation", str(product), SEPARATE)
        with self._database.writing() as connection:
            known = select(table.c.product).where(table.c.product == str(product))
            if connection.execute(known).first() is not None:
                return False
            row = {"product": str(product), "by": entry.who, "at": entry.at}
            connection.execute(insert(table).values(row))
            append(connection, [entry])
            return True

    def unite(self, product: ProductId, entry: NewEntry) -> bool:
        """Let a major inherit again. False when it does already."""
        table = schema.separations
        require_told([entry], "separation", str(product), UNITED)
        with self._database.writing() as connection:
            gone = delete(table).where(table.c.product == str(product))
            if not connection.execute(gone).rowcount:
                return False
            append(connection, [entry])
            return True


def put_agreement(connection: Connection, agreement: AgreementRecord) -> bool:
    """Write a revision of an agreement, if the one before it is there; a first one is new."""
    values = {"revision": agreement.revision, "content": agreement.as_json()}
    if agreement.revision > 1:
        before = (_TABLE.c.id == agreement.id, _TABLE.c.revision == agreement.revision - 1)
        changed = connection.execute(update(_TABLE).where(*before).values(**values))
        return changed.rowcount == 1
    product = ProductId.parse(agreement.product)
    own = {"id": agreement.id, "holder": agreement.holder, "major": product.major}
    names = {"domain": product.domain, "short_name": product.name}
    connection.execute(insert(_TABLE).values(**own, **names, **values))
    return True


def stored_states(connection: Connection) -> dict[tuple[str, str], str]:
    """The digest of every agreement as it stands, and which majors are separate, for the log."""
    states: dict[tuple[str, str], str] = {}
    for row in connection.execute(select(_TABLE)):
        found = AgreementRecord.from_json(row.content)
        product = ProductId.parse(found.product)
        told = (product.domain, product.name, product.major, found.holder, found.id)
        is_as_told = told == (row.domain, row.short_name, row.major, row.holder, row.id)
        states["agreement", row.id] = found.state_digest if is_as_told else ""
    apart: Iterable[str] = connection.execute(select(schema.separations.c.product)).scalars()
    return states | dict.fromkeys((("separation", name) for name in apart), SEPARATE)


def _first_inherited(connection: Connection, product: ProductId) -> int:
    """The lowest major whose agreements hold for this one."""
    names: Iterable[str] = connection.execute(select(schema.separations.c.product)).scalars()
    apart = [ProductId.parse(name) for name in names]
    own = [
        other.major
        for other in apart
        if (other.domain, other.name) == (product.domain, product.name)
        and other.major <= product.major
    ]
    return max(own, default=1)


def _records(rows: Iterable[Any]) -> list[AgreementRecord]:
    return [AgreementRecord.from_json(row.content) for row in rows]
