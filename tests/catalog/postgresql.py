"""A real PostgreSQL for tests: installed when it is missing, started, and stopped with the session.

Needs root or a user who may run `initdb`, as PostgreSQL does not run as root.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

_LOCK = Path(tempfile.gettempdir()) / "mesh-tests-install-postgresql.lock"
_PACKAGES = ("apt-get", "install", "--yes", "--no-install-recommends", "postgresql")
_USER = "postgres"
_INITIALLY = ("-A", "trust", "-E", "UTF8", "-N")


@dataclass
class Server:
    """A server of its own folder, which can be stopped and started again.

    It trusts everybody who can reach the folder. `options` are settings: `name=value`.
    """

    home: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def made(cls, *options: str) -> Server:
        """One that was never started."""
        # Sockets have short paths only, so not below pytest's own folder.
        home = Path(tempfile.mkdtemp(prefix="mesh-pg-"))
        if _owner() is not None:
            shutil.chown(home, _USER, _USER)
        initdb = [_programs() / "initdb", "-D", home / "data", "-U", "mesh", *_INITIALLY]
        subprocess.run(initdb, user=_owner(), check=True, capture_output=True, cwd=home)
        return cls(home, options)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        said = [word for option in self.options for word in ("-c", option)]
        data, socket = ["-D", self.home / "data"], ["-k", self.home]
        self.process = subprocess.Popen(
            [_programs() / "postgres", *data, *socket, "-c", "listen_addresses=", "-F", *said],
            user=_owner(),
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for(self.home)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends every connection first, SIGQUIT leaves all as in a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=120)
            self.process = None

    def connected(self) -> psycopg.Connection:
        """A connection of its administrator."""
        return _connected(self.home)


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    """A server that runs, and may be stopped meanwhile."""
    server = Server.made(*options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.home)


@contextmanager
def running(*options: str) -> Iterator[Path]:
    """The folder of the socket of a server. It waits for no disk, unless it has `fsync=on`."""
    with serving(*options) as server:
        yield server.home


@contextmanager
def database(home: Path, like: str = "template1") -> Iterator[str]:
    """The SQLAlchemy URL of a database of one's own: empty, or `like` another."""
    name = f"test_{uuid4().hex}"
    with _connected(home) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
    try:
        yield f"postgresql+psycopg://mesh@/{name}?host={home}"
    finally:
        with _connected(home) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def name_of(url: str) -> str:
    """The name of the database at a URL."""
    return str(make_url(url).database)


def _owner() -> str | None:
    return _USER if os.geteuid() == 0 else None


def _connected(home: Path) -> psycopg.Connection:
    return psycopg.connect(host=str(home), user="mesh", dbname="postgres", autocommit=True)


def _wait_for(home: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            _connected(home).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@cache
def _programs() -> Path:
    """Where `initdb` and `postgres` are."""
    if found := _found():
        return found
    with _LOCK.open("w") as lock:  # two test processes may come here at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _found():
            subprocess.run(["apt-get", "update"], check=True, capture_output=True)
            subprocess.run(_PACKAGES, check=True, capture_output=True)
    found = _found()
    assert found is not None, f"{' '.join(_PACKAGES)} brought no initdb"
    return found


def _found() -> Path | None:
    if program := shutil.which("initdb"):
        return Path(program).resolve().parent
    return max(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: int(folder.parent.name),
        default=None,
    )
