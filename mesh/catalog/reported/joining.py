"""Which reported dataset is which: by symlinks, by a product's name, and by where its table lies.

Owns `datasets.canonical`. Datasets that name each other, directly or through others, are one, and
what they are called together does not depend on the order in which that became known: a product's
name if one of them is its table, else the least key of those that were reported themselves. Two
products are never one, whatever somebody reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from mesh.catalog import changes, schema
from mesh.catalog.statements import chunks
from mesh.naming import DatasetName

OWN_NAMESPACE = "mesh"
"""The namespace in which products go by their own names."""
SYMLINK = "symlink"
"""Kind of a dataset that is known only because another one says that it is the same."""


_PRODUCER = "urn:mesh:catalog"
_SYMLINKS = (
    "https://openlineage.io/spec/facets/1-0-1/SymlinksDatasetFacet.json#/$defs/SymlinksDatasetFacet"
)


@dataclass(frozen=True, slots=True)
class Same:
    """Keys of one dataset; a product's name among them says that it is the product."""

    keys: tuple[str, ...]


def symlinked(namespace: str, name: str, *identifiers: Mapping[str, str]) -> dict[str, Any]:
    """The event that says what a dataset is called elsewhere."""
    facet = {"_producer": _PRODUCER, "_schemaURL": _SYMLINKS, "identifiers": list(identifiers)}
    return {
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": _PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": {"namespace": namespace, "name": name, "facets": {"symlinks": facet}},
    }


def join(connection: Connection, groups: Sequence[Same]) -> set[str]:
    """Make each group one dataset, with everything that its members were before.

    Returns the keys whose dataset changed.
    """
    if not groups:
        return set()
    members = _members(connection, {key for group in groups for key in group.keys})
    components = _Components()
    for key, (canonical, _) in members.items():
        components.unite(key, canonical)
    for group in groups:
        for key in group.keys[1:]:
            components.unite(group.keys[0], key)
    changed = []
    for component in components.all():
        chosen = _chosen(component, members)
        changed += [
            {"row": key, "now": chosen}
            for key in component
            if chosen and key in members and members[key][0] != chosen
        ]
    if changed:
        changes.tell_of_everything(connection)
        table = schema.datasets
        statement = update(table).where(table.c.key == bindparam("row"))
        connection.execute(statement.values(canonical=bindparam("now")), changed)
    return {item["row"] for item in changed}


def products_among(connection: Connection, names: Iterable[DatasetName]) -> dict[str, str]:
    """For each key that is a product by its name, the product."""
    table = schema.products
    asked = {named.name: named.key for named in names if named.namespace == OWN_NAMESPACE}
    found: dict[str, str] = {}
    for chunk in chunks(sorted(asked)):
        rows = connection.execute(select(table.c.name).where(table.c.name.in_(chunk)))
        found |= {asked[row.name]: row.name for row in rows}
    return found


def join_products(connection: Connection, products: Iterable[str]) -> None:
    """Products that were registered: whoever reported them by name meant them."""
    named = {DatasetName(OWN_NAMESPACE, product).key: product for product in products}
    table = schema.datasets
    groups: list[Same] = []
    for chunk in chunks(sorted(named)):
        asked = select(table.c.key, table.c.canonical).where(table.c.key.in_(chunk))
        groups += [
            Same((row.key, named[row.key]))
            for row in connection.execute(asked)
            if row.canonical != named[row.key]
        ]
    join(connection, groups)


def locate(connection: Connection, urls: Mapping[str, str], now: datetime) -> None:
    """Products whose table lies at a URL: whoever reported that place meant them.

    `urls` is by product. Costs one look-up where all of it is known.
    """
    names = {DatasetName.of_url(url): product for product, url in urls.items()}
    wanted = {named.key: product for named, product in names.items()}
    known: dict[str, str] = {}
    for chunk in chunks(sorted(wanted)):
        table = schema.datasets
        asked = select(table.c.key, table.c.canonical).where(table.c.key.in_(chunk))
        known |= {row.key: row.canonical for row in connection.execute(asked)}
    fresh = [
        {**_row(named, now), "kind": SYMLINK, "canonical": product}
        for named, product in names.items()
        if named.key not in known
    ]
    if fresh:
        connection.execute(insert(schema.datasets), fresh)
        if _is_told_of(connection, [row["key"] for row in fresh]):
            changes.tell_of_everything(connection)
    join(
        connection,
        [Same((k, wanted[k])) for k, canonical in known.items() if canonical != wanted[k]],
    )


def _is_told_of(connection: Connection, keys: Sequence[str]) -> bool:
    """Whether columns of others come from places of which nothing else was reported."""
    told = schema.column_edges.c.upstream
    asked = (select(told).where(told.in_(chunk)).limit(1) for chunk in chunks(keys))
    return any(connection.execute(one).first() is not None for one in asked)


def _row(named: DatasetName, now: datetime) -> dict[str, Any]:
    return {
        "key": named.key,
        "namespace": named.namespace,
        "name": named.name,
        "description": "",
        "owners": [],
        "tags": [],
        "facets": {},
        "first_seen": now,
        "last_seen": now,
    }


def _members(connection: Connection, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Canonical key and kind of these keys and of all that are one with them, by key."""
    table = schema.datasets
    chosen = select(table.c.key, table.c.canonical, table.c.kind)
    found: dict[str, tuple[str, str]] = {}
    for chunk in chunks(sorted(keys)):
        rows = connection.execute(chosen.where(table.c.key.in_(chunk)))
        found |= {row.key: (row.canonical, row.kind) for row in rows}
    together = {canonical for canonical, _ in found.values()} | set(keys)
    for chunk in chunks(sorted(together)):
        rows = connection.execute(chosen.where(table.c.canonical.in_(chunk)))
        found |= {row.key: (row.canonical, row.kind) for row in rows}
    return found


def _chosen(component: Sequence[str], members: Mapping[str, tuple[str, str]]) -> str:
    """What a component is called; empty where it would be two products."""
    products = {key for key in component if "#" not in key}
    if len(products) > 1:
        return ""
    if products:
        return products.pop()
    reported = [key for key in component if members.get(key, ("", SYMLINK))[1] != SYMLINK]
    return min(reported or component)


class _Components:
    """Keys that are one, by union and find."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def unite(self, one: str, other: str) -> None:
        self._above[self._root(one)] = self._root(other)

    def _root(self, key: str) -> str:
        self._above.setdefault(key, key)
        while self._above[key] != key:
            self._above[key] = self._above[self._above[key]]
            key = self._above[key]
        return key

    def all(self) -> list[list[str]]:
        found: dict[str, list[str]] = {}
        for key in sorted(self._above):
            found.setdefault(self._root(key), []).append(key)
        return list(found.values())
