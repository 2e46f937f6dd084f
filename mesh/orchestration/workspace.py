"""One mesh, opened: its settings, its lake and its catalog.

Owns the opening of them and the registration of domains in the catalog. Imports no Dagster.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from mesh.access.deciding import Decider
from mesh.access.tree import decider_of_run
from mesh.catalog.store import Catalog
from mesh.engines.tracing import traced, tracing_digest
from mesh.errors import Problem
from mesh.lake import Lake
from mesh.products.collection import (
    Domain,
    domain_folders,
    domain_name,
    load_domain,
)
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest
from mesh.products.organization import organization_told, other_organization
from mesh.settings import Settings, load


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a run needs beside the product itself. Shared between threads."""

    settings: Settings
    lake: Lake
    catalog: Catalog
    _registered: dict[str, DomainManifest] = field(default_factory=dict)
    _told: list[str] = field(default_factory=list)
    _others: list[str] = field(default_factory=list)
    _deciders: list[Decider] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """Open the mesh of these settings, or the one that holds the current folder."""
        chosen = settings or load()
        return cls(chosen, Lake.of(chosen), Catalog.of(chosen))

    def register(self, domains: Iterable[Domain]) -> None:
        """Make domains and their products known to the catalog, as they are declared now.

        Products whose columns may come from others than before are traced anew.
        """
        declared = list(domains)
        with self._lock:
            self._register_organization()
            for domain in declared:
                self.catalog.register(domain)
                self._registered[domain.name] = domain.manifest
            self._trace([product for domain in declared for product in domain.products])

    def _register_organization(self) -> None:
        """Make the catalog say what `organization.yaml` and the organisation's policies say, once.

        Nothing is registered of a mesh that has no such file, or whose organisation is elsewhere.
        """
        told = organization_told(self.settings)
        if self._told or told is None:
            return
        book, is_here = self.catalog.policies, self.settings.organization == "here"
        register = book.take_organization if is_here else book.register_organization
        self._others.extend(register(*told))
        self._told.append(told[0]["name"])

    @property
    def unregistered(self) -> Problem | None:
        """That the catalog has another repository's organisation, and not this one's."""
        return other_organization(self.settings, self._others) if self._others else None

    def _trace(self, products: Iterable[DataProduct]) -> None:
        digests, known = self.catalog.contract_digests(), self.catalog.traces.digests()
        stale = [p for p in products if known.get(str(p.id)) != tracing_digest(p, digests)]
        if stale:
            read = {port.product for product in stale for port in product.inputs.values()}
            contracts = self.catalog.contracts(read)
            self.catalog.traces.record([traced(product, contracts) for product in stale])

    def manifest_of(self, domain: str) -> DomainManifest | None:
        """What a domain says of itself, if it was registered here."""
        return self._registered.get(domain)

    def decider(self) -> Decider:
        """Who decides what runs may read and publish: the policies of the folders, as of now.

        They are read once. Raises PolicyError.
        """
        with self._lock:
            if not self._deciders:
                self._deciders.append(decider_of_run(self.settings, self.catalog.agreements))
            return self._deciders[0]

    def ensure_registered(self, domain: str) -> None:
        """Register a domain from its folder, unless this workspace has done so."""
        if domain in self._registered:
            return
        for folder in domain_folders(self.settings):
            if domain_name(folder, self.settings) == domain:
                self.register([load_domain(folder, self.settings)])
                return
