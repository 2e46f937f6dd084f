"""Calling a domain's function where it can do no harm: for as long as Mesh looks at it.

Owns the thread, the time limit and what the call may not do. Nothing that it prints, logs or warns
of is shown; Python code in it reaches no network, starts no process and changes no file. Libraries
that are not written in Python are not held back, which is why functions without inputs, those that
fetch data, are not called at all (`engines.probing`).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar, cast

from mesh.errors import MeshError, TransformError
from mesh.publishing.source import transform_errors

Value = TypeVar("Value")

LIMIT_SECONDS = 5.0
"""How long a call is waited for. It takes milliseconds, unless it imports something large."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "socket.sendto",
    "subprocess.", "os.system", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "os.startfile",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink",
    "os.chmod", "os.chown", "os.utime", "os.kill", "shutil.", "ftplib.", "smtplib.", "sqlite3.",
)  # fmt: skip
"""Beginnings of the names of Python's audit events."""

_quiet_threads: set[int] = set()
_install = threading.Lock()
_one_at_a_time = threading.Lock()


class TooSlowError(TransformError):
    """A function did not return in time. It may still be running, unheard."""


def call_quietly(work: Callable[[], Value], *, seconds: float = LIMIT_SECONDS) -> Value:
    """What `work` returns, called in a thread of its own that nobody hears.

    Raises TooSlowError, a MeshError that `work` raised, or TransformError for anything else.
    """
    _hold_back()
    call = _Call(work)
    # A daemon: a function that never returns must not keep the process from ending.
    thread = threading.Thread(target=call.run, name="mesh-probe", daemon=True)
    with _one_at_a_time, _unheard():
        thread.start()
        thread.join(seconds)
        is_late = thread.is_alive()
    if is_late:
        raise TooSlowError(f"it did not return within {seconds:g} s")
    if call.error is not None:
        raise call.error
    return cast("Value", call.value)


@dataclass(slots=True)
class _Call(AbstractContextManager[None]):
    """One call: what came of it is taken up where it was asked for."""

    work: Callable[[], Any]
    value: Any = None
    error: MeshError | None = None

    def run(self) -> None:
        _quiet_threads.add(threading.get_ident())
        with self, transform_errors():
            self.value = self.work()

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> bool:
        """Keep the error for the thread that waits."""
        _quiet_threads.discard(threading.get_ident())
        if error is None or isinstance(error, MeshError):
            self.error = error
        else:  # SystemExit, and what else is no Exception
            self.error = TransformError(f"it raised {type(error).__name__}")
            self.error.__cause__ = error
        return True


def _hold_back() -> None:
    """Have Python ask before what a quiet thread must not do. An audit hook stays for good."""
    with _install:
        if not getattr(_hold_back, "is_installed", False):
            sys.addaudithook(_refuse)
            _hold_back.is_installed = True  # type: ignore[attr-defined]  # once a process


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _quiet_threads or threading.get_ident() not in _quiet_threads:
        return
    if event == "open":
        path, mode, flags = arguments
        is_writing = bool(set(str(mode or "r")) & set("wax+")) or bool((flags or 0) & _WRITING)
        if not is_writing or path == os.devnull:
            return
        what = f"writes {path}"
    elif event.startswith(_REFUSED):
        what = event
    else:
        return
    # An OSError: Python's import system goes on when it cannot write what it compiled.
    raise PermissionError(f"not while it is looked at: {what}")


@contextmanager
def _unheard() -> Iterator[None]:
    """Let nothing that quiet threads say be seen."""
    out, err, before = sys.stdout, sys.stderr, logging.root.manager.disable
    sys.stdout, sys.stderr = cast("TextIO", _Muted(out)), cast("TextIO", _Muted(err))
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if not _quiet_threads:  # one that never returned stays unheard
            sys.stdout, sys.stderr = out, err


class _Muted:
    """A stream that drops what quiet threads write to it, and passes on everything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.get_ident() in _quiet_threads:
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
