"""Rows that nobody will publish: they leave quarantine, and who let go of them, and why, stays."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from mesh.catalog.model import Leaving as Way
from mesh.catalog.model import QuarantineEvent
from mesh.catalog.store import Catalog
from mesh.contracts.model import Contract
from mesh.errors import MeshError
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.reading.waiting import PLACE, waiting_rows
from mesh.settings import PublishingSettings
from mesh.upkeep.waiting.choice import RULES, RUN, Choice, by_rule, by_value
from mesh.upkeep.waiting.leaving import Ending, Leaving


@dataclass(frozen=True, slots=True)
class Discard:
    """Rows of one product's quarantine that are let go of. It may be declared no more."""

    product: ProductId
    contract: Contract
    lake: Lake
    catalog: Catalog
    settings: PublishingSettings

    def apply(self, choice: Choice, *, by: str, why: str) -> QuarantineEvent | None:
        """Discard the chosen rows and record it; None when there are none.

        Replays that died are ended first: what they published is not discarded. Raises MeshError
        without a reason.
        """
        if not why.strip():
            raise MeshError("a discard needs a reason", where="--why", hint="say why, in words")
        Ending(self.product, self.lake, self.catalog, self.settings).of_the_dead()
        waiting = waiting_rows(self.product, self.lake)
        if waiting is None:
            return None
        rows = choice.of(waiting, self.contract.rules, str(self.product))
        chosen = rows.select(*PLACE, RULES, RUN).collect(engine="streaming")
        if chosen.is_empty():
            return None
        content = {
            "rules": by_rule(chosen[RULES]),
            "runs": by_value(chosen, RUN),
            "asked": choice.as_json(),
            "contract_version": str(self.contract.version),
        }
        event = QuarantineEvent(
            id=uuid.uuid4().hex,
            product=str(self.product),
            action=Way.DISCARDED,
            at=datetime.now(UTC),
            by=by,
            why=why,
            rows=chosen.height,
            content=content,
        )
        leaving = Leaving(waiting.quarantine.table, self.settings, chosen.select(PLACE))
        done = leaving.run(event) or event
        self.catalog.record_quarantine_events([done])
        return done
