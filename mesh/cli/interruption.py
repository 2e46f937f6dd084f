"""Ctrl-C, or SIGTERM, while products run.

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

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LAST_WORDS_SECONDS = 2.0


@contextmanager
def leaving_at_once(
    before: Callable[[], None], *, last_words: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Within it, Ctrl-C ends the process, after `before` was called; SIGTERM likewise.

    `last_words` may write to the catalog. They are said on a thread of their own, and waited for
    shortly: another thread may be in the middle of such a write. The exit code is 128 and the
    signal's number.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        before()
        message = "interrupted: what was not published yet stays as it was\n"
        os.write(2, message.encode())
        speaker = threading.Thread(target=last_words, name="mesh-last-words", daemon=True)
        speaker.start()
        speaker.join(_LAST_WORDS_SECONDS)
        os._exit(128 + number)

    previous = {number: signal.signal(number, leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
