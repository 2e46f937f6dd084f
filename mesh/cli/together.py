"""Several files, written together or not at all.

Owns the order: everything is written beside its place first, where a full disk shows, and moved
into place only once all of it is there. What fails leaves files and folders as they were.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from mesh.errors import MeshError


def write_together(texts: Mapping[Path, str]) -> None:
    """Make these texts what these files hold. Raises MeshError; then nothing is written."""
    with ExitStack() as undoing:
        drafts = {path: _draft(path, text, undoing) for path, text in texts.items()}
        earlier = {path: _copy(path, undoing) for path in texts if path.exists()}
        for path, draft in drafts.items():
            undoing.callback(_put_back, path, earlier.get(path))
            _move(draft, path)
        undoing.pop_all()
    for copy in earlier.values():
        _remove(copy)


def _draft(path: Path, text: str, undoing: ExitStack) -> Path:
    draft = _beside(path)
    try:
        for folder in _missing(path.parent):
            folder.mkdir()
            undoing.callback(_remove_if_empty, folder)
        undoing.callback(_remove, draft)
        draft.write_text(text, encoding="utf-8", newline="")
        if path.exists():
            shutil.copymode(path, draft)
    except OSError as error:
        raise _unwritten(error, path) from error
    return draft


def _copy(path: Path, undoing: ExitStack) -> Path:
    """What a file held, kept beside it until all is in place."""
    copy = _beside(path)
    undoing.callback(_remove, copy)
    try:
        shutil.copy2(path, copy)
    except OSError as error:
        raise _unwritten(error, path) from error
    return copy


def _move(draft: Path, path: Path) -> None:
    try:
        draft.replace(path.resolve())
    except OSError as error:
        raise _unwritten(error, path) from error


def _put_back(path: Path, copy: Path | None) -> None:
    if copy is None:
        path.unlink(missing_ok=True)
    else:
        copy.replace(path.resolve())


def _remove(file: Path) -> None:
    with suppress(OSError):  # it was never there
        file.unlink()


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # somebody else has put something there
        folder.rmdir()


def _missing(folder: Path) -> Iterator[Path]:
    """The folders that are not there yet, the outermost first."""
    found = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    yield from reversed(found)


def _beside(path: Path) -> Path:
    real = path.resolve()
    return real.with_name(f".{real.name}.{uuid.uuid4().hex}")


def _unwritten(error: OSError, path: Path) -> MeshError:
    return MeshError(f"it cannot be written: {error.strerror}", where=str(path))
