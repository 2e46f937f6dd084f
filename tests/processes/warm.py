"""A process that has imported everything once, and forks for each call of Python that it is told of.

Owns what a fork needs to be like `python -c …` or `python -m …` that was started from nothing: folder,
environment, path, arguments, streams, and an end of its own. Of what Python does at an end it leaves out
only to take modules apart: two seconds for those that are imported here.
Refuses to run anything of Mesh itself: threads do not survive a fork, so whatever is done here before
it would hang there. Imports nothing of `tests`.

Started with the number of a socket. Orders come with three files, the streams of the call: eight bytes
that say how long the rest is, then JSON. It answers with two lines: the call's process, and how it ended.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
import tempfile
import threading
import time
import types
import warnings
from importlib.metadata import distributions
from typing import Any, NoReturn

_LIBRARIES = (
    "alembic.command", "alembic.context", "dagster", "deltalake", "duckdb", "jinja2", "obstore",
    "pandas", "pandera.polars", "polars", "pyarrow.dataset", "pyarrow.parquet", "rich.console",
    "sqlalchemy", "sqlglot", "yaml",
)  # fmt: skip
"""Without dbt: Mesh starts it as a process of its own."""
_IMPORTED_BY_OTHERS = ("mesh.catalog.migrations", "mesh.testing.plugin")
"""By Alembic, and by pytest, which rewrites it on the way."""


def import_everything() -> None:
    """All that a command may need."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    package = importlib.import_module("mesh")
    for found in pkgutil.walk_packages(package.__path__, "mesh."):
        if not found.name.startswith(_IMPORTED_BY_OTHERS):
            importlib.import_module(found.name)


def serve(channel: socket.socket) -> dict[str, Any] | None:
    """Fork for every order. Returns it in the fork, and nothing here, when there are no more."""
    channel.sendall(b"ready\n")
    while True:
        head, streams, _, _ = socket.recv_fds(channel, 8, 3)
        if not head:
            return None
        order = json.loads(_exactly(channel, int.from_bytes(head, "big")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Polars warns of threads, of which there are none yet
            child = os.fork()
        if child == 0:
            channel.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
        for stream in streams:
            os.close(stream)
        if child == 0:
            return order
        channel.sendall(b"%d\n" % child)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        channel.sendall(b"%d\n" % code)


def _exactly(channel: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        read += channel.recv(size - len(read))
    return read


def become(order: dict[str, Any], path: list[str]) -> None:
    """Be the process that was ordered, and run what it runs."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    tempfile.tempdir = None
    how, what, *arguments = order["words"]
    first = "" if how == "-c" else order["folder"]
    own = os.environ.get("PYTHONPATH", "")
    sys.path[:] = [first, *(own.split(os.pathsep) if own else ()), *path]
    sys.argv[:] = [how, *arguments]
    importlib.invalidate_caches()
    if how == "-c":
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)
    else:
        _forget_what_pytest_rewrites()
        runpy.run_module(what, run_name="__main__", alter_sys=True)


def live(order: dict[str, Any], path: list[str]) -> NoReturn:
    """Be that process to its end."""
    code: object = 0
    try:
        become(order, path)
    except SystemExit as asked:
        code = asked.code
    except BaseException as error:  # noqa: BLE001 -- the edge of this process
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    if not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)


def _forget_what_pytest_rewrites() -> None:
    """Let pytest import whatever brings plugins, Mesh among it: it rewrites assertions there."""
    owned = set()
    for distribution in distributions():
        if plugins := distribution.entry_points.select(group="pytest11"):
            owned |= {plugin.module.partition(".")[0] for plugin in plugins}
            owned |= {file.parts[0].removesuffix(".py") for file in distribution.files or ()}
    for name in [name for name in sys.modules if name.partition(".")[0] in owned]:
        del sys.modules[name]


if __name__ == "__main__":
    given = os.environ.get("PYTHONPATH", "")
    rest = sys.path[1 + (given.count(os.pathsep) + 1 if given else 0) :]
    import_everything()
    gc.freeze()  # a collection in a fork would touch, and so copy, every page
    if told := serve(socket.socket(fileno=int(sys.argv[1]))):
        live(told, rest)
    os._exit(0)
