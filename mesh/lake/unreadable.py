"""Errors of reading a table, as what is the matter with it: which file, which version, what to do.

Owns telling damage, which `mesh repair` looks after, from a version whose files were removed on
purpose. Looks at files only once a read has failed.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from obstore.exceptions import NotFoundError

from mesh.errors import DamagedTableError, MeshError, NotPublishedError, StorageError
from mesh.lake.damage import DamagedFile, Fault, Live, TableFiles
from mesh.naming import ProductId

if TYPE_CHECKING:
    from mesh.lake.table import Table

_MISSING = (FileNotFoundError, NotFoundError)
READ_ERRORS = (
    *_MISSING,
    OSError,
    pa.ArrowException,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
"""What reading a file may raise. Polars panics at a Parquet file that was cut off."""


@contextmanager
def naming_damage(table: Table, version: int | None = None) -> Iterator[None]:
    """Turn errors of reading a version, the latest by default, into one that names the file."""
    try:
        yield
    except (*READ_ERRORS, StorageError) as error:
        met = error.__cause__ if isinstance(error, StorageError) else error
        if isinstance(error, StorageError) and not isinstance(met, _MISSING):
            raise  # a store that is gone is not asked again
        found = why_unreadable(table, version, met)
        if found is None:
            raise
        raise found from error


def why_unreadable(
    table: Table, version: int | None, error: BaseException | None
) -> MeshError | None:
    """What is wrong with a version that could not be read; None for any other error."""
    if not isinstance(error, READ_ERRORS) or _is_about_the_store(error):
        return None
    files = TableFiles(table)
    live = files.live(files.latest if version is None else version)
    if live is None:
        return damaged_log(table, files)
    damaged = files.damaged_data(live) or files.damaged_data(live, is_deep=True)
    if not damaged:
        return None
    current = files.live(files.latest)
    if version is not None and current is not None and _is_vacuumed(damaged, current):
        return NotPublishedError(
            f"version {version} is gone: {damaged[0].path} and what else it alone had was removed",
            where=_name(table),
            hint=f"read the latest, version {files.latest}",
        )
    return _damaged(table, damaged)


def _is_about_the_store(error: BaseException) -> bool:
    """Whether the system says what is wrong, and that no file is missing."""
    return isinstance(error, OSError) and error.errno not in {None, errno.ENOENT}


def damaged_log(table: Table, files: TableFiles | None = None) -> StorageError | None:
    """What is wrong with the log of a table that cannot be opened; None when it is whole."""
    lying = TableFiles(table) if files is None else files
    damaged = [*lying.damaged_entries(), *lying.damaged_checkpoints()]
    return _damaged(table, damaged) if damaged else None


def _is_vacuumed(damaged: Sequence[DamagedFile], current: Live) -> bool:
    """Whether only files are gone that the latest version does without."""
    return all(file.fault is Fault.MISSING and file.path not in current for file in damaged)


def _damaged(table: Table, damaged: Sequence[DamagedFile]) -> DamagedTableError:
    more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
    name = _name(table)
    hint = f"`mesh repair {name}` says what can be done" if name != table.url else ""
    return DamagedTableError(f"{damaged[0]}{more}", where=name, hint=hint)


def _name(table: Table) -> str:
    product = ProductId.of_table(table.url)
    return table.url if product is None else str(product)
