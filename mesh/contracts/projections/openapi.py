"""A contract as OpenAPI 3.1: the schema of a row, and how the rows are asked for.

Owns the description of one read-only endpoint, `GET /products/{product}/rows`, for whoever serves a
product over HTTP. Mesh itself serves nothing here.
"""

from __future__ import annotations

from typing import Any

from mesh.contracts.model import Contract
from mesh.contracts.projections import json_schema
from mesh.contracts.wording import identifier

MOST_ROWS = 10_000
"""Rows of one answer at most."""


def document(contract: Contract, *, product: str) -> dict[str, Any]:
    """The description of a product, `domain.product_v1`, as plain values."""
    name = identifier(contract.name) or "Row"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": product,
            "version": str(contract.version),
            **({"description": contract.description} if contract.description else {}),
        },
        "jsonSchemaDialect": json_schema.DRAFT,
        "paths": {f"/products/{product}/rows": {"get": _rows(contract, product, name)}},
        "components": {"schemas": {name: json_schema.row(contract), "Problem": _PROBLEM}},
    }


def _rows(contract: Contract, product: str, name: str) -> dict[str, Any]:
    return {
        "operationId": identifier("rows_of", product),
        "summary": f"Rows of {product}",
        "parameters": [
            _parameter(
                "columns",
                "Columns to answer with, in this order; all when left out.",
                {"type": "array", "items": {"enum": list(contract.column_names)}},
                style="form",
                explode=False,
            ),
            _parameter(
                "limit",
                "Rows to answer with at most.",
                {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 1_000},
            ),
            _parameter("offset", "Rows to leave out first.", {"type": "integer", "minimum": 0}),
            _parameter(
                "version",
                "Version of the table; the latest when left out.",
                {"type": "integer", "minimum": 0},
            ),
        ],
        "responses": {
            "200": _answer(
                "Rows. Without `columns`, each has every column.",
                {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
            ),
            "default": _answer("It went wrong.", {"$ref": "#/components/schemas/Problem"}),
        },
    }


def _parameter(name: str, text: str, schema: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema, **options}


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


_PROBLEM = {
    "type": "object",
    "properties": {
        "what": {"type": "string", "description": "What went wrong."},
        "where": {"type": "string", "description": "Where."},
        "hint": {"type": "string", "description": "What to do next."},
    },
    "required": ["what"],
}
