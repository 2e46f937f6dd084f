"""Tokens of those who use the catalog over HTTP.

Owns how a token is made, kept and known again. A token is 256 random bits and shown once: the
catalog keeps its SHA-256, which is enough for what cannot be guessed. Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.outlasting import outlasting
from mesh.catalog.remote.operations import composed
from mesh.catalog.watching import Unchanged
from mesh.errors import CatalogError, MeshError, UnknownTokenError

PREFIX = "mesh_"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTED_EVERY = timedelta(minutes=1)
"""How often a token's use is written down at most: a write for each read would be dear."""

_LONGEST = timedelta(days=3660)


class Scope(StrEnum):
    """What a token is good for. Each but `events` includes those before it."""

    READ = "read"
    EVENTS = "events"
    PUBLISH = "publish"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as it can be shown. Times are UTC; `principal` is whom it stands for."""

    id: str
    principal: str
    scopes: tuple[Scope, ...]
    note: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "valid"

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for something."""
        return any(scope in INCLUDED[own] for own in self.scopes)


INCLUDED = {
    Scope.READ: {Scope.READ},
    Scope.EVENTS: {Scope.EVENTS},
    Scope.PUBLISH: {Scope.READ, Scope.EVENTS, Scope.PUBLISH},
    Scope.WRITE: {Scope.READ, Scope.EVENTS, Scope.PUBLISH, Scope.WRITE},
    Scope.ADMIN: set(Scope),
}


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. Its secret is nowhere else, and is shown once."""

    record: TokenRecord
    secret: str = field(repr=False)


class Tokens:
    """The tokens of a catalog. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records: Unchanged[str, TokenRecord | None] = Unchanged(database.stamp)

    @composed
    def create(
        self, principal: str, scopes: Sequence[Scope], *, lasting: float, note: str = ""
    ) -> NewToken:
        """A new token, good for `lasting` seconds.

        Its secret is made here, and only its hash goes to where the catalog is.
        """
        secret = PREFIX + secrets.token_urlsafe(32)
        return NewToken(
            self.keep(_hash(secret), principal, scopes, lasting=lasting, note=note), secret
        )

    def keep(
        self, digest: str, principal: str, scopes: Sequence[Scope], *, lasting: float, note: str
    ) -> TokenRecord:
        """Keep the SHA-256 of a secret as a token, good from now on.

        One that is kept stays as it is: whoever got no answer may ask again.
        """
        if not principal.strip() or not scopes:
            what = "a token stands for somebody, and is good for something"
            raise MeshError(what, hint="--as USER --scope read|events|publish|write|admin")
        if not 0 < lasting <= _LONGEST.total_seconds():
            what = f"a token is good for {_LONGEST.days:,} days at most"
            raise MeshError(what, hint="make it anew in time: that it is lost unseen is worse")
        if not _DIGEST.fullmatch(digest):
            raise MeshError(
                "a token is kept as the SHA-256 of its secret", hint="`mesh token create`"
            )
        now = datetime.now(UTC)
        record = TokenRecord(
            id=secrets.token_hex(4),
            principal=principal,
            scopes=tuple(sorted(set(scopes), key=list(Scope).index)),
            note=note,
            created_at=now,
            expires_at=now + timedelta(seconds=lasting),
        )
        return self._kept(record, digest)

    def all(self) -> list[TokenRecord]:
        """Every token, newest first; also those that are good no more."""
        found = select(schema.tokens).order_by(schema.tokens.c.created_at.desc())
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(found)]

    @outlasting
    def revoke(self, token_id: str) -> TokenRecord:
        """End a token at once. Raises UnknownTokenError."""
        table = schema.tokens
        with self._database.writing() as connection:
            ids: list[str] = list(connection.execute(select(table.c.id)).scalars())
            if token_id not in ids:
                raise UnknownTokenError(token_id, ids)
            named = table.c.id == token_id
            connection.execute(
                update(table)
                .where(named, table.c.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC))
            )
            return _record(connection.execute(select(table).where(named)).one())

    def is_valid(self, token_id: str) -> bool:
        """Whether there is a token of that id that has neither expired nor been revoked."""
        with self._database.reading() as connection:
            found = select(schema.tokens).where(schema.tokens.c.id == token_id)
            row = connection.execute(found).first()
        return row is not None and _record(row).state(datetime.now(UTC)) == "valid"

    def known(self, secret: str) -> TokenRecord | None:
        """The valid token of a secret, whose use is noted; None for any other."""
        digest, now = _hash(secret), datetime.now(UTC)
        record = self._records.get(digest, lambda: self._found(digest))
        if record is None or record.state(now) != "valid":
            return None
        if record.last_used_at is None or now - record.last_used_at >= _NOTED_EVERY:
            self._note_use(record, now)
        return record

    def _found(self, digest: str) -> TokenRecord | None:
        with self._database.reading() as connection:
            found = select(schema.tokens).where(schema.tokens.c.hash == digest)
            row = connection.execute(found).first()
        if row is None or not hmac.compare_digest(row.hash, digest):
            return None
        return _record(row)

    @outlasting
    def _kept(self, record: TokenRecord, digest: str) -> TokenRecord:
        with self._database.writing() as connection:
            known = select(schema.tokens).where(schema.tokens.c.hash == digest)
            if (row := connection.execute(known).first()) is not None:
                return _record(row)
            _insert(connection, record, digest)
        return record

    def _note_use(self, record: TokenRecord, now: datetime) -> None:
        """A catalog that cannot be written now can still be read: then the note is left out."""
        table = schema.tokens
        with suppress(CatalogError), self._database.writing() as connection:
            named = table.c.id == record.id
            connection.execute(update(table).where(named).values(last_used_at=now))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _insert(connection: Connection, record: TokenRecord, digest: str) -> None:
    values = {name: getattr(record, name) for name in ("id", "principal", "note")}
    times = {name: getattr(record, name) for name in ("created_at", "expires_at")}
    scopes = [str(scope) for scope in record.scopes]
    connection.execute(insert(schema.tokens).values(**values, **times, scopes=scopes, hash=digest))


def _record(row: Row[Any]) -> TokenRecord:
    return TokenRecord(
        id=row.id,
        principal=row.principal,
        scopes=tuple(Scope(scope) for scope in row.scopes),
        note=row.note,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
