"""Bringing a catalog to the revision of this code.

Owns the decision whether a database is a catalog, an older one, a newer one, or none; Alembic is
loaded only when something is to be done. Several processes may open one catalog at once: the first
migrates, the others wait for it and find it done.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from mesh.catalog import search
from mesh.catalog.database import Database
from mesh.catalog.schema import REVISION
from mesh.errors import CatalogError, CatalogUnreadableError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "catalog_revision"
"""Where Alembic notes the revision. Not its default name, which Dagster's storage uses as well."""

_LOG = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
"""Alembic's script folder."""


def migrate(database: Database) -> None:
    """Create or upgrade the catalog's tables. Raises CatalogError for what must not be touched."""
    database.prepare()
    with database.reading() as connection:
        found = revision_of(connection, database.where)
    if found == REVISION:
        return
    with database.writing() as connection:
        found = revision_of(connection, database.where)
        if found != REVISION:
            _upgrade(connection, found, database.where)
            if found is not None:  # an index that a revision made is empty
                search.rebuild(connection)
            _tell_what_is_lacking(connection, database.where)


def _tell_what_is_lacking(connection: Connection, where: str) -> None:
    """Say once, when the tables are made, what this database cannot do."""
    lacking = search.index_of(connection).lacking(connection)
    if lacking is not None:
        _LOG.warning("%s: %s; try: %s", where, lacking.what, lacking.hint)


def revision_of(connection: Connection, where: str) -> str | None:
    """The revision that the database says it has; None for an empty one."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 -- a constant # nosec B608
        return str(found) if found is not None else None
    if tables:
        raise CatalogUnreadableError(
            f"it is a database, but not a catalog: it holds {', '.join(sorted(tables)[:3])}",
            where=where,
            hint="give the catalog a database of its own: MESH_CATALOG__URL",
        )
    return None


def _upgrade(connection: Connection, found: str | None, where: str) -> None:
    from alembic import command

    config = config_for(connection)
    known = known_revisions(config)
    if found is not None and found not in known:
        raise CatalogError(
            f"it was made by a newer Mesh: its revision is {found}, this Mesh knows {REVISION}",
            where=where,
            hint="upgrade Mesh here, or set MESH_CATALOG__URL to a catalog of its own",
        )
    command.upgrade(config, "head")


def config_for(connection: Connection) -> Config:
    """Alembic, set to run the catalog's migrations on a connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def known_revisions(config: Config) -> list[str]:
    """Every revision that this Mesh knows, the oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return sorted(script.revision for script in scripts)
