"""The decision point of a working tree, for commands: with the agreements of a catalog, if any.

Owns the opening of the catalog for that. Makes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh.access.deciding import Decider
    from mesh.access.guardrails import Broken
    from mesh.access.planning import Refused
    from mesh.catalog.store import Catalog
    from mesh.errors import Problem
    from mesh.products.collection import Organization
    from mesh.settings import Settings


@dataclass(frozen=True)
class TreePolicy:
    """What policy says of a working tree: what it refuses, and guardrails that are not kept.

    `unfit` are masks that would keep readers from a product, as they do not fit its columns.
    """

    refused: list[Refused]
    broken: list[Broken]
    unfit: list[Problem]


def policy_of_tree(settings: Settings, organization: Organization) -> TreePolicy:
    """Ask about every product. Raises PolicyError."""
    from mesh.access.changes import waivers
    from mesh.access.fitting import unfit_masks
    from mesh.access.guardrails import broken_guardrails
    from mesh.access.planning import refused
    from mesh.access.survey import Place
    from mesh.access.tree import ports_of

    now, products = datetime.now(UTC), organization.products
    with _catalog(settings) as catalog:
        decider = _decider(settings, organization, catalog)
        waived = waivers(catalog, now) if catalog is not None else []
        found = list(refused(decider, products))
        broken = list(broken_guardrails(decider, products, waived, now))
        place = Place(settings.environment, settings.region, now)
        return TreePolicy(found, broken, unfit_masks(decider, ports_of(organization), place))


@contextmanager
def tree_decider(settings: Settings, organization: Organization) -> Iterator[Decider]:
    """The decision point, as long as the catalog is open. Raises PolicyError."""
    with _catalog(settings) as catalog:
        yield _decider(settings, organization, catalog)


def _decider(settings: Settings, organization: Organization, catalog: Catalog | None) -> Decider:
    from mesh.access.tree import decider_of_tree

    book = catalog.agreements if catalog is not None else None
    return decider_of_tree(settings, organization, book=book)


@contextmanager
def _catalog(settings: Settings) -> Iterator[Catalog | None]:
    """The catalog, if there is one."""
    from mesh.cli.against import has_catalog

    if not has_catalog(settings, settings.environment):
        yield None
        return
    from mesh.catalog.store import Catalog

    with Catalog.open(settings.catalog_url, settings.catalog.token) as catalog:
        yield catalog
