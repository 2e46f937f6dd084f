"""Damage to the files of a table, as disks and people do it."""

from collections.abc import Callable
from pathlib import Path

from mesh.lake import Table

Damage = Callable[[Table], str]


def root_of(table: Table) -> Path:
    return Path(table.root)


def entry(table: Table, version: int) -> Path:
    return root_of(table) / "_delta_log" / f"{version:020}.json"


def data_file(table: Table, version: int) -> Path:
    """A data file that came with a version."""
    before = {file.path for file in table.snapshot(version - 1).files} if version else set()
    new = next(file.path for file in table.snapshot(version).files if file.path not in before)
    return root_of(table) / new


def lose(file: Path) -> str:
    file.unlink()
    return file.name


def tear(file: Path) -> str:
    """Cut it off, as a machine does that loses its power."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    return file.name


def empty(file: Path) -> str:
    file.write_bytes(b"")
    return file.name


def rot(file: Path) -> str:
    """Flip bits in the middle; its size stays."""
    content = bytearray(file.read_bytes())
    for index in range(20, 60):
        content[index] ^= 0xFF
    file.write_bytes(bytes(content))
    return file.name
