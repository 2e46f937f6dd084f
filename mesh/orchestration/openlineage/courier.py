"""Who brings events to receivers, beside the runs of this process.

Owns the threads, one a receiver, and how long a process that ends waits for them. A run never
waits: it nudges. Nothing is started, and no HTTP library loaded, while nobody listens.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mesh.catalog.store import Catalog
from mesh.errors import CatalogError
from mesh.orchestration.openlineage.delivering import Tries, deliver
from mesh.orchestration.openlineage.receivers import Receiver, labels, receivers_of
from mesh.orchestration.workspace import Workspace
from mesh.settings import OpenLineageSettings

_COURIERS: dict[tuple[str, tuple[str, ...]], _Courier] = {}
_LOCK = threading.Lock()


def nudge(workspace: Workspace) -> None:
    """Say that there may be something to deliver."""
    named = labels(workspace.settings)
    if not named:
        return
    with _LOCK:
        key = (workspace.catalog.where, named)
        if key not in _COURIERS:
            _COURIERS[key] = _Courier.of(workspace)
            _wait_at_the_end()
        _COURIERS[key].nudge()


def drain(at_most: float = float("inf")) -> None:
    """Wait for what is being delivered, as long as the settings allow, and begin nothing further.

    Waits no more than `at_most` seconds. An event that its receiver has not answered yet stays with
    this process, which notes the answer when it comes: nobody sends the event meanwhile.
    """
    with _LOCK:
        couriers = dict(_COURIERS)
    for courier in couriers.values():
        courier.drain(at_most)
    with _LOCK:
        for key in [key for key, courier in couriers.items() if not courier.is_busy]:
            _COURIERS.pop(key, None)


def leave() -> None:
    """The same for a process that ends, and hears no answer any more: others may go on at once."""
    drain()
    with _LOCK:
        couriers = list(_COURIERS.values())
    for courier in couriers:
        courier.leave()


@dataclass(slots=True)
class _Courier:
    """Delivers from one catalog."""

    catalog: Catalog
    receivers: list[Receiver]
    settings: OpenLineageSettings
    tries: Tries
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _again: dict[str, threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _deadline: float = float("inf")

    @classmethod
    def of(cls, workspace: Workspace) -> _Courier:
        said = workspace.settings.openlineage
        return cls(
            workspace.catalog,
            receivers_of(workspace.settings),
            said,
            replace(Tries(said.refusals), holder=secrets.token_hex(8)),
        )

    @property
    def is_busy(self) -> bool:
        """Whether something is being delivered."""
        with self._lock:
            return bool(self._threads)

    def nudge(self) -> None:
        with self._lock:
            self._deadline = float("inf")
            for receiver in self.receivers:
                self._again.setdefault(receiver.label, threading.Event()).set()
                if receiver.label not in self._threads:
                    thread = threading.Thread(
                        target=self._deliver,
                        args=(receiver,),
                        name="mesh-openlineage",
                        daemon=True,  # one that hangs does not keep the process
                    )
                    self._threads[receiver.label] = thread
                    thread.start()

    def drain(self, at_most: float) -> None:
        with self._lock:
            self._deadline = time.monotonic() + min(self.settings.budget_seconds, at_most)
            threads = list(self._threads.values())
            deadline = self._deadline
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def leave(self) -> None:
        with self._lock:
            unanswered = list(self._threads)
        for label in unanswered:
            with suppress(CatalogError):  # a claim that is not given up ends by itself
                self.catalog.deliveries.release(label, self.tries.holder)

    def _deliver(self, receiver: Receiver) -> None:
        again = self._again[receiver.label]
        while True:
            again.clear()
            with suppress(CatalogError):  # what waits is there for the next
                deliver(self.catalog.deliveries, receiver, self.tries, self._keeps_on)
            with self._lock:
                if not again.is_set():
                    del self._threads[receiver.label]
                    return

    def _keeps_on(self) -> bool:
        return time.monotonic() < self._deadline


def _wait_at_the_end() -> None:
    """Have `leave` called when the process ends: also one that multiprocessing started."""
    from multiprocessing.util import Finalize

    Finalize(None, leave, exitpriority=10)
