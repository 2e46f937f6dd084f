"""Which agreements hold where: those of a catalog, those that rights imply, or all inputs.

Owns what a mesh that declares nothing about access gets: what its products declare to read is
agreed to, so that a mesh works before anybody has thought of rights.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh.access.agreed_rows import ROWS
from mesh.access.agreements import AUTOMATIC, CatalogAgreements
from mesh.access.deciding import Agreements
from mesh.access.model import Agreement, Port, Principal, PrincipalKind
from mesh.access.rights import Rights
from mesh.catalog.agreements import AgreementBook
from mesh.catalog.cases import AgreementRecord
from mesh.naming import ProductId
from mesh.products.domain import OrganizationManifest
from mesh.products.policy_files import PolicyFile


class NoAgreements(AgreementBook):
    """The agreements of nobody, where no catalog is at hand."""

    def __init__(self) -> None:
        """Open nothing."""

    def of_port(self, product: ProductId) -> list[AgreementRecord]:  # noqa: ARG002 -- as the book's
        """None."""
        return []


@dataclass(frozen=True, slots=True)
class OpenInputs:
    """Inputs of products, agreed to as they are declared; nothing for people and services."""

    def covering(
        self,
        principal: Principal,
        port: Port,
        purpose: str,
        columns: Sequence[str] | None,
        now: datetime,  # noqa: ARG002 -- it never ends
    ) -> Agreement | None:
        """The agreement over an input's own columns."""
        if principal.kind is not PrincipalKind.PRODUCT or not principal.is_known:
            return None
        names = tuple(port.contract.column_names if columns is None else columns)
        return Agreement(AUTOMATIC, port.name, principal.name, purpose, names)


@dataclass(frozen=True, slots=True)
class OpenInputsBeside:
    """The agreements of a catalog; inputs of products without one are agreed to."""

    agreements: CatalogAgreements

    def covering(
        self,
        principal: Principal,
        port: Port,
        purpose: str,
        columns: Sequence[str] | None,
        now: datetime,
    ) -> Agreement | None:
        """The catalog's agreement, or the one over an input's own columns."""
        implied = OpenInputs().covering(principal, port, purpose, columns, now)
        return implied or self.agreements.covering(principal, port, purpose, columns, now)


def agreements_of(
    manifest: OrganizationManifest,
    policies: Collection[PolicyFile],
    book: AgreementBook | None = None,
) -> Agreements:
    """The agreements of a mesh with these manifests and policies; without a book, nobody's."""
    # The decision point puts an agreement's condition on rows into what is seen.
    honoured = frozenset({ROWS})
    found = CatalogAgreements(book or NoAgreements(), Rights.of(manifest), honoured)
    return found if policies or declares_access(manifest) else OpenInputsBeside(found)


def declares_access(manifest: OrganizationManifest) -> bool:
    """Whether an organisation says anything about who may do what."""
    parts = (
        manifest.people,
        manifest.services,
        manifest.groups,
        manifest.attributes,
        manifest.decision_rights,
        manifest.boards,
    )
    return any(parts)
