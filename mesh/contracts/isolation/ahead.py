"""Processes that are started ahead, so that no statement waits for one to start.

Owns how many wait. None does before the first statement: who never asks pays nothing.
"""

from __future__ import annotations

import threading

from mesh.contracts.isolation.process import Isolated

_SPARE = 1


class Processes:
    """Processes that are started ahead, so that no statement waits for one to start."""

    def __init__(self) -> None:
        self._waiting: list[Isolated] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def take(self) -> Isolated:
        """One that waits; another is started in its place."""
        with self._lock:
            found = self._waiting.pop() if self._waiting else None
        threading.Thread(target=self._refill, daemon=True).start()
        return found or Isolated()

    def close(self) -> None:
        """End those that wait."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = self._waiting, []
        for process in waiting:
            process.close()

    def _refill(self) -> None:
        made = Isolated()
        with self._lock:
            if not self._is_closed and len(self._waiting) < _SPARE:
                self._waiting.append(made)
                return
        made.close()
