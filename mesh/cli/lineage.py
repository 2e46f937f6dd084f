"""`mesh lineage`: what a product is made from, and what is made from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import UnknownProductError

if TYPE_CHECKING:
    from rich.tree import Tree

    from mesh.catalog.model import Direction, Lineage, LineageEdge
    from mesh.catalog.receipts import ForeignVersion
    from mesh.catalog.store import Catalog
    from mesh.orchestration.workspace import Workspace

_RECEIPTS = 100_000
"""Receipts of a product that are looked through for the versions which were read."""
_TITLES = {"up": "is made from", "down": "feeds"}


def lineage(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    up: Annotated[bool, typer.Option("--up", help="Only what it is made from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what is made from it.")] = False,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Steps to follow; all by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a product is made from and what is made from it, with exact versions."""
    from mesh.cli.console import print_json

    session = Session.of(context)
    workspace = session.workspace()
    catalog = workspace.catalog
    directions: list[Direction] = []
    if up or not down:
        directions.append("up")
    if down or not up:
        directions.append("down")
    found = follow(session, catalog, product, directions, depth)
    if as_json:
        print_json({way: lineage_as_json(item) for way, item in found.items()})
    else:
        print_lineage(found, foreign_reads(found.values(), workspace))


def follow(
    session: Session,
    catalog: Catalog,
    product: str,
    directions: list[Direction],
    depth: int | None = None,
) -> dict[str, Lineage]:
    """The lineage of a product in each direction.

    A product that the catalog does not know yet is registered from its definitions first. Raises
    UnknownProductError with near names.
    """
    try:
        return {way: catalog.lineage(product, way, depth) for way in directions}
    except UnknownProductError:
        organization = session.organization()
        name = str(find_product(organization, product).id)
        for domain in organization.domains:
            catalog.register(domain)
        return {way: catalog.lineage(name, way, depth) for way in directions}


def lineage_as_json(found: Lineage) -> dict[str, Any]:
    """A lineage as plain values: products, and edges between them."""
    return {
        "product": found.product,
        "nodes": [{**asdict(node), "kind": str(node.kind)} for node in found.nodes],
        "edges": [asdict(edge) for edge in found.edges],
    }


def foreign_reads(
    found: Iterable[Lineage], workspace: Workspace
) -> Mapping[tuple[str, int], ForeignVersion]:
    """The versions that were read but that somebody else had written, by product and version.

    Only versions that the catalog has no receipt of are looked for in the lake.
    """
    from mesh.catalog.foreign import foreign_versions
    from mesh.naming import ProductId

    read: dict[str, set[int]] = defaultdict(set)
    for edge in (edge for item in found for edge in item.edges):
        read[edge.upstream] |= {upstream for _, upstream in edge.versions}
    foreign: dict[tuple[str, int], ForeignVersion] = {}
    for product, versions in read.items():
        known = {r.table_version for r in workspace.catalog.receipts(product, limit=_RECEIPTS)}
        if unknown := versions - known:
            table = workspace.lake.table(ProductId.parse(product))
            others = foreign_versions(table, after=min(unknown) - 1, until=max(unknown))
            foreign |= {(product, other.version): other for other in others}
    return foreign


def print_lineage(
    found: dict[str, Lineage], foreign: Mapping[tuple[str, int], ForeignVersion]
) -> None:
    """Print each direction as a tree."""
    from rich.text import Text
    from rich.tree import Tree

    from mesh.cli.console import say, stdout

    for way, item in found.items():
        root = Tree(Text(f"{_named(item, item.product)} {_TITLES[way]}"))
        version = item.node(item.product).latest_version
        versions = frozenset() if version is None else frozenset({version})
        _grow(root, item, item.product, versions, (item.product,), foreign)
        if root.children:
            stdout().print(root)
        else:
            say(f"{_named(item, item.product)} {_TITLES[way]} no other product")


def _grow(
    tree: Tree,
    found: Lineage,
    product: str,
    versions: frozenset[int],
    path: tuple[str, ...],
    foreign: Mapping[tuple[str, int], ForeignVersion],
) -> None:
    """Add the next step below `product`, as its given versions saw it or were seen."""
    from rich.text import Text

    is_up = found.direction == "up"
    for edge in found.into(product) if is_up else found.out_of(product):
        other = edge.upstream if is_up else edge.downstream
        seen = _seen(edge, versions, is_up=is_up)
        label = _label(found, edge, other, seen)
        notes = [_foreign_note(foreign[other, v]) for v in sorted(seen) if (other, v) in foreign]
        branch = tree.add(Text(" ".join([label, *notes])))
        if other not in path:
            _grow(branch, found, other, seen, (*path, other), foreign)


def _seen(edge: LineageEdge, versions: frozenset[int], *, is_up: bool) -> frozenset[int]:
    """The other product's versions that met these, by the receipts."""
    if is_up:
        return frozenset(up for down, up in edge.versions if down in versions)
    return frozenset(down for down, up in edge.versions if up in versions)


def _label(found: Lineage, edge: LineageEdge, other: str, seen: frozenset[int]) -> str:
    numbers = ", ".join(str(version) for version in sorted(seen))
    words = [other]
    if numbers:
        words.append(f"version{'s' if len(seen) > 1 else ''} {numbers}")
    latest = found.node(other).latest_version
    if latest is None:
        words.append("(not published)")
    elif latest not in seen and not (seen and latest < max(seen)):  # the catalog may be behind
        words.append(f"(latest is {latest})" if seen else f"(latest is version {latest})")
    if edge.reading:
        words.append(f"({edge.reading})")
    if edge.is_reference:
        words.append("(a rule looks at it)")
    if not edge.is_declared:
        words.append("(no longer declared)")
    return " ".join(words)


def _foreign_note(version: ForeignVersion) -> str:
    from mesh.cli.console import moment

    how = f"{version.operation}, {moment(version.committed_at)}"
    return f"(version {version.version} was written by somebody else: {how})"


def _named(found: Lineage, product: str) -> str:
    version = found.node(product).latest_version
    return f"{product} version {version}" if version is not None else f"{product}, not published,"
