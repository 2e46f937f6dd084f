"""A domain's definitions as plain values, as they are registered.

Owns the way from a loaded domain to what the catalog is told of it, here and over HTTP alike: no
functions, no folders, nothing of the machine that holds the definitions. Writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from mesh.catalog.model import InputRecord
from mesh.contracts.model import Contract
from mesh.contracts.rules import Target
from mesh.naming import ProductId
from mesh.products.collection import Domain
from mesh.products.declaration import DataProduct
from mesh.products.glossary import BusinessTerm
from mesh.products.policy_files import PolicyFile


@dataclass(frozen=True, slots=True)
class DeclaredProduct:
    """A product as its domain declares it. `declaration` is `DataProduct.as_json`."""

    id: ProductId
    declaration: Mapping[str, Any] = field(repr=False)
    contract: Contract = field(repr=False)
    inputs: tuple[InputRecord, ...] = ()

    @classmethod
    def of(cls, product: DataProduct) -> Self:
        """The plain values of a product."""
        inputs = (*_ports(product), *_references(product))
        return cls(product.id, product.as_json(), product.contract, inputs)

    @property
    def name(self) -> str:
        """The product's name, `weather.observations_v1`."""
        return str(self.id)


@dataclass(frozen=True, slots=True)
class DeclaredDomain:
    """A domain: its products, glossary and policies. `manifest` is its whole `domain.yaml`."""

    name: str
    manifest: Mapping[str, Any] = field(repr=False)
    products: tuple[DeclaredProduct, ...]
    terms: tuple[BusinessTerm, ...] = ()
    policies: tuple[PolicyFile, ...] = ()

    @classmethod
    def of(cls, domain: Domain) -> Self:
        """The plain values of a domain."""
        manifest = domain.manifest.model_dump(mode="json")
        products = tuple(DeclaredProduct.of(p) for p in domain.products)
        return cls(domain.name, manifest, products, domain.terms, domain.policies)

    @property
    def digest(self) -> str:
        """Equal for equal definitions: saves a write, and the wait for other writers."""
        content = {
            "manifest": self.manifest,
            "products": [
                {**product.declaration, "contract": product.contract.digest}
                for product in self.products
            ],
            "terms": [term.as_json() for term in self.terms],
            "policies": [file.as_json() for file in self.policies],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _ports(product: DataProduct) -> Iterator[InputRecord]:
    for port, use in product.inputs.items():
        columns = tuple(use.columns) if use.columns is not None else None
        yield InputRecord(port, use.product, columns, use.purpose)


def _references(product: DataProduct) -> Iterator[InputRecord]:
    for upstream in product.referenced:
        rules = [
            rule
            for rule in product.contract.rules
            if rule.check == "references" and Target.of(rule).product == str(upstream)
        ]
        columns = sorted({name for rule in rules for name in Target.of(rule).columns})
        yield InputRecord("", str(upstream), tuple(columns), "; ".join(r.text for r in rules))
