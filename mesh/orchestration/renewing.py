"""The catalog made anew from definitions and the lake: to compare with, or to take its place.

Owns the making of it, in a file of its own that is gone afterwards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mesh.catalog.renewing import Difference
from mesh.catalog.store import Catalog
from mesh.catalog.sync import SyncReport, sync
from mesh.errors import MeshError, Problem
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import Organization

_SYNC = "`mesh catalog sync` brings it"
_REBUILD = "`mesh catalog rebuild` makes the catalog as the lake is"
_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "domains": ("the domain", "is not registered", "is registered, and nobody declares it", _SYNC),
    "people": ("the person", "is not registered", "is registered, and in no team", _SYNC),
    "products": ("the product", "is not registered", "is registered as declared", _SYNC),
    "contract_versions": ("the contract", "is not recorded", "is recorded", _SYNC),
    "columns": ("the column", "is not registered", "is in no contract", _SYNC),
    "inputs": ("the input", "is not registered", "is declared by nobody", _SYNC),
    "terms": ("the term", "is not registered", "is in no glossary", _SYNC),
    "term_links": ("the link of a term", "is not registered", "is in no glossary", _SYNC),
    "organization": ("the organisation", "is not registered", "is declared nowhere", _SYNC),
    "policies": ("the policies", "are not registered", "are in no folder", _SYNC),
    "tracings": ("the tracing", "is missing", "is of nobody", _SYNC),
    "column_edges": ("the column's origin", "is missing", "is in no plan", _SYNC),
    "receipts": ("the receipt", "is in the lake only", "is not in the lake", _REBUILD),
    "receipt_inputs": ("the receipt's input", "is in the lake only", "is in no receipt", _REBUILD),
    "feeds": ("what feeds the product", "is missing", "is in no receipt", _REBUILD),
    "erasures": ("the erasure", "is in the lake only", "is not in the lake", _REBUILD),
    "quarantine_events": ("what left quarantine", "is in the lake only", "is not there", _REBUILD),
    "retirements": ("the end of", "is in the lake only", "is not in the lake", _REBUILD),
    "profiles": ("the profile", "is in the lake only", "is not in the lake", _REBUILD),
}
"""What a row is, and what is said when it is missing, or too much."""


def verify(workspace: Workspace, organization: Organization) -> list[Problem]:
    """Every disagreement between definitions, the lake and the catalog, and what mends it."""
    with _renewed(workspace, organization) as (fresh, report):
        found = [_problem(item) for item in workspace.catalog.differences_from(fresh)]
    return [*report.unreadable, *found]


def rebuild(
    workspace: Workspace, organization: Organization, carried: Collection[str]
) -> SyncReport:
    """Put a catalog that is made from definitions and the lake in the place of the present one.

    `carried` names what is kept that neither of them knows. Raises MeshError when a domain does not
    load: it would be forgotten.
    """
    if organization.broken:
        names = ", ".join(broken.name for broken in organization.broken)
        what = f"domains that do not load would be forgotten: {names}"
        raise MeshError(what, hint="`mesh check` says what is wrong with them")
    with _renewed(workspace, organization) as (fresh, report):
        workspace.catalog.give_place_to(fresh, carried)
    return report


@contextmanager
def _renewed(
    workspace: Workspace, organization: Organization
) -> Iterator[tuple[Catalog, SyncReport]]:
    with (
        tempfile.TemporaryDirectory(prefix="mesh-catalog-") as name,
        Catalog.open(f"sqlite:///{Path(name) / 'catalog.db'}") as fresh,
    ):
        made = Workspace(workspace.settings, workspace.lake, fresh)
        made.register(organization.domains)
        products = [product.id for product in organization.products.values()]
        yield fresh, sync(fresh, workspace.lake, products)


def _problem(found: Difference) -> Problem:
    what, missing, surplus, hint = _WORDS[found.table]
    if found.is_missing:
        return Problem(f"{what} {missing}", found.key, _SYNC)
    if found.is_surplus:
        return Problem(f"{what} {surplus}", found.key, hint)
    return Problem(f"{what} differs in {', '.join(found.columns)}", found.key, hint)
