"""A disk that runs out of space: a small one of its own, or this process's limit on file sizes."""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SIZE_BYTES = 16 * 1024 * 1024


class SmallDisk(Protocol):
    """A folder whose space can be taken away for a while."""

    folder: Path

    def leaving(self, size: int) -> "contextmanager[None]":
        """While it is entered, no more than about `size` bytes can be written."""


@dataclass
class MountedDisk:
    """A file system in memory: it is really full."""

    folder: Path

    @contextmanager
    def leaving(self, size: int) -> Iterator[None]:
        filler = self.folder / "filler"
        filler.write_bytes(bytes(max(shutil.disk_usage(self.folder).free - size, 0)))
        try:
            yield
        finally:
            filler.unlink()


@dataclass
class LimitedFiles:
    """Where nothing may be mounted: no file may grow beyond a size, which writers see as full."""

    folder: Path

    @contextmanager
    def leaving(self, size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def made(folder: Path) -> Iterator[SmallDisk]:
    """A small disk at a folder; which kind is found out by trying."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield LimitedFiles(folder)
        return
    try:
        yield MountedDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
