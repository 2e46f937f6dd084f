"""What a repository tells a catalog of its organisation, which it may share with others.

Owns what is told, and the words for a catalog that has another's. Which of them a catalog has is
`mesh.catalog.policies`' to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mesh.errors import Problem
from mesh.products.collection import ORGANIZATION
from mesh.products.domain import read_organization
from mesh.products.policy_files import PolicyFile, organization_policies
from mesh.settings import Settings


def organization_told(
    settings: Settings,
) -> tuple[dict[str, Any], tuple[PolicyFile, ...]] | None:
    """What this repository tells the catalog of its organisation; None for nothing.

    Raises ManifestError, PolicyError.
    """
    file = settings.path(settings.domains) / ORGANIZATION
    if settings.organization == "elsewhere" or not file.is_file():
        return None
    return read_organization(file).model_dump(mode="json"), organization_policies(settings)


def other_organization(settings: Settings, domains: Sequence[str]) -> Problem:
    """That the catalog has the organisation of the repository with these domains."""
    return Problem(
        "the catalog has another organization.yaml, or other policies of the organisation, which "
        f"came with {', '.join(domains)}; these here are not registered",
        where=str(settings.path(settings.domains) / ORGANIZATION),
        hint='let both say the same, or set organization = "elsewhere" in one of the two '
        'repositories, and "here" in the other',
    )
