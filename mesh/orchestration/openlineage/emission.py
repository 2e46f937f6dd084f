"""What a run tells of itself: one START, and one end.

Owns when events are made, and that telling never changes what became of the run. What is told is
queued in the catalog, in one short transaction; nothing is sent from here.
"""

from __future__ import annotations

import os
import platform
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from mesh.catalog.emissions import Audience, EmittedRun, Event, Evidence
from mesh.catalog.receipts import Receipt, Refusal
from mesh.errors import MeshError
from mesh.orchestration.openlineage import courier
from mesh.orchestration.openlineage.events import Beginning, Ending
from mesh.orchestration.openlineage.processes import began
from mesh.orchestration.openlineage.receivers import labels
from mesh.orchestration.workspace import Workspace
from mesh.settings import Settings

_UNDER_WAY: dict[str, Emission] = {}
_LOCK = threading.Lock()
_LAST_WORDS_SECONDS = 1.0


@dataclass(slots=True)
class Emission:
    """What is told of one run. Used by one thread, but `abort`, which any may call."""

    beginning: Beginning
    workspace: Workspace
    _begun: EmittedRun | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Tell nothing yet: what was published before is not told again."""
        return self

    def start(self) -> None:
        """Tell that the run began. Raises CatalogError."""
        audience, workspace = audience_of(self.workspace.settings), self.workspace
        if self._begun is not None or audience.is_empty:
            return
        beginning = self.beginning
        run = EmittedRun(
            run_id="",
            publication_id=beginning.publication_id,
            product=str(beginning.product.id),
            host=platform.node(),
            process=os.getpid(),
            started_at=beginning.started_at,
            start={},
            process_began=began(os.getpid()),
        )
        with workspace.catalog.held():
            self._begun = workspace.catalog.emissions.begin(run, self._started, audience)
        with _LOCK:
            _UNDER_WAY[self._begun.run_id] = self
        courier.nudge(workspace)

    def _started(self, run_id: str) -> dict[str, Any]:
        """What is kept of the start; before others see it, it is known to be under way."""
        with _LOCK:
            _UNDER_WAY[run_id] = self
        return self.beginning.start(run_id, self.workspace.settings, self.workspace.lake)

    def end(self, outcome: Receipt | Refusal) -> None:
        """Tell what became of the run. Raises CatalogError."""
        if isinstance(outcome, Receipt) and outcome.is_repeated:
            return
        self.start()
        if self._begun is None:
            return
        emissions = self.workspace.catalog.emissions
        evidence = emissions.evidence(outcome.product, outcome.publication_id, outcome.inputs)
        self._tell(ended(self._begun, self.workspace, outcome, evidence))

    def abort(self) -> None:
        """Tell that the run was interrupted. Raises CatalogError."""
        if self._begun is not None:
            self._tell(ending_of(self._begun, self.workspace).aborted(datetime.now(UTC)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell of an error, unless telling fails: the error is the one to raise."""
        try:
            if error is not None:
                with suppress(MeshError):
                    self._break(error)
        finally:
            if self._begun is not None:
                with _LOCK:
                    _UNDER_WAY.pop(self._begun.run_id, None)

    def _break(self, error: BaseException) -> None:
        """An Exception is a failure; what else there is means that somebody wants it to stop."""
        self.start()
        if not isinstance(error, Exception):
            self.abort()
        elif self._begun is not None:
            self._tell(ending_of(self._begun, self.workspace).failed(error))

    def _tell(self, event: Event) -> None:
        if self._begun is not None:
            audience = audience_of(self.workspace.settings)
            self.workspace.catalog.emissions.end(self._begun.run_id, event, audience)
            courier.nudge(self.workspace)


def abort_all() -> None:
    """Tell of every run of this process that it is interrupted, and deliver what can be at once.

    Raises CatalogError.
    """
    with _LOCK:
        running = list(_UNDER_WAY.values())
    for emission in running:
        emission.abort()
    courier.drain(_LAST_WORDS_SECONDS)


def is_under_way(run_id: str) -> bool:
    """Whether this process runs it."""
    with _LOCK:
        return run_id in _UNDER_WAY


def audience_of(settings: Settings) -> Audience:
    """Who is to get events."""
    return Audience(labels(settings), is_kept=settings.openlineage.catalog)


def ending_of(run: EmittedRun, workspace: Workspace) -> Ending:
    """What the end of a run is made from."""
    return Ending(run.start, workspace.lake, workspace.settings.openlineage.namespace)


def ended(
    run: EmittedRun, workspace: Workspace, outcome: Receipt | Refusal, evidence: Evidence
) -> Event:
    """The event of a run that came to its end."""
    ending = ending_of(run, workspace)
    if isinstance(outcome, Receipt):
        return ending.complete(outcome, evidence)
    return ending.refused(outcome, evidence)
