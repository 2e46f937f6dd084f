"""Everything that ever came into a product's quarantine, and everything that left it.

Owns the account: it is read from the lake alone. Rows came in with publications, and left by
replays, discards, retention and erasures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mesh.catalog.erasures_in_lake import ERASURE_KEY
from mesh.catalog.model import QuarantineEvent
from mesh.catalog.quarantine_in_lake import EVENT_KEY, events_in
from mesh.lake import Commit, Lake
from mesh.naming import ProductId
from mesh.publishing import receipts_in
from mesh.upkeep.rewriting import UPKEEP_KEY


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that came or left: `rejected`, `replayed`, `discarded`, `expired` or `erased`.

    `rows` counts those that came, or less than none for those that left. `run` is who rejected
    them, or the replay's run; `by` and `why` are a person's words. Times are UTC.
    """

    at: datetime
    what: str
    rows: int
    run: str = ""
    by: str = ""
    why: str = ""
    content: Any = None

    def as_json(self) -> dict[str, Any]:
        """The change as plain values."""
        told = {"at": self.at.isoformat(), "what": self.what, "rows": self.rows, "run": self.run}
        return {**told, "by": self.by, "why": self.why, "content": self.content}


def history(product: ProductId, lake: Lake) -> list[Change]:
    """Every change of a product's quarantine, newest first."""
    quarantine = lake.quarantine(product)
    if not quarantine.exists():
        return []
    found = [*_rejected(product, lake), *map(_left, events_in(quarantine))]
    for commit in quarantine.commits():
        found += _upkeep(commit)
    return sorted(found, key=lambda change: change.at, reverse=True)


def _rejected(product: ProductId, lake: Lake) -> Iterator[Change]:
    for receipt in receipts_in(lake.table(product)):
        if receipt.rows_rejected:
            tallies = {tally.rule: tally.failed for tally in receipt.tallies if tally.failed}
            yield Change(
                receipt.published_at,
                "rejected",
                receipt.rows_rejected,
                run=receipt.run_id,
                content={"rules": tallies, "table_version": receipt.table_version},
            )


def _left(event: QuarantineEvent) -> Change:
    content = dict(event.content)
    run = str(content.pop("run_id", ""))
    return Change(event.at, str(event.action), -event.rows, run, event.by, event.why, content)


def _upkeep(commit: Commit) -> Iterator[Change]:
    """What retention and erasures took. `EVENT_KEY` is told of by the events themselves."""
    if EVENT_KEY in commit.metadata:
        return
    if (text := commit.metadata.get(UPKEEP_KEY)) is not None and (told := json.loads(text)):
        if "rows" in told:
            why = f"{told['column']} was before {told['before'][:10]}"
            yield Change(commit.timestamp, "expired", -told["rows"], why=why)
    elif (text := commit.metadata.get(ERASURE_KEY)) is not None:
        told = json.loads(text)
        rows, by, why = told.get("rows", 0), told["erased_by"], told["why"]
        yield Change(commit.timestamp, "erased", -rows, by=by, why=why)
