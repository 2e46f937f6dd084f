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
        courier = _COURIERS[key]
    courier.nudge()


def drain(at_most: float = float("inf")) -> None:
    """Wait for what is being delivered, as long as the settings allow, and let others go on.

    Waits no more than `at_most` seconds.
    """
    with _LOCK:
        couriers = list(_COURIERS.values())
        _COURIERS.clear()
    for courier in couriers:
        courier.drain(at_most)


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

    def nudge(self) -> None:
        with self._lock:
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
        self._deadline = time.monotonic() + min(self.settings.budget_seconds, at_most)
        with self._lock:
            threads = dict(self._threads)
        for label, thread in threads.items():
            thread.join(max(0.0, self._deadline - time.monotonic()))
            if thread.is_alive():
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
    """Have `drain` called when the process ends: also one that multiprocessing started."""
    from multiprocessing.util import Finalize

    Finalize(None, drain, exitpriority=10)
