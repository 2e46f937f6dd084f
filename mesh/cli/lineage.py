"""`mesh lineage`: what a product is made from, and what is made from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.lineage_target import Target
from mesh.cli.session import Session, find_product
from mesh.errors import MeshError, UnknownProductError

if TYPE_CHECKING:
    from rich.tree import Tree

    from mesh.catalog.model import Direction, Lineage, LineageEdge
    from mesh.catalog.receipts import ForeignVersion
    from mesh.catalog.traced import Reach
    from mesh.orchestration.workspace import Workspace

_RECEIPTS = 100_000
"""Receipts of a product that are looked through for the versions which were read."""
_TITLES = {"up": "is made from", "down": "feeds"}


def lineage(
    context: typer.Context,
    product: Annotated[
        str,
        typer.Argument(
            help="The product, the major may be left out; or a column of it, "
            "`domain.product_v1.column`. Left out with --domain or --owner."
        ),
    ] = "",
    *,
    up: Annotated[bool, typer.Option("--up", help="Only what it is made from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what is made from it.")] = False,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Steps to follow; all by default.")
    ] = None,
    columns: Annotated[bool, typer.Option("--columns", help="Follow each column.")] = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="Only columns whose values are in the result.")
    ] = False,
    version: Annotated[
        int | None, typer.Option(min=0, help="Which publications made this version, and of what.")
    ] = None,
    domain: Annotated[str, typer.Option(help="Every column of a domain's products.")] = "",
    owner: Annotated[
        str, typer.Option(help="Every column of the products that this e-mail address owns.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a product is made from and what is made from it, with exact versions.

    Of a column, a domain or an owner: which columns, and who answers for them.
    """
    session = Session.of(context)
    ways: list[Direction] = []
    if up or not down:
        ways.append("up")
    if down or not up:
        ways.append("down")
    target = Target.of(session, product, domain, owner)
    if version is not None:
        _show_version(session, target, version, depth, as_json=as_json)
    elif columns or target.is_about_columns:
        _show_columns(
            session, target, ways, depth, through="direct" if direct else "all", as_json=as_json
        )
    else:
        _show_products(session, target.name, ways, depth, as_json=as_json)


def _show_products(
    session: Session, name: str, ways: list[Direction], depth: int | None, *, as_json: bool
) -> None:
    from mesh.cli.console import print_json

    workspace = session.workspace()
    found = follow(session, workspace, name, ways, depth)
    if as_json:
        print_json({way: lineage_as_json(item) for way, item in found.items()})
    else:
        print_lineage(found, foreign_reads(found.values(), workspace))


def _show_columns(
    session: Session,
    target: Target,
    ways: list[Direction],
    depth: int | None,
    *,
    through: Reach,
    as_json: bool,
) -> None:
    from mesh.cli.column_lineage import columns_as_json, print_columns, roots_of
    from mesh.cli.console import print_json

    workspace = session.workspace()
    workspace.register(session.organization().domains)
    catalog = workspace.catalog
    if target.name:
        target = replace(target, name=catalog.product(target.name).name)
    products = {record.name: record for record in catalog.products()}
    roots = roots_of(target.chosen(products.values()), target.column)
    found = {way: catalog.traces.follow(roots, way, depth, through=through) for way in ways}
    if as_json:
        print_json({way: columns_as_json(item, products) for way, item in found.items()})
        return
    for item in found.values():
        print_columns(item, products)


def _show_version(
    session: Session, target: Target, version: int, depth: int | None, *, as_json: bool
) -> None:
    from mesh.cli.console import print_json
    from mesh.cli.version_lineage import print_versions

    if target.is_about_columns:
        raise MeshError("--version is of a product", hint="mesh lineage PRODUCT --version N")
    name = str(session.product_id(target.name))
    made = session.workspace().catalog.made_from(name, version, depth)
    if as_json:
        print_json([item.as_json() for item in made])
    else:
        print_versions(made)


def follow(
    session: Session,
    workspace: Workspace,
    product: str,
    directions: list[Direction],
    depth: int | None = None,
) -> dict[str, Lineage]:
    """The lineage of a product in each direction.

    A product that the catalog does not know yet is registered from its definitions first. Raises
    UnknownProductError with near names.
    """
    catalog = workspace.catalog
    try:
        return {way: catalog.lineage(product, way, depth) for way in directions}
    except UnknownProductError:
        organization = session.organization()
        name = str(find_product(organization, product).id)
        workspace.register(organization.domains)
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
    if found.node(other).kind == "external":
        return f"{other} (not governed; {_reported(edge)})"
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
    if edge.jobs:
        words.append(f"({_reported(edge)})")
    elif not edge.is_declared:
        words.append("(no longer declared)")
    return " ".join(words)


def _reported(edge: LineageEdge) -> str:
    return f"reported by {', '.join(edge.jobs)}"


def _foreign_note(version: ForeignVersion) -> str:
    from mesh.cli.console import moment

    how = f"{version.operation}, {moment(version.committed_at)}"
    return f"(version {version.version} was written by somebody else: {how})"


def _named(found: Lineage, product: str) -> str:
    node = found.node(product)
    if node.kind == "external":
        return f"{product}, not governed,"
    version = node.latest_version
    return f"{product} version {version}" if version is not None else f"{product}, not published,"
