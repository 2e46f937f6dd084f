"""A contract as an Arrow schema that people can read, and the schema made from it again.

Owns the JSON of a schema: `name`, `type` in the contract's words, `nullable` and `metadata` of each
field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from mesh.contracts.arrow import arrow_schema, arrow_type
from mesh.contracts.model import Contract


def document(contract: Contract) -> dict[str, Any]:
    """The schema that readers of the product see, as plain values."""
    types = {column.name: column.type for column in contract.columns}
    return {
        "name": contract.name,
        "version": str(contract.version),
        "fields": [
            {
                "name": field.name,
                "type": types[field.name],
                "arrow": str(field.type),
                "nullable": field.nullable,
                "metadata": {key.decode(): value.decode() for key, value in _facts(field)},
            }
            for field in arrow_schema(contract)
        ],
    }


def schema(document: Mapping[str, Any]) -> pa.Schema:
    """The Arrow schema that `document` wrote. Raises ValueError for a type that is none."""
    return pa.schema(
        [
            pa.field(
                field["name"],
                arrow_type(field["type"]),
                nullable=field["nullable"],
                metadata=field["metadata"],
            )
            for field in document["fields"]
        ]
    )


def _facts(field: pa.Field) -> Any:
    return (field.metadata or {}).items()
