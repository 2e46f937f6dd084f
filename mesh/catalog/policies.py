"""Policies and the organisation as rows, and read back.

Owns what registering them changes, and whose organisation it is that a catalog has: where several
repositories share one, it is that of the repository whose domains it lists, and the others leave it
as it is. Text is kept byte by byte, so that who serves decides by what was planned; it is not
understood here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.products.policy_files import PolicyFile


class PolicyBook:
    """Policies and the organisation's manifest. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def files(self) -> list[PolicyFile]:
        """Every policy file: the organisation's, then each domain's."""
        table = schema.policies
        found = select(table).order_by(table.c.domain, table.c.source)
        with self._database.reading() as connection:
            rows = connection.execute(found).all()
        return [PolicyFile(row.source, row.text, row.domain) for row in rows]

    def organization(self) -> Mapping[str, Any]:
        """The whole `organization.yaml`; empty where none was registered."""
        with self._database.reading() as connection:
            row = connection.execute(select(schema.organization.c.manifest)).first()
        return dict(row.manifest) if row is not None else {}

    def digest(self) -> str:
        """Another one whenever policies, the organisation or a domain were registered anew."""
        told = [(t.c.name, t.c.digest) for t in (schema.organization, schema.domains)]
        with self._database.reading() as connection:
            found = [
                [tuple(row) for row in connection.execute(select(*part).order_by(part[0]))]
                for part in told
            ]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def others(self, manifest: Mapping[str, Any], policies: Sequence[PolicyFile]) -> list[str]:
        """The domains of another repository, whose organisation the catalog has instead of this.

        None where this one is registered, may be, or says the same but for its domains.
        """
        with self._database.reading() as connection:
            return _held(connection, manifest, policies)[0]

    def register_organization(
        self, manifest: Mapping[str, Any], policies: Sequence[PolicyFile]
    ) -> list[str]:
        """Make the catalog say what `organization.yaml` and the organisation's policies say.

        Where it says what another repository's do, nothing is changed, and that one's domains are
        returned, as `others` has them.
        """
        with self._database.reading() as connection:
            held, is_same = _held(connection, manifest, policies)
        if not held and not is_same:
            with self._database.writing() as connection:
                held, is_same = _held(connection, manifest, policies)
                if not held and not is_same:
                    _put(connection, manifest, policies)
        return held

    def take_organization(
        self, manifest: Mapping[str, Any], policies: Sequence[PolicyFile]
    ) -> list[str]:
        """The same, whatever the catalog says. Returns no domains."""
        with self._database.reading() as connection:
            registered = connection.execute(select(schema.organization.c.digest)).scalar()
        if registered != _digest(manifest, policies):
            with self._database.writing() as connection:
                _put(connection, manifest, policies)
        return []


def _held(
    connection: Connection, manifest: Mapping[str, Any], policies: Sequence[PolicyFile]
) -> tuple[list[str], bool]:
    """The domains of another repository that has another organisation; and whether ours is there.

    Repositories are told apart by their domains, which no two of them may have: a name or a path
    would be another in each clone. One that has none yet can be anybody's.
    """
    row = connection.execute(select(schema.organization)).first()
    if row is None or row.digest == _digest(manifest, policies):
        return [], row is not None
    theirs, ours = (_domains(told) for told in (row.manifest, manifest))
    if not theirs or theirs & ours:
        return [], False
    table = schema.policies
    found = connection.execute(select(table).where(table.c.domain == ""))
    registered = [PolicyFile(file.source, file.text, "") for file in found]
    if _digest(_said(row.manifest), registered) == _digest(_said(manifest), policies):
        return [], True
    return sorted(theirs), False


def _domains(manifest: Mapping[str, Any]) -> set[str]:
    """The domains that a manifest lists; the platform's is none that tells repositories apart."""
    return set(manifest.get("domains", ())) - {"platform"}


def _said(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a manifest says of the organisation: neither its domains, nor what it does not say."""
    return {name: told for name, told in manifest.items() if name != "domains" and told}


def _put(
    connection: Connection, manifest: Mapping[str, Any], policies: Sequence[PolicyFile]
) -> None:
    connection.execute(delete(schema.organization))
    connection.execute(
        insert(schema.organization).values(
            name=manifest["name"],
            manifest=dict(manifest),
            digest=_digest(manifest, policies),
            changed_at=datetime.now(UTC),
        )
    )
    replace_policies(connection, "", policies)


def replace_policies(connection: Connection, domain: str, policies: Sequence[PolicyFile]) -> None:
    """Make these the policies of a domain; of the organisation where the name is empty."""
    table = schema.policies
    connection.execute(delete(table).where(table.c.domain == domain))
    if policies:
        rows = [{**file.as_json(), "domain": domain} for file in policies]
        connection.execute(insert(table), rows)


def _digest(manifest: Mapping[str, Any], policies: Sequence[PolicyFile]) -> str:
    files = sorted(policies, key=lambda file: file.source)
    told = {"manifest": dict(manifest), "policies": [file.as_json() for file in files]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
