"""Who is hit by a change, to any depth.

Owns how a change spreads: to direct consumers by the columns that they declare; further down by the
lineage of columns, where it is known, and otherwise to everything that a hit product publishes; and
to all that is below a product which cannot be built any more. A column that decides which rows
there are (a filter, a join's key) reaches every column.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from mesh.contracts.evolution import Change, Kind, Standing
from mesh.products.plans.model import Hit
from mesh.products.plans.reads import Graph, Read
from mesh.products.state import MeshState

ColumnOf = tuple[str, str]
"""A column of a product: (`weather.observations_v1`, `wind_speed_mph`)."""


@dataclass(frozen=True, slots=True)
class Made:
    """How a product is made, as far as it is known.

    `columns` gives for each output column those that its values are made from; one that is not
    there is unknown. `shaping` are columns that decide which rows there are. `read` are all columns
    that are read; None when there may be more.
    """

    columns: Mapping[str, Collection[ColumnOf]]
    shaping: frozenset[ColumnOf] = frozenset()
    read: frozenset[ColumnOf] | None = None


Lineage = Callable[[str], Made | None]
"""How a product is made; None when nothing is known of it."""

GONE = frozenset({Kind.COLUMN_REMOVED, Kind.COLUMN_RENAMED})
"""Changes after which whoever reads the column cannot be built."""


def unknown_lineage(_product: str) -> Made | None:
    """Knows of no product how its columns are made."""
    return None


@dataclass(frozen=True, slots=True)
class Impact:
    """What hits need to know: the mesh as it would be, who reads what, and how columns are made."""

    state: MeshState
    graph: Graph
    lineage: Lineage = unknown_lineage

    def of_change(self, product: str, change: Change) -> list[Hit]:
        """Everyone whom a change of a product reaches; nobody for a compatible one."""
        if change.consumer is Standing.COMPATIBLE:
            return []
        seed = _Seed(product, change.columns, change.effect, change.consumer, change.kind in GONE)
        return list(_Spread(self, seed).hits())

    def of_removal(self, product: str, columns: tuple[str, ...]) -> list[Hit]:
        """Everyone who still reads a product that would be gone."""
        seed = _Seed(product, columns, "would be gone", Standing.BREAKING, is_gone=True)
        return list(_Spread(self, seed).hits())


@dataclass(frozen=True, slots=True)
class _Seed:
    origin: str
    columns: tuple[str, ...]
    effect: str
    standing: Standing
    is_gone: bool


@dataclass(slots=True)
class _Reached:
    """What has reached a product so far: its own columns that are hit, by those of the origin."""

    path: tuple[str, ...]
    columns: dict[str, set[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    is_whole: bool = False
    is_certain: bool = True
    is_stopped: bool = False


class _Spread:
    """One change on its way down, product by product in the order of building."""

    def __init__(self, impact: Impact, seed: _Seed) -> None:
        self.impact = impact
        self.seed = seed
        start = _Reached(path=(seed.origin,), is_whole=not seed.columns)
        start.columns = {name: {name} for name in seed.columns}
        self.reached = {seed.origin: start}
        self.waiting = [(-1, seed.origin)]
        self.told: set[str] = set()

    def hits(self) -> Iterator[Hit]:
        while self.waiting:
            _, name = heapq.heappop(self.waiting)
            if name in self.told:
                continue
            self.told.add(name)
            for read in self.impact.graph.readers_of(name):
                if read.consumer not in self.told:
                    yield from self._reach(read, self.reached[name])

    def _reach(self, read: Read, source: _Reached) -> Iterator[Hit]:
        columns = self._read_columns(read, source)
        if columns is None:
            return
        origin_columns = set(source.whole).union(*(source.columns.get(c, ()) for c in columns))
        path = (*source.path, read.consumer)
        is_direct = len(path) == 2  # noqa: PLR2004 -- the origin and its consumer
        is_stopped = source.is_stopped or (is_direct and self._stops(read))
        yield Hit(
            consumer=read.consumer,
            reads=read.product,
            columns=columns,
            origin=self.seed.origin,
            origin_columns=tuple(n for n in self.seed.columns if n in origin_columns),
            effect=self.seed.effect,
            standing=self._standing(is_direct=is_direct, is_stopped=is_stopped),
            path=path,
            is_certain=source.is_certain or is_stopped,
            is_stopped=is_stopped,
            expectations=_expectations(read, columns) if is_direct else (),
        )
        if not read.is_reference:
            self._go_on(read, columns, source, path, is_stopped=is_stopped)

    def _read_columns(self, read: Read, source: _Reached) -> tuple[str, ...] | None:
        """Which hit columns are read; empty for all rows, None when none is."""
        if source.is_stopped:
            return self._published(read) if read.columns is None else read.columns
        if source.is_whole:
            return ()
        found = read.of(source.columns)
        if found and read.columns is None and not read.is_reference:
            found = self._really_read(read, found)
        return found or None

    def _really_read(self, read: Read, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Of an input that declares no columns, those that the transform reads."""
        made = self.impact.lineage(read.consumer)
        if made is None or made.read is None:
            return columns
        return tuple(name for name in columns if (read.product, name) in made.read)

    def _published(self, read: Read) -> tuple[str, ...]:
        found = self.impact.state.products.get(read.product)
        return found.column_names if found else ()

    def _stops(self, read: Read) -> bool:
        return self.seed.is_gone and not read.is_reference

    def _standing(self, *, is_direct: bool, is_stopped: bool) -> Standing:
        if is_stopped:
            return Standing.BREAKING
        return self.seed.standing if is_direct else Standing.RISKY

    def _go_on(
        self,
        read: Read,
        columns: tuple[str, ...],
        source: _Reached,
        path: tuple[str, ...],
        *,
        is_stopped: bool,
    ) -> None:
        """Mark what of the consumer is hit, so that its own consumers are looked at."""
        known = self.reached.setdefault(read.consumer, _Reached(path=path))
        known.is_stopped |= is_stopped
        known.is_certain &= source.is_certain
        origins = set(source.whole).union(*(source.columns.get(c, ()) for c in columns))
        known.whole |= origins if is_stopped else set()
        if source.is_whole:
            known.is_whole = True
        elif not is_stopped:
            self._made_from(read, columns, source, known)
        place = self.impact.graph.order.get(read.consumer, 0)
        heapq.heappush(self.waiting, (place, read.consumer))

    def _made_from(
        self, read: Read, columns: tuple[str, ...], source: _Reached, known: _Reached
    ) -> None:
        made = self.impact.lineage(read.consumer)
        wanted = {(read.product, name) for name in columns}
        origins = set().union(*(source.columns[name] for name in columns))
        if made is not None and wanted & made.shaping:
            known.is_whole = True
            known.whole |= origins
            known.is_certain = False
            return
        for name in self.impact.state.products[read.consumer].column_names:
            if made is None or name not in made.columns:
                known.is_certain = False
                known.columns.setdefault(name, set()).update(origins)
                continue
            for _, column in wanted.intersection(made.columns[name]):
                known.columns.setdefault(name, set()).update(source.columns[column])


def _expectations(read: Read, columns: tuple[str, ...]) -> tuple[str, ...]:
    """What a consumer counts on of these columns, in words."""
    names = columns or tuple(read.expects)
    return tuple(
        f"{name}: {what} {value}"
        for name in names
        for what, value in read.expects.get(name, {}).items()
    )
