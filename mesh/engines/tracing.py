"""Where the columns of a product come from: found in its transform, or else as it states.

Owns what a product's tracing is made of. Looks at plans and SQL only: no row is read, and a
function is called once, with inputs that have none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from mesh.catalog.derivation import Derivation
from mesh.catalog.traced import ColumnEdge, Knowledge, Tracing
from mesh.contracts.model import Contract
from mesh.products.declaration import DataProduct
from mesh.products.stated_lineage import stated_origins

_MANNER = "1"
"""Counts up when tracing learns to see more, so that what was traced before is traced again."""


def tracing_digest(product: DataProduct, digests: Mapping[str, str]) -> str:
    """Equal as long as nothing changed that a product's tracing depends on.

    `digests` are those of the contracts of the products that it reads, by name.
    """
    read = sorted({port.product for port in product.inputs.values()})
    told = [
        _MANNER,
        product.code_version,
        product.contract.digest,
        {name: digests.get(name, "") for name in read},
        {name: port.columns for name, port in sorted(product.inputs.items())},
        {name: list(said) for name, said in sorted(product.lineage.items())},
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def traced(product: DataProduct, contracts: Mapping[str, Contract]) -> Tracing:
    """The origins of a product's columns.

    Args:
        product: the product, with its function.
        contracts: those of the products that it reads, by name.
    """
    from mesh.engines.probing import trace  # most looks at a mesh find nothing to trace

    name, promised = str(product.id), set(product.contract.column_names)
    digest = tracing_digest(product, {name: c.digest for name, c in contracts.items()})
    if not product.inputs:  # whatever its columns come from, it is no product's
        return Tracing(name, digest, known=product.contract.column_names)
    found = trace(product, contracts)
    edges = {
        ColumnEdge(upstream, column, name, made, how)
        for made, origins in found.origins.items()
        if made in promised
        for upstream, column, how in origins
    }
    edges |= {
        ColumnEdge(upstream, column, name, "", how) for upstream, column, how in found.rows or ()
    }
    stated = set(_stated(product, set(found.origins)))
    known = promised & {*found.origins, *product.lineage}
    return Tracing(
        product=name,
        digest=digest,
        edges=tuple(sorted(edges | stated)),
        known=tuple(column for column in product.contract.column_names if column in known),
        unknown=_why_unknown(found.unknown, is_whole=known == promised),
    )


def _stated(product: DataProduct, seen: set[str]) -> Iterator[ColumnEdge]:
    """What the product states of columns that its transform does not show."""
    for made, origins in stated_origins(product.lineage).items():
        for upstream, column in origins if made not in seen else ():
            yield ColumnEdge(
                upstream,
                column,
                str(product.id),
                made,
                Derivation.TRANSFORMATION,
                Knowledge.DECLARED,
            )


def _why_unknown(why: str, *, is_whole: bool) -> str:
    if is_whole:
        return ""
    return why or "its transform does not show it: it looks at rows itself, or calls other code"
