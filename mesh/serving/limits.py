"""How much of the server one caller may have.

Owns token buckets in memory: as many requests at once as a burst, and lastingly so many a second.
They are this process's own, and forgotten when it ends.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from mesh.serving.problems import ProblemError

_BURST_SECONDS = 2.0
"""A burst is what comes together in so many seconds."""
_CALLERS = 10_000
"""Callers that are remembered; the one that was away longest is forgotten, and starts anew."""


class Buckets:
    """One bucket a caller, all of one size. Shared by threads."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = max(1.0, per_second * _BURST_SECONDS)
        self._clock = clock
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Take one request. Raises ProblemError (429), which says when to come again."""
        with self._lock:
            now = self._clock()
            level, before = self._levels.pop(caller, (self._burst, now))
            level = min(self._burst, level + (now - before) * self._per_second)
            is_served = level >= 1
            self._levels[caller] = (level - 1 if is_served else level, now)
            if len(self._levels) > _CALLERS:
                self._levels.popitem(last=False)
        if not is_served:
            wait = math.ceil((1 - level) / self._per_second)
            raise ProblemError(
                429,
                f"more than {self._per_second:g} requests a second",
                hint=f"come again in {wait} s",
                headers={"retry-after": str(wait)},
            )
