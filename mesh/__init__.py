"""Mesh: data products as pure functions with contracts, on Delta tables.

The public names, and only those. Importing this module loads nothing else: each name is loaded when
it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesh.catalog.receipts import Receipt, Refusal
    from mesh.contracts.measures import Bound, metric, sql
    from mesh.contracts.model import Rule
    from mesh.contracts.pandera import (
        Contract,
        Field,
        Reference,
        UTCDatetime,
        check,
        dataframe_check,
    )
    from mesh.contracts.rules import RowCount
    from mesh.contracts.value_rules import compare
    from mesh.errors import MeshError
    from mesh.orchestration.definitions import definitions
    from mesh.products.declaration import DataProduct, data_product
    from mesh.products.modes import (
        Append,
        Overwrite,
        ReplacePartitions,
        SlowlyChanging,
        Upsert,
    )
    from mesh.products.ports import (
        DailyPartitions,
        Freshness,
        Input,
        MonthlyPartitions,
        Quarantine,
        Refuse,
        StaticPartitions,
    )
    from mesh.products.retention import Retention
    from mesh.publishing import publish
    from mesh.reading import read
    from mesh.reading.connecting import connect

_HOMES = {
    "Append": "mesh.products.modes",
    "Bound": "mesh.contracts.measures",
    "Contract": "mesh.contracts.pandera",
    "DailyPartitions": "mesh.products.ports",
    "DataProduct": "mesh.products.declaration",
    "Field": "mesh.contracts.pandera",
    "Freshness": "mesh.products.ports",
    "Input": "mesh.products.ports",
    "MeshError": "mesh.errors",
    "MonthlyPartitions": "mesh.products.ports",
    "Overwrite": "mesh.products.modes",
    "Quarantine": "mesh.products.ports",
    "Receipt": "mesh.catalog.receipts",
    "Reference": "mesh.contracts.pandera",
    "Refusal": "mesh.catalog.receipts",
    "Refuse": "mesh.products.ports",
    "ReplacePartitions": "mesh.products.modes",
    "Retention": "mesh.products.retention",
    "RowCount": "mesh.contracts.rules",
    "Rule": "mesh.contracts.model",
    "SlowlyChanging": "mesh.products.modes",
    "StaticPartitions": "mesh.products.ports",
    "UTCDatetime": "mesh.contracts.pandera",
    "Upsert": "mesh.products.modes",
    "check": "mesh.contracts.pandera",
    "compare": "mesh.contracts.value_rules",
    "connect": "mesh.reading.connecting",
    "data_product": "mesh.products.declaration",
    "dataframe_check": "mesh.contracts.pandera",
    "definitions": "mesh.orchestration.definitions",
    "metric": "mesh.contracts.measures",
    "publish": "mesh.publishing.publish",
    "read": "mesh.reading.read",
    "sql": "mesh.contracts.measures",
}

__all__ = [
    "Append",
    "Bound",
    "Contract",
    "DailyPartitions",
    "DataProduct",
    "Field",
    "Freshness",
    "Input",
    "MeshError",
    "MonthlyPartitions",
    "Overwrite",
    "Quarantine",
    "Receipt",
    "Reference",
    "Refusal",
    "Refuse",
    "ReplacePartitions",
    "Retention",
    "RowCount",
    "Rule",
    "SlowlyChanging",
    "StaticPartitions",
    "UTCDatetime",
    "Upsert",
    "check",
    "compare",
    "connect",
    "data_product",
    "dataframe_check",
    "definitions",
    "metric",
    "publish",
    "read",
    "sql",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        message = f"module 'mesh' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
