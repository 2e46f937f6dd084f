"""Files where tables live: on a local disk or in an object store, by one set of verbs.

Owns writing, listing and deleting of files below a URL, and the probe that refuses a store which
ignores conditional writes: two writers could both believe that they made the same version, and one
of them would be lost without a sign.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import obstore
import pyarrow as pa
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import from_url

from mesh.errors import StorageError, UnsafeStoreError
from mesh.lake.access import Access
from mesh.lake.failures import storage_errors

_PROBED: set[tuple[str, str]] = set()
_ATTEMPTS_TO_OPEN = 10


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file below a store's URL. `path` is relative to it; sizes are bytes."""

    path: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, and when it was written."""

    data: bytes
    modified_at: datetime


class Output(Protocol):
    """A file of Arrow's that is being written."""

    def write(self, data: Any) -> int:
        """Append bytes."""

    def tell(self) -> int:
        """Bytes written so far."""

    def close(self) -> None:
        """Make the file whole."""

    def abort(self) -> None:
        """Stop without making it whole: nothing of it stays in a bucket, torn parts in a folder."""


class Store(Protocol):
    """What Mesh needs of a place that holds files."""

    def open_output(self, path: str) -> Output:
        """A writable Arrow file at `path`; in a bucket it is seen once it is closed, and whole."""

    def open_input(self, path: str, size: int) -> Any:
        """A readable Arrow file of `size` bytes, of which only the ranges asked for are read."""

    def delete(self, paths: list[str]) -> None:
        """Delete files; those that are gone already do not matter."""

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Files below `prefix`."""

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of the folders right below `prefix`, in order; none where there is nothing."""

    def put_once(self, path: str, data: bytes) -> None:
        """Make `data` a file, unless there is one: for content that its name identifies."""

    def create(self, path: str, data: bytes) -> bool:
        """Make `data` a new file; False when there is one already. One of several writers wins."""

    def replace(self, path: str, data: bytes) -> None:
        """Make `data` what a file holds, whether there is one or not; nobody reads half of it."""

    def read(self, path: str) -> bytes:
        """What a file holds."""

    def find(self, path: str) -> Content | None:
        """What a file holds; None when there is none."""

    def has(self, path: str) -> bool:
        """Whether there is such a file."""

    def mark(self, path: str) -> str | None:
        """What tells a file from another one that is put in its place; None when there is none."""

    def probe(self) -> None:
        """Raise UnsafeStoreError when the store ignores conditional writes."""


def open_store(url: str, options: Mapping[str, str]) -> Store:
    """The store at a local path or URL. Raises StorageError when it cannot be used."""
    local = local_path(url)
    return LocalStore(local) if local is not None else ObjectStore(url, dict(options))


def local_path(url: str) -> Path | None:
    """The folder that a URL names on this machine; None for an object store.

    Raises StorageError for a folder that delta-rs would look for elsewhere.
    """
    parts = urlsplit(url)
    if "://" in url and parts.scheme != "file":
        return None
    path = unquote(parts.path) if "://" in url else url
    if "%" in path:
        hint = "choose a folder without % in its name: MESH_STORAGE"
        raise StorageError("Delta tables cannot be in this folder", where=path, hint=hint)
    return Path(path)


