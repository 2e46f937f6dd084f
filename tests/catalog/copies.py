"""Catalogs that Mesh made once in this process, and that are copied for every test that wants one.

Owns the copies, on both databases. To make a catalog takes all of its migrations, which are a test's most
time where it asks for little. Tests of how one is made begin with nothing instead: `test_opening.py`,
`test_moving.py`, `test_sharing.py`.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from mesh.catalog.store import Catalog
from tests.catalog import postgresql

_SQLITE = "sqlite:///"


def put(url: str) -> str:
    """Put a catalog in which nothing is where SQLite's URL says, if there is no file. Returns the URL."""
    file = Path(url.removeprefix(_SQLITE))
    if url.startswith(_SQLITE) and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_file())
    return url


@cache
def _file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "catalog.db"
        Catalog.open(f"{_SQLITE}{file}").close()
        return file.read_bytes()


@contextmanager
def original(home: Path) -> Iterator[str]:
    """The name of a catalog on a server of PostgreSQL that nobody uses but to copy it."""
    with postgresql.database(home) as url:
        Catalog.open(url).close()
        yield postgresql.name_of(url)
