"""Files that are only ever read: those of another environment.

Owns the refusal of everything that would change them, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mesh.errors import StorageError
from mesh.lake.store import Content, Output, Store, StoredFile


@dataclass(frozen=True, slots=True)
class ReadOnlyStore:
    """A store that reads, and refuses to write."""

    inner: Store
    url: str

    def open_output(self, path: str) -> Output:
        """Refused."""
        self._refuse(path)

    def open_input(self, path: str, size: int) -> Any:
        """A file to read."""
        return self.inner.open_input(path, size)

    def delete(self, paths: list[str]) -> None:
        """Refused, unless there is nothing to delete."""
        if paths:
            self._refuse(paths[0])

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Files below a prefix."""
        return self.inner.list(prefix)

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of the folders right below a prefix."""
        return self.inner.folders(prefix)

    def put_once(self, path: str, data: bytes) -> None:  # noqa: ARG002 -- as the others
        """Refused."""
        self._refuse(path)

    def create(self, path: str, data: bytes) -> bool:  # noqa: ARG002 -- as the others
        """Refused."""
        self._refuse(path)

    def replace(self, path: str, data: bytes) -> None:  # noqa: ARG002 -- as the others
        """Refused."""
        self._refuse(path)

    def read(self, path: str) -> bytes:
        """What a file holds."""
        return self.inner.read(path)

    def find(self, path: str) -> Content | None:
        """What a file holds; None when there is none."""
        return self.inner.find(path)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return self.inner.has(path)

    def mark(self, path: str) -> str | None:
        """What tells a file from another one that is put in its place."""
        return self.inner.mark(path)

    def probe(self) -> None:
        """Refused: a probe writes."""
        self._refuse("a probe")

    def _refuse(self, path: str) -> NoReturn:
        raise only_read(self.url, path)


def only_read(url: str, what: str) -> StorageError:
    """The error of a write into another environment."""
    return StorageError(
        f"it is another environment's, and only read here: {what} is not written",
        where=url,
        hint="report this as a bug in Mesh",
    )
