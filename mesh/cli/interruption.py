"""Ctrl-C while products run.

Owns a quick end: a transform on another thread cannot be stopped, and waiting for it may take long.
Leaving at once is safe, as a publication becomes visible in one commit or never; what it staged is
removed by `mesh maintain`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that was interrupted: 128 and the number of SIGINT."""


@contextmanager
def leaving_at_once(before: Callable[[], None]) -> Iterator[None]:
    """Within it, Ctrl-C ends the process, after `before` was called."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_number: int, _frame: FrameType | None) -> None:
        before()
        message = "interrupted: what was not published yet stays as it was\n"
        os.write(2, message.encode())
        os._exit(INTERRUPTED)

    previous = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
