"""The servers of an ODCS document: which types there are, and which keys each has.

Mesh uses none of them: products live in its own lake. They are kept, and held against the standard.
"""

from __future__ import annotations

from collections.abc import Mapping

V3_0, V3_1, V3_2 = 0, 1, 2
FORMATS = ("parquet", "delta", "json", "csv")
"""Formats of files, which 3.0 lists and later versions leave free."""
DELIMITERS = ("new_line", "array")
"""How JSON is put into files, which 3.0 lists and later versions leave free."""

# A key that has to be there is marked `!`; one that a later version brought, by its number.
_SERVERS: Mapping[str, tuple[int, str]] = {
    "api": (V3_0, "location!"),
    "athena": (V3_0, "stagingDir! schema! catalog regionName workgroup@2"),
    "azure": (V3_0, "location! format! delimiter encoding@2"),
    "bigquery": (V3_0, "project! dataset!"),
    "btrieve": (V3_2, "host! port database!"),
    "clickhouse": (V3_0, "host! port! database!"),
    "cloudsql": (V3_0, "host! port! database! schema!"),
    "custom": (
        V3_0,
        (
            "account catalog database dataset delimiter endpointUrl format encoding@2 host "
            "location path port project region regionName schema serviceName stagingDir "
            "stream@1 warehouse"
        ),
    ),
    "databricks": (V3_0, "host catalog! schema!"),
    "db2": (V3_0, "host! port! database! schema"),
    "denodo": (V3_0, "host! port! database"),
    "dremio": (V3_0, "host! port! schema"),
    "duckdb": (V3_0, "database! schema"),
    "exasol": (V3_2, "host! port schema"),
    "fastobjects": (V3_2, "database! host port"),
    "glue": (V3_0, "account! database! location format encoding@2"),
    "hana": (V3_2, "host! port database schema"),
    "hive": (V3_1, "host! port database!"),
    "iceberg": (V3_2, "catalog! catalogUrl! namespace warehouse"),
    "impala": (V3_1, "host! port database!"),
    "informix": (V3_0, "host! port database!"),
    "ingres": (V3_2, "database! host! port"),
    "kafka": (V3_0, "host! format encoding@2"),
    "kinesis": (V3_0, "region format encoding@2"),
    "local": (V3_0, "path! format! encoding@2"),
    "mysql": (V3_0, "host! port! database!"),
    "oracle": (V3_0, "host! port! serviceName!"),
    "poet": (V3_2, "database! host port"),
    "postgres": (V3_0, "host! port! database! schema!"),
    "postgresql": (V3_0, "host! port! database! schema!"),
    "presto": (V3_0, "host! catalog schema"),
    "pubsub": (V3_0, "project!"),
    "redshift": (V3_0, "host database! schema! region account"),
    "s3": (V3_0, "location! endpointUrl format delimiter encoding@2"),
    "sftp": (V3_0, "location! format delimiter encoding@2"),
    "snowflake": (V3_0, "host port account! database! schema! warehouse"),
    "sqlserver": (V3_0, "host! port database! schema!"),
    "synapse": (V3_0, "host! port! database!"),
    "teradata": (V3_2, "host! port database"),
    "trino": (V3_0, "host! port! catalog! schema!"),
    "vectorwise": (V3_2, "database! host! port"),
    "versant": (V3_2, "database! host port"),
    "vertica": (V3_0, "host! port! database! schema!"),
    "zen": (V3_1, "host! port database!"),
}


def server_types(version: int) -> tuple[str, ...]:
    """The types of servers that a version knows."""
    return tuple(name for name, (since, _) in _SERVERS.items() if since <= version)


def server_keys(kind: str, version: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys of a type of server in a version, and which of them have to be there."""
    since, words = _SERVERS.get(kind, (V3_0, ""))
    names: list[str] = []
    required: list[str] = []
    for word in words.split() if since <= version else ():
        name, _, added = word.partition("@")
        if added and int(added) > version:
            continue
        names.append(name.rstrip("!"))
        if name.endswith("!") and (kind, name, version) != ("athena", "stagingDir!", V3_2):
            required.append(name.rstrip("!"))
    return tuple(names), tuple(required)