@dataclass(frozen=True, slots=True)
class LocalStore:
    """Files in a folder."""

    root: Path

    def open_output(self, path: str) -> Output:
        """A new file; its folders are made, again where another writer just removed them."""
        target = self.root / path
        with storage_errors(str(self.root)):
            for _ in range(_ATTEMPTS_TO_OPEN - 1):
                with suppress(FileNotFoundError):
                    return self._opened(target)
            return self._opened(target)

    def open_input(self, path: str, size: int) -> Any:  # noqa: ARG002 -- as the others
        """The file, read in the ranges that are asked for."""
        with storage_errors(str(self.root)):
            return pa.OSFile(str(self.root / path), "rb")

    def _opened(self, target: Path) -> Output:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _FolderOutput(str(target), "wb")

    def delete(self, paths: list[str]) -> None:
        """Delete files, and folders that this leaves empty."""
        for path in paths:
            target = self.root / path
            with storage_errors(str(self.root)):
                target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self.root.parent or not _remove_if_empty(folder):
                    break

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Files below a folder."""
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                file = Path(folder) / name
                try:
                    found = file.stat()
                except FileNotFoundError:  # another writer has just removed it
                    continue
                yield StoredFile(
                    file.relative_to(self.root).as_posix(),
                    found.st_size,
                    datetime.fromtimestamp(found.st_mtime, UTC),
                )

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of the folders right below a folder."""
        with (
            storage_errors(str(self.root)),
            suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self.root / prefix) as entries,
        ):
            return sorted(entry.name for entry in entries if entry.is_dir())
        return []

    def put_once(self, path: str, data: bytes) -> None:
        """Written beside and moved into place, so that nobody reads half of it."""
        if not (self.root / path).exists():
            self.replace(path, data)

    def create(self, path: str, data: bytes) -> bool:
        """Written beside and linked into place, which fails where there is a file."""
        target = self.root / path
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with storage_errors(str(self.root)):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(data)
                os.link(draft, target)
            except FileExistsError:
                return False
            finally:
                draft.unlink(missing_ok=True)
        return True

    def replace(self, path: str, data: bytes) -> None:
        """Written beside and moved into place."""
        target = self.root / path
        with storage_errors(str(self.root)):
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
            draft.write_bytes(data)
            draft.replace(target)

    def read(self, path: str) -> bytes:
        """What a file holds."""
        with storage_errors(str(self.root)):
            return (self.root / path).read_bytes()

    def find(self, path: str) -> Content | None:
        """What a file holds; None when there is none."""
        with (
            storage_errors(str(self.root)),
            suppress(FileNotFoundError),
            (self.root / path).open("rb") as file,
        ):
            modified_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            return Content(file.read(), modified_at)
        return None

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path).is_file()

    def mark(self, path: str) -> str | None:
        """By which file it is, and when it was written."""
        with storage_errors(str(self.root)), suppress(FileNotFoundError):
            found = (self.root / path).stat()
            return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
        return None

    def probe(self) -> None:
        """Local file systems refuse to create what exists: delta-rs links, and never replaces."""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Objects below a URL such as `s3://bucket/prefix`."""

    url: str
    options: Mapping[str, str] = field(repr=False)

    def _open(self) -> Any:
        access = Access.of(self.url, self.options)
        with storage_errors(self.url):
            return from_url(self.url, **access.obstore)

    def open_output(self, path: str) -> Output:
        """A multipart upload that becomes one object when it is closed."""
        with storage_errors(self.url):
            return _ObjectOutput(_Upload(obstore.open_writer(self._open(), path), self.url), "w")

    def open_input(self, path: str, size: int) -> Any:
        """The object, read with one request for each range that is asked for."""
        return pa.PythonFile(_Download(self._open(), path, size), "r")

    def delete(self, paths: list[str]) -> None:
        """Delete objects."""
        if paths:
            with storage_errors(self.url):
                obstore.delete(self._open(), paths)

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Objects below a prefix."""
        with storage_errors(self.url):
            for page in obstore.list(self._open(), prefix=prefix or None):
                for item in page:
                    yield StoredFile(item["path"], item["size"], item["last_modified"])

    def folders(self, prefix: str = "") -> Sequence[str]:
        """The next part of the names of objects below a prefix, with one request a thousand."""
        with storage_errors(f"{self.url}/{prefix}".rstrip("/")):
            found = obstore.list_with_delimiter(self._open(), prefix or None)
        return sorted(path.rpartition("/")[2] for path in found["common_prefixes"])

    def put_once(self, path: str, data: bytes) -> None:
        """A conditional write: what is there already stays."""
        with storage_errors(self.url), suppress(AlreadyExistsError, PreconditionError):
            obstore.put(self._open(), path, data, mode="create")

    def create(self, path: str, data: bytes) -> bool:
        """A conditional write, of which the store lets one through."""
        with storage_errors(self.url):
            try:
                obstore.put(self._open(), path, data, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def replace(self, path: str, data: bytes) -> None:
        """A write that replaces the object as a whole."""
        with storage_errors(self.url):
            obstore.put(self._open(), path, data)

    def read(self, path: str) -> bytes:
        """What an object holds."""
        with storage_errors(self.url):
            return bytes(obstore.get(self._open(), path).bytes())

    def find(self, path: str) -> Content | None:
        """What an object holds; None when there is none."""
        with storage_errors(self.url), suppress(FileNotFoundError):
            found = obstore.get(self._open(), path)
            return Content(bytes(found.bytes()), found.meta["last_modified"])
        return None

    def has(self, path: str) -> bool:
        """Whether there is such an object."""
        with storage_errors(self.url), suppress(FileNotFoundError):
            obstore.head(self._open(), path)
            return True
        return False

    def mark(self, path: str) -> str | None:
        """The store's own tag of what the object holds."""
        with storage_errors(self.url), suppress(FileNotFoundError):
            found = obstore.head(self._open(), path)
            return f"{found['e_tag']}-{found['last_modified'].timestamp()}-{found['size']}"
        return None

    def probe(self) -> None:
        """Create an object twice: the second must be refused. Once a bucket and process."""
        place = urlsplit(self.url)
        identity = (f"{place.scheme}://{place.netloc}", str(sorted(self.options.items())))
        if identity in _PROBED:
            return
        store, path = self._open(), f"_mesh_probe/{uuid.uuid4().hex}"
        with storage_errors(self.url):
            obstore.put(store, path, b"1", mode="create")
            try:
                obstore.put(store, path, b"2", mode="create")
            except (AlreadyExistsError, PreconditionError):
                _PROBED.add(identity)
                return
            finally:
                obstore.delete(store, [path])
        raise UnsafeStoreError(
            "the store ignores conditional writes, and would lose commits silently",
            where=self.url,
            hint="use a store that honours If-None-Match on PUT, such as S3 or Ceph",
        )


class _FolderOutput(pa.OSFile):  # type: ignore[misc]
    """A file in a folder."""

    def abort(self) -> None:
        """Whoever began it deletes it."""
        self.close()


class _ObjectOutput(pa.PythonFile):  # type: ignore[misc]
    """An object that is being uploaded."""

    def __init__(self, upload: _Upload, _: str) -> None:
        super().__init__()  # Arrow takes the arguments before this
        self._upload = upload

    def abort(self) -> None:
        """Have the store forget the parts that it has."""
        self._upload.abort()
        self.close()


class _Upload:
    """An obstore writer with what Arrow asks of a Python file."""

    def __init__(self, writer: Any, url: str) -> None:
        self._writer = writer
        self._url = url
        self._position = 0
        self.closed = False

    def write(self, data: Any) -> int:
        with storage_errors(self._url):
            self._writer.write(memoryview(data).cast("B"))  # Arrow's buffers are of signed bytes
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """The store has no halfway state to flush to."""

    def writable(self) -> bool:
        return True

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            stop = StorageError("the upload is given up", where=self._url)
            with storage_errors(self._url):
                self._writer.__exit__(type(stop), stop, None)  # what obstore aborts on

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            with storage_errors(self._url):
                self._writer.close()


class _Download:
    """An object with what Arrow asks of a Python file to read from."""

    def __init__(self, store: Any, path: str, size: int) -> None:
        self._store = store
        self._path = path
        self._size = size
        self._position = 0
        self.closed = False

    def read(self, count: int = -1) -> bytes:
        left = max(self._size - self._position, 0)
        length = left if count < 0 else min(count, left)
        if not length:
            return b""
        with storage_errors(self._path):
            found = obstore.get_range(self._store, self._path, start=self._position, length=length)
        self._position += length
        return bytes(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
