"""Who decided what, as tables: the log, what is to be decided, and the agreements that came of it.

Rows of `decision_log` are added and never changed: each holds the hash of the one before, and the
migration that makes the table has the database refuse everything else.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from mesh.catalog.schema.base import Instant, Json, metadata

decision_log = Table(
    "decision_log",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("content", Json, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Index("ix_decision_log_subject", "subject"),
    Index("ix_decision_log_who", "who"),
)

decision_cases = Table(
    "decision_cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content", Json, nullable=False),
    Index("ix_decision_cases_subject", "subject"),
)

agreements = Table(
    "agreements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("short_name", Text, nullable=False),
    Column("major", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content", Json, nullable=False),
    Index("ix_agreements_domain_short_name", "domain", "short_name"),
    Index("ix_agreements_holder", "holder"),
)

separations = Table(
    "separations",
    metadata,
    Column("product", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
"""Majors that do not inherit the agreements of the majors before."""
