"""Erasures as the lake keeps them: beside the table, once they are proven.

Owns where they are. The lake is the truth here, too: a catalog that was lost has them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from mesh.catalog.model import ErasureRecord
from mesh.lake import Table

ERASURE_KEY = "mesh.erasure"
"""Key in a commit's metadata that says that rows were removed on request."""

ERASURES_FOLDER = "_mesh/erasures"
"""Folder of a table in which every proven erasure is kept."""


def erasures_in(table: Table) -> Iterator[ErasureRecord]:
    """The proven erasures of a table."""
    for file in list(table.store.list(ERASURES_FOLDER)):
        if not file.path.endswith(".json"):
            continue
        data = json.loads(table.store.read(file.path))
        data["erased_at"] = datetime.fromisoformat(data["erased_at"])
        yield ErasureRecord(**{**data, "columns": tuple(data["columns"])})
