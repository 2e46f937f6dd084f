"""Tokens are shown once, kept as hashes, and good for what they were made for."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from mesh.catalog import schema, tokens
from mesh.catalog.database import only_reading
from mesh.catalog.tokens import Scope
from mesh.errors import MeshError, UnknownTokenError


def test_a_token_is_known_by_its_secret(catalog):
    made = catalog.tokens.create("ada", [Scope.READ], lasting=60, note="for a notebook")
    found = catalog.tokens.known(made.secret)
    assert (found.id, found.principal, found.note) == (made.record.id, "ada", "for a notebook")
    assert catalog.tokens.known(made.secret[:-1]) is None
    assert catalog.tokens.known("") is None
    assert catalog.tokens.known("mesh_\ud800") is None


def test_the_secret_is_nowhere_in_the_catalog(stored_catalog):
    made = stored_catalog.tokens.create("ada", [Scope.READ], lasting=60)
    with stored_catalog._database.reading() as connection:
        row = connection.execute(select(schema.tokens)).one()
    assert made.secret not in repr(row)
    assert made.secret not in repr(made)
    assert len(made.secret) > 43


def test_two_tokens_have_two_secrets(catalog):
    made = [catalog.tokens.create("ada", [Scope.READ], lasting=60) for _ in range(2)]
    assert made[0].secret != made[1].secret
    assert made[0].record.id != made[1].record.id


def test_an_expired_token_is_not_known(stored_catalog, monkeypatch):
    made = stored_catalog.tokens.create("ada", [Scope.READ], lasting=60)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=61)

    monkeypatch.setattr(tokens, "datetime", Later)
    assert stored_catalog.tokens.known(made.secret) is None
    assert made.record.state(Later.now(UTC)) == "expired"


def test_a_revoked_token_is_not_known_from_that_moment(catalog):
    made = catalog.tokens.create("ada", [Scope.READ], lasting=60)
    first = catalog.tokens.revoke(made.record.id)
    assert catalog.tokens.known(made.secret) is None
    assert first.state(datetime.now(UTC)) == "revoked"
    assert catalog.tokens.revoke(made.record.id).revoked_at == first.revoked_at


def test_revoking_what_is_not_there_suggests_near_ids(catalog):
    made = catalog.tokens.create("ada", [Scope.READ], lasting=60)
    with pytest.raises(UnknownTokenError) as caught:
        catalog.tokens.revoke(made.record.id[:-1])
    assert made.record.id in caught.value.near


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        ("read", {"read"}),
        ("events", {"events"}),
        ("publish", {"read", "events", "publish"}),
        ("write", {"read", "events", "publish", "write"}),
        ("admin", {"read", "events", "publish", "write", "admin"}),
    ],
)
def test_a_scope_includes_what_it_needs(catalog, own, allowed):
    record = catalog.tokens.create("ada", [Scope(own)], lasting=60).record
    assert {str(scope) for scope in Scope if record.allows(scope)} == allowed


def test_a_use_is_noted_once_a_minute(stored_catalog, monkeypatch):
    made = stored_catalog.tokens.create("ada", [Scope.READ], lasting=600)
    assert made.record.last_used_at is None
    stored_catalog.tokens.known(made.secret)
    (first,) = stored_catalog.tokens.all()
    stored_catalog.tokens.known(made.secret)
    assert stored_catalog.tokens.all() == [first]
    monkeypatch.setattr(tokens, "_NOTED_EVERY", timedelta(0))
    stored_catalog.tokens.known(made.secret)
    assert stored_catalog.tokens.all()[0].last_used_at > first.last_used_at


def test_a_catalog_that_cannot_be_written_still_knows_its_tokens(stored_catalog):
    made = stored_catalog.tokens.create("ada", [Scope.READ], lasting=600)
    with only_reading():
        assert stored_catalog.tokens.known(made.secret).id == made.record.id
    assert stored_catalog.tokens.all()[0].last_used_at is None


@pytest.mark.parametrize(
    ("principal", "scopes", "lasting"),
    [("", ["read"], 60), ("ada", [], 60), ("ada", ["read"], 0), ("ada", ["read"], 1e12)],
)
def test_a_token_for_nobody_nothing_or_ever_is_refused(catalog, principal, scopes, lasting):
    before = len(catalog.tokens.all())
    with pytest.raises(MeshError):
        catalog.tokens.create(principal, [Scope(name) for name in scopes], lasting=lasting)
    assert len(catalog.tokens.all()) == before
