"""How a version's making looks in a terminal: its publications, and the versions they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.tree import Tree

    from mesh.catalog.receipts import Receipt
    from mesh.catalog.version_lineage import MadeVersion, VersionOf

_TOLD_APART = 3
"""Versions of one input that a tree follows each by itself."""


def print_versions(made: Sequence[MadeVersion]) -> None:
    """Print the version that was asked for as a tree of what it was made from."""
    from rich.text import Text
    from rich.tree import Tree

    from mesh.cli.console import stdout

    known = {(item.product, item.version): item for item in made}
    first = made[0]
    tree = Tree(Text(f"{first.product} version {first.version} {_made_by(first)}"))
    _grow(tree, first, known, {(first.product, first.version)})
    stdout().print(tree, soft_wrap=False)


def _grow(
    tree: Tree, item: MadeVersion, known: Mapping[VersionOf, MadeVersion], told: set[VersionOf]
) -> None:
    from rich.text import Text

    inputs: dict[str, list[int]] = defaultdict(list)
    for product, version in item.inputs:
        inputs[product].append(version)
    for product, versions in inputs.items():
        if len(versions) > _TOLD_APART:
            tree.add(Text(f"{product} versions {spans(versions)}"))
            continue
        for version in reversed(versions):
            found = known.get((product, version))
            is_new = (product, version) not in told
            told.add((product, version))
            words = _made_by(found) if found is not None and is_new else "(see above)"
            branch = tree.add(Text(f"{product} version {version} {words}".rstrip()))
            if found is not None and is_new:
                _grow(branch, found, known, told)


def _made_by(item: MadeVersion) -> str:
    from mesh.cli.console import moment

    if item.environment:
        return f"(of the environment {item.environment}, whose catalog tells more)"
    if not item.publications:
        return "(no publication is recorded: `mesh catalog sync`)"
    latest, earlier = item.publications[0], item.publications[1:]
    by = (
        f"by run {latest.run_id}, {moment(latest.published_at)}, contract {latest.contract_version}"
    )
    rows = f"{latest.rows_accepted:,} rows"
    also = f", and {len(earlier)} before it" if earlier else ""
    return f"({by}: {rows}{also}{_marks(latest)})"


def _marks(receipt: Receipt) -> str:
    warned = sum(1 for tally in receipt.tallies if tally.failed)
    told = f", {warned} rule{'s' if warned > 1 else ''} not fully kept" if warned else ""
    rejected = f", {receipt.rows_rejected:,} rejected" if receipt.rows_rejected else ""
    return rejected + told


def spans(versions: Iterable[int]) -> str:
    """Numbers as people write them: `1-4, 7`."""
    found: list[list[int]] = []
    for version in sorted(versions):
        if found and version == found[-1][1] + 1:
            found[-1][1] = version
        else:
            found.append([version, version])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)
