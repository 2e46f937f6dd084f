"""What a view shows of a version, as files of its own: written once, kept, and given up in time.

Owns the folder that they are in. A copy is named for everything that decides what is in it (table,
version and the view's digest), is written aside and moved into place whole, and is never changed.
Kept on the server's own disk: it may hold what policy shows to some and hides from others.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

_FACTS = "copy.json"
_DRAFTS = ".drafts"
_ABANDONED_SECONDS = 6 * 3600.0
"""Age of a draft that nobody can still be writing."""


@dataclass(frozen=True, slots=True)
class CopyKey:
    """Everything that decides what is in a copy. `kind` is `rows` or `changes`."""

    product: str
    table_id: str
    version: int
    digest: str
    kind: str = "rows"

    @property
    def name(self) -> str:
        """The copy's folder, below its product's."""
        return f"{self.table_id}-{self.version}-{self.kind}-{self.digest}"


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of a copy: its name in the copy's folder, bytes and rows."""

    name: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is there. `schema` is Delta's JSON of its columns."""

    folder: Path
    files: tuple[CopiedFile, ...]
    schema: str


class Copies:
    """The copies of one server, within a size. Shared by threads, and by processes.

    `resting` is how many seconds a copy stays after it was last handed out, as long as links to it
    are good; but not where that would take twice the size.
    """

    def __init__(self, folder: Path, most_bytes: int, resting: float) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._resting = resting
        self._lock = Lock()
        self._making: dict[CopyKey, Lock] = {}

    def find(self, key: CopyKey) -> Copy | None:
        """A copy that is there, which counts as handed out now; None when there is none."""
        folder = self._folder / key.product / key.name
        try:
            told = json.loads((folder / _FACTS).read_bytes())
            os.utime(folder / _FACTS)
        except FileNotFoundError:
            return None
        files = tuple(CopiedFile(**file) for file in told["files"])
        return Copy(folder, files, told["schema"])

    def of(self, key: CopyKey, make: Callable[[Path], tuple[Sequence[CopiedFile], str]]) -> Copy:
        """The copy of a key, made by one of those who ask for it at once while the others wait.

        `make` writes files into an empty folder, and returns them with the schema.
        """
        if (found := self.find(key)) is not None:
            return found
        with self._alone(key):
            if (found := self.find(key)) is not None:
                return found
            self._make(key, make)
            self._give_up(key)
            made = self.find(key)
        assert made is not None  # noqa: S101 -- one that was just handed out is not given up
        return made

    def give_up_versions(self, product: str, is_gone: Callable[[str, int], bool]) -> None:
        """Delete the copies of a product's versions that may not be read any more."""
        for folder in _folders(self._folder / product):
            table_id, version, *_ = _parts(folder)
            if is_gone(table_id, int(version)):
                _delete(folder)

    def _make(self, key: CopyKey, make: Callable[[Path], tuple[Sequence[CopiedFile], str]]) -> None:
        draft = self._folder / _DRAFTS / uuid.uuid4().hex
        draft.mkdir(parents=True, mode=0o700)
        try:
            files, schema = make(draft)
            told = {"files": [asdict(file) for file in files], "schema": schema}
            (draft / _FACTS).write_text(json.dumps(told))
            place = self._folder / key.product / key.name
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(OSError):  # another process was first: its copy says the same
                draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _give_up(self, made: CopyKey) -> None:
        """Delete copies that were handed out longest ago until the others are within the size."""
        now, found = time.time(), []
        for product in _folders(self._folder):
            for folder in _folders(product):
                with suppress(FileNotFoundError):
                    sizes = [file.stat().st_size for file in folder.iterdir()]
                    used = (folder / _FACTS).stat().st_mtime
                    found.append((used, sum(sizes), folder))
        total = sum(size for _, size, _ in found)
        for used, size, folder in sorted(found, key=lambda item: item[0]):
            if total <= self._most_bytes:
                break
            is_resting = now - used <= self._resting and total <= 2 * self._most_bytes
            if not is_resting and folder.name != made.name:
                _delete(folder)
                total -= size
        for draft in _folders(self._folder / _DRAFTS):
            with suppress(FileNotFoundError):
                if now - draft.stat().st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(draft, ignore_errors=True)

    @contextmanager
    def _alone(self, key: CopyKey) -> Iterator[None]:
        """One thread a key; whoever waited finds what the one before made."""
        with self._lock:
            own = self._making.setdefault(key, Lock())
        try:
            with own:
                yield
        finally:
            with self._lock:
                self._making.pop(key, None)


def _folders(folder: Path) -> list[Path]:
    try:
        return [item for item in folder.iterdir() if item.is_dir() and item.name != _DRAFTS]
    except FileNotFoundError:
        return []


def _parts(folder: Path) -> Sequence[str]:
    """What a copy's folder is named for; a table's id has dashes itself."""
    return folder.name.rsplit("-", 3)


def _delete(folder: Path) -> None:
    """First what says that it is a copy, so that nobody takes half of it for one."""
    (folder / _FACTS).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
