"""Mesh's own events, as tables: runs that were told of, and what receivers are still to get.

An event is queued for each receiver in the order in which the catalog's writers queue, which is the
order in which it is sent.
"""

from sqlalchemy import Column, Index, Integer, Table, Text

from mesh.catalog.schema.base import Instant, Json, metadata

# Runs whose START was queued. `state` is `running` until the end is queued, too. `host`, `process`
# and `process_began` say who runs it; `start` is the START event and what else its end is made
# from.
emitted_runs = Table(
    "emitted_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("publication_id", Text, nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("product", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("start", Json, nullable=False),
    Column("process_began", Text),
    Index(None, "state", "product"),
)

# Until every receiver has them: in order, at least once. An event that its receiver refused too
# often is set aside, and holds up nothing any more.
deliveries = Table(
    "deliveries",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("receiver", Text, nullable=False),
    Column("event", Json, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("error", Text, nullable=False),
    Column("set_aside_at", Instant),
    Index(None, "receiver", "position"),
)

# Who delivers to a receiver now: one process at a time, since two would mix up the order.
delivery_leases = Table(
    "delivery_leases",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
)
