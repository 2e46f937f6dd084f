"""URLs of files that the store itself signed: whoever has one may read that file for a while.

Owns how they are asked for. Only S3 signs in the form that others expect of it; of every other
store there are none, and a disk has none either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import obstore
from obstore.store import S3Store, from_url

from mesh.lake.failures import storage_errors
from mesh.lake.table import Table

_SIGNING = ("s3://", "s3a://")


def can_sign(table: Table) -> bool:
    """Whether the store of a table signs URLs."""
    return table.url.startswith(_SIGNING)


def signed_urls(table: Table, paths: Sequence[str], seconds: int) -> list[str]:
    """URLs by which files of a table, named below it, may be read for some seconds.

    They end earlier when the credentials do that they are signed with. No request is made.
    """
    with storage_errors(table.url):
        store = from_url(table.url, **table.access.obstore)
        assert isinstance(store, S3Store)  # noqa: S101 -- `can_sign` says so
        return list(obstore.sign(store, "GET", list(paths), timedelta(seconds=seconds)))
