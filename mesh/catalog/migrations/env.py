"""How Alembic runs the catalog's migrations: on the connection that it is handed.

Owns nothing else: no configuration file is read, and `mesh.catalog.migrating` holds the lock and
the transaction.
"""

from alembic import context

from mesh.catalog import migrating, schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=migrating.VERSION_TABLE,
    # Alembic takes SQLite for unable to roll DDL back; with an explicit BEGIN it is able.
    transactional_ddl=True,
)
context.run_migrations()
