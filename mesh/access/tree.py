"""Access as the folders of a mesh declare it now.

Owns the way from a working tree to a decision point. Plan, check and run decide by these folders;
serving decides by what was registered of them (`mesh.access.registered`).
"""

from __future__ import annotations

from pathlib import Path

from mesh.access.deciding import Decider, RowFiltering
from mesh.access.defaults import agreements_of
from mesh.access.model import Port
from mesh.access.principals import Directory
from mesh.access.reading_policies import policies_of
from mesh.access.row_filters import row_filter
from mesh.access.validating import policy_problems
from mesh.catalog.agreements import AgreementBook
from mesh.errors import PolicyError
from mesh.products.collection import ORGANIZATION, Organization, domain_folders, domain_name
from mesh.products.declaration import DataProduct
from mesh.products.domain import OrganizationManifest, read_organization
from mesh.products.policy_files import (
    FOLDER,
    TEST_ENDING,
    PolicyFile,
    organization_policies,
    read_policy_files,
)
from mesh.settings import Settings


def policy_files(settings: Settings) -> list[PolicyFile]:
    """Every policy file of a mesh: the organisation's, then each domain's. Raises PolicyError."""
    found = [*organization_policies(settings)]
    for folder in domain_folders(settings):
        found += read_policy_files(folder, settings.root, domain_name(folder, settings))
    return found


def test_files(settings: Settings) -> list[Path]:
    """Every file of policy tests, beside the policies."""
    homes = [settings.path(settings.domains), *domain_folders(settings)]
    return [file for home in homes for file in sorted((home / FOLDER).glob(f"*{TEST_ENDING}"))]


def port_of(product: DataProduct) -> Port:
    """A product's port, as policies are told of it."""
    return Port(product.id, product.id.domain, product.access, product.contract, product.tags)


def ports_of(organization: Organization) -> list[Port]:
    """The port of every product, by name."""
    return [port_of(product) for _, product in sorted(organization.products.items())]


def decider_of_tree(
    settings: Settings,
    organization: Organization,
    *,
    book: AgreementBook | None = None,
    rows: RowFiltering = row_filter,
) -> Decider:
    """The decision point of a mesh as it is declared now. Raises PolicyError with every problem.

    `book` holds the agreements that were made; without one there are those that rights imply.
    """
    directory = Directory.of_organization(organization)
    files = policy_files(settings)
    policies = policies_of(files)
    if problems := policy_problems(policies, ports_of(organization), directory):
        raise PolicyError(problems)
    return Decider(
        policies,
        directory,
        agreements_of(organization.manifest, files, book),
        rows=rows,
        environment=settings.environment,
        region=settings.region,
    )


def decider_of_run(settings: Settings, book: AgreementBook | None = None) -> Decider:
    """The decision point of runs, without the domains' code: policies, and who may be asked for.

    Names and types were checked when the change was planned; what fails now is denied. Raises
    PolicyError for policies that cannot be read, ManifestError for an `organization.yaml` that
    cannot.
    """
    file = settings.path(settings.domains) / ORGANIZATION
    none = OrganizationManifest(name="-", domains=())
    manifest = read_organization(file) if file.is_file() else none
    files = policy_files(settings)
    return Decider(
        policies_of(files),
        Directory({}, manifest),
        agreements_of(manifest, files, book),
        rows=row_filter,
        environment=settings.environment,
        region=settings.region,
    )
