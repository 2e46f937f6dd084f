"""Counts of reads, to a catalog that is served.

Owns a way that is short and not patient: whoever reads does not wait for it, nor for the libraries
of a database. Speaks the catalog's own protocol, and opens nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from mesh.catalog.remote.client import Caller, Patience
from mesh.catalog.remote.plain import codec_of
from mesh.catalog.usage_writing import Count, Read
from mesh.errors import MeshError

_QUICK = Patience((0.1,), httpx2.Timeout(2.0, connect=1.0))
_LOG = logging.getLogger(__name__)


def send_counts(
    batch: str, counts: Mapping[Read, Count], *, url: str, token: str, ca_bundle: Path | None
) -> bool:
    """Add a batch of counts to the catalog at a URL, once, however often it is sent.

    False when that cannot be done at once. What stands against it is told at debug.
    """
    plain = codec_of(Sequence[tuple[Read, Count]]).encode([*counts.items()])
    try:
        caller = Caller(url, token, _QUICK, ca_bundle=ca_bundle)
        try:
            caller.call("usage.add", {"batch": batch, "counts": plain})
        finally:
            caller.close()
    except MeshError as error:
        _LOG.debug("reads are not counted: %s", error)
        return False
    return True
