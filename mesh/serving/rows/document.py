"""The OpenAPI document of one product's service, as its reader sees it.

Owns which contract that is: only columns that are seen, in the types that masks leave, and the
rules that still hold of them. How it is described is `mesh.contracts.projections.openapi`'s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mesh.access.masks import column_after
from mesh.access.model import View
from mesh.contracts.model import Contract
from mesh.contracts.projections import openapi
from mesh.reading.governed import GovernedRead
from mesh.serving.rows.sums import measured_columns


def document(read: GovernedRead, server: str) -> dict[str, Any]:
    """The document, for a client that reaches the server at this URL."""
    contract = seen_contract(read.view)
    measures = measured_columns(contract, read.types)
    described = openapi.document(contract, product=read.view.port.name, measures=measures)
    return {**described, "servers": [{"url": server}]}


def seen_contract(view: View) -> Contract:
    """What a contract promises of what is seen."""
    contract = view.port.contract
    masks = {column.name: column.mask for column in view.columns}
    columns = tuple(
        column_after(mask, column) if (mask := masks[column.name]) else column
        for column in contract.columns
        if column.name in masks
    )
    plain = {name for name, mask in masks.items() if mask is None}
    rules = tuple(rule for rule in contract.rules if rule.columns and set(rule.columns) <= plain)
    return replace(contract, columns=columns, rules=rules)
