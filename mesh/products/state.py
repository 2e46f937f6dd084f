"""A mesh as plain values: what its products and domains say, wherever that was read from.

Owns the one form in which a working tree, a commit and an environment's catalog are compared, and
its digest. Holds JSON and nothing that runs: two versions of one module never meet in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.contracts.model import Contract
from mesh.naming import ProductId
from mesh.products.collection import Organization
from mesh.products.glossary import BusinessTerm


@dataclass(frozen=True, slots=True)
class ProductState:
    """One product: `DataProduct.as_json()`, and its contract's `as_json()`.

    `is_published` is whether data was published under that contract; None where nobody can tell, as
    in a commit. When, and how often, is left out: publishing again changes no promise.
    """

    name: str
    declaration: Mapping[str, Any]
    contract: Mapping[str, Any]
    is_published: bool | None = None

    @property
    def id(self) -> ProductId:
        """The product's name."""
        return ProductId.parse(self.name)

    @property
    def version(self) -> str:
        """The contract's version."""
        return str(self.contract["version"])

    @property
    def column_names(self) -> tuple[str, ...]:
        """The promised columns, in order."""
        return tuple(column["name"] for column in self.contract["columns"])

    def read_contract(self) -> Contract:
        """The contract as a value."""
        return Contract.from_json(self.contract)

    def as_json(self) -> dict[str, Any]:
        """The product as plain values."""
        return {
            "name": self.name,
            "declaration": self.declaration,
            "contract": self.contract,
            "is_published": self.is_published,
        }

    @property
    def parts(self) -> dict[str, str]:
        """Digests of what it says, by part, to tell later which of them moved."""
        code = {key: self.declaration.get(key) for key in _CODE}
        said = {k: v for k, v in self.declaration.items() if k not in _CODE}
        return {
            "contract": digest_of(self.contract),
            "declaration": digest_of(said),
            "code": digest_of(code),
            "publication": str(self.is_published),
        }


_CODE = ("code_version", "source", "engine")


@dataclass(frozen=True, slots=True)
class MeshState:
    """Every product and domain manifest of a mesh. `origin` says where it was read, for people.

    `terms` are those of every glossary, by id. `unknown` are domains that could not be loaded:
    nothing can be said of their products.
    """

    origin: str
    products: Mapping[str, ProductState] = field(default_factory=dict)
    domains: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    terms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, organization: Organization, origin: str = "this working tree") -> MeshState:
        """What the folders of a mesh declare."""
        return cls.made(
            origin,
            (
                ProductState(name, product.as_json(), product.contract.as_json())
                for name, product in organization.products.items()
            ),
            {d.name: d.manifest.model_dump(mode="json") for d in organization.domains},
            frozenset(domain.name for domain in organization.broken),
            terms=(term for domain in organization.domains for term in domain.terms),
        )

    @classmethod
    def made(
        cls,
        origin: str,
        products: Iterable[ProductState],
        domains: Mapping[str, Mapping[str, Any]],
        unknown: frozenset[str] = frozenset(),
        *,
        terms: Iterable[BusinessTerm] = (),
    ) -> MeshState:
        """A state with everything in the order of names."""
        words = {term.id: term.as_json() for term in terms}
        named = {product.name: product for product in products}
        return cls(
            origin,
            {name: named[name] for name in sorted(named)},
            {name: domains[name] for name in sorted(domains)},
            unknown,
            {name: words[name] for name in sorted(words)},
        )

    def without(self, domains: frozenset[str]) -> MeshState:
        """The same without what these domains say."""
        if not domains:
            return self
        return MeshState(
            self.origin,
            {n: p for n, p in self.products.items() if n.partition(".")[0] not in domains},
            {name: manifest for name, manifest in self.domains.items() if name not in domains},
            self.unknown | domains,
            {n: term for n, term in self.terms.items() if n.partition(".")[0] not in domains},
        )

    def terms_of(self, domain: str) -> dict[str, Mapping[str, Any]]:
        """The terms of a domain's glossary, by id."""
        return {n: term for n, term in self.terms.items() if n.partition(".")[0] == domain}

    def as_json(self) -> dict[str, Any]:
        """The mesh as plain values."""
        return {
            "origin": self.origin,
            "products": [product.as_json() for product in self.products.values()],
            "domains": dict(self.domains),
            "unknown": sorted(self.unknown),
            "terms": list(self.terms.values()),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MeshState:
        """Read what `as_json` wrote."""
        products = (ProductState(**product) for product in data["products"])
        terms = map(BusinessTerm.from_json, data.get("terms", ()))
        unknown = frozenset(data["unknown"])
        return cls.made(data["origin"], products, data["domains"], unknown, terms=terms)

    @property
    def parts(self) -> dict[str, dict[str, str]]:
        """Digests by product (`domain.product_v1`) or domain (its name), and by part."""
        found = {name: product.parts for name, product in self.products.items()}
        manifests = {n: {"manifest": digest_of(m)} for n, m in self.domains.items()}
        for name, parts in manifests.items():
            if terms := self.terms_of(name):
                parts["glossary"] = digest_of(terms)
        return {**manifests, **found}


def digest_of(value: object) -> str:
    """SHA-256 of plain values as canonical JSON, its first 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
