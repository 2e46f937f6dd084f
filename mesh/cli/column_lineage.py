"""How lineage of columns looks in a terminal: a tree of what comes from what, and who is hit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.tree import Tree

    from mesh.catalog.model import ProductRecord
    from mesh.catalog.traced import ColumnEdge, ColumnKey, ColumnLineage

_TITLES = {"up": "comes from", "down": "is used by"}
_DECIDES = {
    "JOIN": "joined by",
    "GROUP_BY": "grouped by",
    "FILTER": "filtered by",
    "SORT": "sorted by",
    "WINDOW": "in windows by",
    "CONDITIONAL": "on condition of",
}


def columns_as_json(found: ColumnLineage, products: Mapping[str, ProductRecord]) -> dict[str, Any]:
    """A lineage of columns as plain values, with who answers for what was reached."""
    reached = [
        {
            "dataset": name,
            "columns": sorted(column for dataset, column in found.depths if dataset == name),
            "domain": products[name].domain.name if name in products else "",
            "owner": products[name].owner.email if name in products else "",
        }
        for name in found.datasets
    ]
    return {**found.as_json(), "reached": reached}


def print_columns(found: ColumnLineage, products: Mapping[str, ProductRecord]) -> None:
    """Print a tree for each column that was asked for, then what was reached, by domain."""
    from rich.text import Text
    from rich.tree import Tree

    from mesh.cli.console import say, stdout

    growing = _Growing(found)
    for root in found.roots:
        tree = Tree(Text(f"{named(root)} {_TITLES[found.direction]}"))
        growing.grow(tree, root, (root,))
        if tree.children:
            stdout().print(tree, soft_wrap=False)
        else:
            say(f"{named(root)} {_TITLES[found.direction]} no other column that is known")
    for name, why in found.unknown.items():
        say(f"  {name}: not all of its columns can be traced: {why}", "yellow")
    _print_reached(found, products)


def named(key: ColumnKey) -> str:
    """A column as people write it; without a name, the rows of its dataset."""
    dataset, column = key
    return f"{dataset}.{column}" if column else f"rows of {dataset}"


class _Growing:
    """The tree of one lineage. What decides about rows is told once a dataset."""

    def __init__(self, found: ColumnLineage) -> None:
        self._is_up = found.direction == "up"
        self._edges: dict[ColumnKey, list[ColumnEdge]] = defaultdict(list)
        self._told: set[str] = set()
        for edge in found.edges:
            self._edges[self._start(edge)].append(edge)

    def _start(self, edge: ColumnEdge) -> ColumnKey:
        if self._is_up:
            return edge.downstream, edge.downstream_column
        return edge.upstream, edge.upstream_column

    def grow(self, tree: Tree, key: ColumnKey, path: tuple[ColumnKey, ...]) -> None:
        """Add the next step from a column."""
        from rich.text import Text

        steps: dict[ColumnKey, list[ColumnEdge]] = defaultdict(list)
        for edge in self._edges[key]:
            end = (edge.upstream, edge.upstream_column)
            steps[end if self._is_up else (edge.downstream, edge.downstream_column)].append(edge)
        for end, edges in sorted(steps.items()):
            branch = tree.add(Text(f"{named(end)} ({_how(edges)})"))
            if end[1] and end not in path:
                self.grow(branch, end, (*path, end))
        if self._is_up and key[1]:
            self._tell_of_rows(tree, key[0])

    def _tell_of_rows(self, tree: Tree, dataset: str) -> None:
        from rich.text import Text

        deciding: dict[str, list[str]] = defaultdict(list)
        for edge in self._edges[dataset, ""] if dataset not in self._told else ():
            column = named((edge.upstream, edge.upstream_column))
            deciding[_DECIDES.get(str(edge.kind), "decided by")].append(column)
        self._told.add(dataset)
        for how, columns in deciding.items():
            tree.add(Text(f"rows of {dataset} are {how} {', '.join(columns)}", style="dim"))


def _how(edges: Iterable[ColumnEdge]) -> str:
    kinds = dict.fromkeys(str(edge.kind).lower().replace("_", " ") for edge in edges)
    known = dict.fromkeys(str(e.knowledge) for e in edges if str(e.knowledge) != "found")
    return ", ".join([*kinds, *known])


def _print_reached(found: ColumnLineage, products: Mapping[str, ProductRecord]) -> None:
    from mesh.cli.console import add_row, print_table, say, table

    if not found.datasets:
        return
    columns: dict[str, list[str]] = defaultdict(list)
    for dataset, column in found.depths:
        columns[dataset].append(column or "(its rows)")
    made = table("domain", "dataset", "owner", "columns", wrapping=["columns"])
    for name in sorted(found.datasets, key=lambda name: (_domain(name, products), name)):
        owner = products[name].owner.email if name in products else "not governed"
        add_row(made, _domain(name, products), name, owner, ", ".join(sorted(columns[name])))
    say()
    print_table(made)


def _domain(name: str, products: Mapping[str, ProductRecord]) -> str:
    return products[name].domain.name if name in products else "-"


def roots_of(products: Sequence[ProductRecord], column: str = "") -> tuple[ColumnKey, ...]:
    """Where a walk begins: one column, or every column of these products."""
    if column:
        return tuple((product.name, column) for product in products)
    return tuple((p.name, name) for p in products for name in p.contract.column_names)
