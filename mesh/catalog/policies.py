"""Policies and the organisation as rows, and read back.

Owns what registering them changes. Text is kept byte by byte, so that who serves decides by what
was planned; it is not understood here.
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

    def register_organization(
        self, manifest: Mapping[str, Any], policies: Sequence[PolicyFile]
    ) -> None:
        """Make the catalog say what `organization.yaml` and the organisation's policies say."""
        digest = _digest(manifest, policies)
        known = select(schema.organization.c.digest)
        with self._database.reading() as connection:
            if connection.execute(known).scalar() == digest:
                return
        with self._database.writing() as connection:
            connection.execute(delete(schema.organization))
            connection.execute(
                insert(schema.organization).values(
                    name=manifest["name"],
                    manifest=dict(manifest),
                    digest=digest,
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
    told = {"manifest": dict(manifest), "policies": [file.as_json() for file in policies]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
