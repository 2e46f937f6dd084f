"""Probing a product: what its transform reads and makes, found without any data.

Owns which transforms are looked at. A Python function with input ports is called with inputs that
have the promised columns and no rows; SQL is bound against tables without rows. Neither lake nor
network is touched. A function without input ports is not called: it is there to fetch data.
Whatever cannot be told so is unknown, with the reason, and is no problem.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh.contracts.model import Contract
from mesh.engines.function_probe import probe_function, trace_function
from mesh.engines.probed import ColumnOf, Probe, Reads
from mesh.engines.sql_columns import probe_sql, trace_sql
from mesh.products.declaration import DataProduct, SqlModel

__all__ = ["ColumnOf", "Probe", "Reads", "probe", "trace"]


def probe(product: DataProduct, contracts: Mapping[str, Contract]) -> Probe:
    """Look at a product's transform without running it.

    Args:
        product: the product.
        contracts: those of the products that it reads, by name; others do no harm.
    """
    if why := _why_not(product, contracts):
        return Probe(str(product.id), unknown=why)
    if isinstance(product.transform, SqlModel):
        return probe_sql(product, product.transform, contracts)
    return probe_function(product, product.transform, contracts)


def trace(product: DataProduct, contracts: Mapping[str, Contract]) -> Probe:
    """Only where a product's columns come from, which is quicker: `origins`, `rows`, `unknown`."""
    if why := _why_not(product, contracts):
        return Probe(str(product.id), unknown=why)
    if isinstance(product.transform, SqlModel):
        return trace_sql(product, product.transform, contracts)
    return trace_function(product, product.transform, contracts)


def _why_not(product: DataProduct, contracts: Mapping[str, Contract]) -> str:
    """Why a transform is not looked at; empty when it is. What is wrong here is said elsewhere."""
    if not product.inputs:
        return "it has no inputs, and is not called: it may fetch data"
    for port in product.inputs.values():
        if port.product not in contracts:
            return f"the contract of {port.product} is not known"
        for name in port.columns or ():
            if name not in contracts[port.product].column_names:
                return f"{port.product} has no column {name!r}"
    return ""
