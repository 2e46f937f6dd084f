"""Replays and discards as a child does them: see `tests.faults.nursery`."""

from collections.abc import Iterator
from typing import Any

import mesh
from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.settings import PublishingSettings
from mesh.upkeep.waiting import Choice, Discard, Replay
from tests.behaviour.products import Orders, product
from tests.faults.publisher import MODES

ONE_WORKER = PublishingSettings(workers=1, batch_rows=40)


class Looser(Orders):
    """One row per order, of which some may be paid back."""

    amount: float = mesh.Field(ge=-10, nullable=True)

    class Config:
        version = "1.1.0"


def before(write: str):
    """The product whose rows were rejected."""
    return product(Orders, write=MODES[write], on_violation=mesh.Quarantine(0.9))


def after(write: str):
    """The product whose contract most of them keep."""
    return product(Looser, write=MODES[write], on_violation=mesh.Quarantine(0.9))


def replay_told(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Replay everything that waits."""
    with Catalog.open(told["catalog"]) as catalog:
        declared, lake = after(told["write"]), Lake(told["lake"])
        outcome = Replay(declared, lake, catalog, ONE_WORKER, "me").apply(Choice())
        yield {"says": "replayed", "rows": outcome.replayed, "stayed": outcome.stayed}


def discard_told(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Discard everything that waits."""
    with Catalog.open(told["catalog"]) as catalog:
        declared, lake = after(told["write"]), Lake(told["lake"])
        discarding = Discard(declared.id, declared.contract, lake, catalog, ONE_WORKER)
        event = discarding.apply(Choice(), by="me", why="they are of no use")
        yield {"says": "discarded", "rows": event.rows if event is not None else 0}
