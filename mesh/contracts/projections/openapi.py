"""A contract as OpenAPI 3.1: the schema of a row, and how `mesh serve` is asked for rows.

Owns the description of a product's service below `/v1/products/{domain}/{product}`, from which a
client can be made. What is served is `mesh.serving.rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mesh.contracts.model import Contract
from mesh.contracts.projections import json_schema
from mesh.contracts.wording import identifier

MOST_ROWS = 10_000
"""Rows of one answer at most."""
_PROBLEM_TYPE = "application/problem+json"
_FUNCTIONS = ("sum", "avg", "min", "max", "median")
_HEADERS = {
    "mesh-contract-version": "Version of the contract that the rows were published under.",
    "mesh-table-version": "Version of the table that was read.",
    "mesh-published-at": "When that was published.",
    "mesh-verdict": "What the gate found: `passed`, `warned`, or `rejected rows`.",
    "mesh-agreement": "Agreement that the rows are read under.",
    "mesh-agreement-until": "When that ends, where it does: the first moment without it.",
}


def document(contract: Contract, *, product: str, measures: Iterable[str] = ()) -> dict[str, Any]:
    """The description of a product, `domain.product_v1`, as plain values.

    `measures` are columns that may be summed up; by default those with a unit.
    """
    name = identifier(contract.name) or "Row"
    base = f"/v1/products/{product.replace('.', '/', 1)}"
    row = {"$ref": f"#/components/schemas/{name}"}
    summed = tuple(measures) or tuple(c.name for c in contract.columns if c.unit)
    paths: dict[str, Any] = {
        f"{base}/rows": {"get": _rows(contract, product, row)},
        f"{base}/aggregates": {"get": _aggregates(contract, product, summed)},
    }
    if contract.key:
        paths[f"{base}/rows/{{key}}"] = {"get": _row(contract, product, row)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": product,
            "version": str(contract.version),
            **({"description": contract.description} if contract.description else {}),
        },
        "jsonSchemaDialect": json_schema.DRAFT,
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {name: json_schema.row(contract), "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _rows(contract: Contract, product: str, row: dict[str, Any]) -> dict[str, Any]:
    page = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": row},
            "next": {"type": ["string", "null"], "description": "Cursor of the page that follows."},
        },
        "required": ["items", "next"],
    }
    names = {"type": "array", "items": {"enum": list(contract.column_names)}}
    return {
        "operationId": identifier("rows_of", product),
        "summary": f"Rows of {product}",
        "parameters": [
            _parameter(
                "select", "Columns to answer with; all when left out.", names, **_WITH_COMMAS
            ),
            _parameter("order", "Columns to order by: `a,b.desc`.", {"type": "string"}),
            _parameter(
                "limit",
                "Rows of a page at most.",
                {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 100},
            ),
            _parameter("cursor", "`next` of the page before.", {"type": "string"}),
            *_POINTS,
            *_conditions(contract),
        ],
        "responses": _answers("A page of rows. Without `select`, each has every column.", page),
    }


def _row(contract: Contract, product: str, row: dict[str, Any]) -> dict[str, Any]:
    key = ", ".join(contract.key)
    return {
        "operationId": identifier("row_of", product),
        "summary": f"One row of {product} by its key",
        "parameters": [
            {
                "name": "key",
                "in": "path",
                "required": True,
                "description": f"{key}, with commas between; a comma in a value is `%2C`.",
                "schema": {"type": "string"},
            },
            *_POINTS,
        ],
        "responses": _answers("The row.", row),
    }


def _aggregates(contract: Contract, product: str, measures: Sequence[str]) -> dict[str, Any]:
    every = ["count", *(f"{f}({name})" for name in measures for f in _FUNCTIONS)]
    group = {"type": "object", "additionalProperties": True}
    page = {"type": "object", "properties": {"items": {"type": "array", "items": group}}}
    names = {"type": "array", "items": {"enum": list(contract.column_names)}}
    measured = {"type": "array", "items": {"enum": every}}
    return {
        "operationId": identifier("aggregates_of", product),
        "summary": f"Measures of {product}",
        "parameters": [
            _parameter("measure", "What is measured.", measured, **_WITH_COMMAS),
            _parameter("by", "Columns that tell groups apart.", names, **_WITH_COMMAS),
            *_POINTS,
            *_conditions(contract),
        ],
        "responses": _answers("A group a row.", page),
    }


def _conditions(contract: Contract) -> list[dict[str, Any]]:
    text = "Condition: `eq.`, `neq.`, `gt.`, `gte.`, `lt.`, `lte.`, `in.(a,b)`, `is.null`, `not.…`."
    return [_parameter(name, text, {"type": "string"}) for name in contract.column_names]


def _parameter(name: str, text: str, schema: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema, **options}


def _answers(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    kinds = ("text/csv", "application/vnd.apache.arrow.stream")
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        "200": {
            "description": text,
            "headers": {
                name: {"description": said, "schema": {"type": "string"}}
                for name, said in _HEADERS.items()
            },
            "content": {"application/json": {"schema": schema}, **{kind: {} for kind in kinds}},
        },
        "default": {"description": "It went wrong.", "content": {_PROBLEM_TYPE: problem}},
    }


_WITH_COMMAS = {"style": "form", "explode": False}
_POINTS = (
    _parameter(
        "version",
        "Version of the table; the latest when left out.",
        {"type": "integer", "minimum": 0},
    ),
    _parameter(
        "as_of",
        "The version that was there at a moment.",
        {"type": "string", "format": "date-time"},
    ),
)
_PROBLEM = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong."},
        "hint": {"type": "string", "description": "What to do next."},
        "policies": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Policies that refuse.",
        },
        "errors": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Every problem of the request: where, what, hint.",
        },
    },
    "required": ["title", "status", "detail"],
}
