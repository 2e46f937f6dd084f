"""Access as it was registered in the catalog: what serving decides by.

Owns the way from the catalog's records to a decision point, and when it has to be made anew. A
domain whose policies cannot be read is closed to everybody, and no other is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.access.deciding import Decider, RowFiltering
from mesh.access.defaults import agreements_of
from mesh.access.model import Port
from mesh.access.principals import Directory
from mesh.access.reading_policies import policies_of
from mesh.catalog.agreements import AgreementBook
from mesh.catalog.cases import AgreementRecord
from mesh.catalog.model import ProductRecord
from mesh.catalog.store import Catalog
from mesh.catalog.watching import Unchanged
from mesh.naming import ProductId
from mesh.products.domain import OrganizationManifest
from mesh.products.policy_files import PolicyFile

_CLOSED = """\
@id("closed.{domain}")
@reason({reason})
@remedy("`mesh policy check` says what is wrong with them")
forbid (principal, action, resource in Mesh::Domain::"{domain}");
"""


@dataclass(frozen=True, slots=True)
class RegisteredAccess:
    """The decision point of a catalog, made anew when what was registered changes."""

    catalog: Catalog
    rows: RowFiltering
    environment: str = ""
    region: str = ""
    _made: dict[str, Decider] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _digests: Unchanged[str, str] = field(init=False, repr=False)
    _agreements: KeptAgreements = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digests", Unchanged(self.catalog.stamp))
        object.__setattr__(self, "_agreements", KeptAgreements(self.catalog))

    def decider(self) -> Decider:
        """The decision point as of now; the same until something is registered.

        Raises PolicyError when the organisation's policies cannot be read.
        """
        digest = self._digests.get("", self.catalog.policies.digest)
        with self._lock:
            if digest not in self._made:
                self._made.clear()
                self._made[digest] = decider_of_catalog(
                    self.catalog,
                    rows=self.rows,
                    environment=self.environment,
                    region=self.region,
                    book=self._agreements,
                )
            return self._made[digest]


class KeptAgreements(AgreementBook):
    """The agreements of a catalog, read again whenever anything in it has changed.

    Whether one has begun, or is over, is for whoever asks to see at that moment.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Read nothing yet."""
        self._book = catalog.agreements
        self._kept: Unchanged[ProductId, list[AgreementRecord]] = Unchanged(catalog.stamp)

    def of_port(self, product: ProductId) -> list[AgreementRecord]:
        """Agreements that hold for a major, as of now."""
        return self._kept.get(product, lambda: self._book.of_port(product))


def decider_of_catalog(
    catalog: Catalog,
    *,
    rows: RowFiltering,
    environment: str = "",
    region: str = "",
    book: AgreementBook | None = None,
) -> Decider:
    """The decision point of a catalog as it is now. Raises PolicyError as `RegisteredAccess`.

    `book` stands in for the catalog's own agreements.
    """
    manifest = manifest_of(catalog.policies.organization())
    files = catalog.policies.files()
    return Decider(
        policies_of(_readable(files)),
        directory_of_catalog(catalog, manifest),
        agreements_of(manifest, files, book or catalog.agreements),
        rows=rows,
        environment=environment,
        region=region,
    )


def directory_of_catalog(catalog: Catalog, manifest: OrganizationManifest) -> Directory:
    """Everyone whom the registered domains, and this manifest, know."""
    return Directory({domain.name: domain.manifest for domain in catalog.domains()}, manifest)


def port_of_record(product: ProductRecord) -> Port:
    """A registered product's port, as policies are told of it."""
    return Port(product.id, product.id.domain, product.access, product.contract, product.tags)


def manifest_of(told: Mapping[str, Any]) -> OrganizationManifest:
    """An organisation as it was registered; keys of a later Mesh are passed over."""
    known = {name: told[name] for name in OrganizationManifest.model_fields if name in told}
    return OrganizationManifest.model_validate({"name": "-", "domains": (), **known})


def _readable(files: Iterable[PolicyFile]) -> list[PolicyFile]:
    """The files, with a closing policy in the place of those of a domain that cannot be read."""
    by_domain: dict[str, list[PolicyFile]] = {}
    for file in files:
        by_domain.setdefault(file.domain, []).append(file)
    return [
        file
        for domain, own in by_domain.items()
        for file in (own if not domain or not policies_of(own).problems else [_closing(domain)])
    ]


def _closing(domain: str) -> PolicyFile:
    reason = json.dumps(f"the policies of {domain} cannot be read, so nothing of it is shown")
    text = _CLOSED.format(domain=domain, reason=reason)
    return PolicyFile(f"policies of {domain}", text, domain)
