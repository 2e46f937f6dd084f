"""A process that runs a mesh, and stands still around the commit or the record of one product."""

import json
import sys
from pathlib import Path
from typing import Any

from mesh.catalog.store import Catalog
from mesh.lake import Table
from tests.faults import runner
from tests.faults.publisher import stop


def stop_at_commit(moment: str, place: str, table_path: str) -> None:
    """Stand still just before or just after a product's own commit."""
    original = Table.commit

    def stopping(table: Table, *arguments: Any) -> int:
        is_meant = table.url.endswith(table_path)
        if is_meant and moment == "before the commit":
            stop(place)
        version = original(table, *arguments)
        if is_meant and moment == "after the commit":
            stop(place)
        return version

    Table.commit = stopping  # type: ignore[method-assign]


def stop_at_record(place: str, product: str) -> None:
    """Stand still once a product's publication has landed, before the catalog hears of it."""
    original = Catalog.record

    def stopping(catalog: Catalog, receipt: Any) -> Any:
        if receipt.product == product:
            stop(place)
        return original(catalog, receipt)

    Catalog.record = stopping  # type: ignore[method-assign]


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    chosen = told.get("stop_at", "")
    at, _, name = chosen.partition(" of ")
    if at == "before the record":
        stop_at_record(chosen, name)
    elif name:
        stop_at_commit(at, chosen, name.replace(".", "/").replace("_v1", "/v1"))
    runner.main(Path(told["root"]), told["run_id"])
