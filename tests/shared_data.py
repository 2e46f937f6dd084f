"""Where the standards' schemas and examples are, which tests read and never copy.

Owns the search: the variable MESH_SHARED_DATA, else a folder `shared/data` beside the repository,
beside any of its parents' folders, or beside what the remote `origin` names when that is a folder.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

VARIABLE = "MESH_SHARED_DATA"
_REPOSITORY = Path(__file__).resolve().parents[1]


@cache
def shared_data() -> Path | None:
    """The folder of shared data; None where there is none."""
    if named := os.environ.get(VARIABLE):
        return Path(named) if Path(named).is_dir() else None
    return next((folder for folder in _candidates() if folder.is_dir()), None)


def _candidates() -> Iterator[Path]:
    for start in (_REPOSITORY, *_origin()):
        for parent in start.parents:
            yield parent / "shared" / "data"


def _origin() -> Iterator[Path]:
    command = ["git", "-C", str(_REPOSITORY), "remote", "get-url", "origin"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return
    folder = Path(found.stdout.strip().removeprefix("file://"))
    if found.returncode == 0 and folder.is_absolute() and folder.is_dir():
        yield folder


needs_shared_data = pytest.mark.skipif(
    shared_data() is None,
    reason=f"no folder shared/data near the repository; set {VARIABLE} to run these tests",
)
"""Marks a test or module that reads shared data."""


def files(pattern: str) -> list[Path]:
    """Files of the shared data, such as `odcs/examples/*.odcs.yaml`; none where it is nowhere."""
    folder = shared_data()
    return sorted(folder.glob(pattern)) if folder else []


def file(name: str) -> Path:
    """One file of the shared data; skips the test where it is nowhere."""
    folder = shared_data()
    if folder is None:
        pytest.skip(f"no shared data: set {VARIABLE}")
    return folder / name
