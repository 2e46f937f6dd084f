"""What a Polars plan says: the columns that it reads, what each output column is made of, and how.

Owns inputs without rows that notice what is asked of them, and the walk over the plan of a lazy
frame. The plan is read through `LazyFrame._ldf.visit()`, which is private to Polars and used
nowhere else: a plan, a node or an expression that this module cannot read is unknown, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from mesh.catalog.derivation import Derivation, Origin, Origins, deciding, derived, united

_SAME, _CHANGED = Derivation.IDENTITY, Derivation.TRANSFORMATION
_DECIDING, _FRAMING = Derivation.CONDITIONAL, Derivation.WINDOW
_CHILDREN: Mapping[str, Mapping[str, Derivation]] = {
    "Alias": {"expr": _SAME},
    "Agg": {"arguments": Derivation.AGGREGATION},
    "BinaryExpr": {"left": _CHANGED, "right": _CHANGED},
    "Cast": {"expr": _CHANGED},
    "Explode": {"expr": _CHANGED},
    "Filter": {"input": _SAME, "by": _DECIDING},
    "Function": {"input": _CHANGED},
    "Gather": {"expr": _SAME, "idx": _DECIDING},
    "Len": {},
    "Literal": {},
    "Rolling": {"function": _SAME, "index_column": _FRAMING},
    "Slice": {"input": _SAME, "offset": _DECIDING, "length": _DECIDING},
    "Sort": {"expr": _SAME},
    "SortBy": {"expr": _SAME, "by": Derivation.SORT},
    "Ternary": {"predicate": _DECIDING, "truthy": _CHANGED, "falsy": _CHANGED},
    "Window": {"function": _SAME, "partition_by": _FRAMING, "order_by": _FRAMING},
}
"""Attributes of each kind of expression that hold others (their numbers in the plan, or a name),
and what these are to it."""

_PASSING = frozenset({"Cache", "SimpleProjection", "Sink", "Slice"})
"""Nodes that choose columns, or rows by their place, and make none."""


@dataclass(slots=True)
class WatchedInput:
    """A lazy frame that knows what was asked of it.

    `rows` are what it holds: none, or a made-up one. `collected` are the columns of which the
    function itself asked for the values, before it returned its result.
    """

    port: str
    rows: pl.DataFrame
    collected: set[str] = field(default_factory=set)
    is_collected: bool = False
    frame: pl.LazyFrame = field(init=False)
    scanner: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Make the frame, and remember by what its scan is known in a plan."""
        self.frame = register_io_source(self._read, schema=self.rows.schema)
        self.scanner = _scanner(self.frame)

    @property
    def is_collected_whole(self) -> bool:
        """Whether the values of every column were asked for, so that use cannot be told apart."""
        return self.is_collected and self.collected >= set(self.rows.columns)

    def _read(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG002 -- Polars' signature
    ) -> Iterator[pl.DataFrame]:
        self.is_collected = True
        self.collected.update(self.rows.columns if with_columns is None else with_columns)
        rows = self.rows if with_columns is None else self.rows.select(with_columns)
        rows = rows if predicate is None else rows.filter(predicate)
        yield rows if n_rows is None else rows.head(n_rows)


@dataclass(frozen=True, slots=True)
class PlanReading:
    """What a plan says. Origins are columns of ports.

    `reads` are the columns that Polars would ask of each port; None where a node that cannot be
    read stands between. `lineage` has the origins of each output column; None where unknown. `rows`
    are the columns that decide which rows there are, and in which order; None where unknown.
    """

    reads: Mapping[str, frozenset[str] | None]
    lineage: Mapping[str, Origins | None]
    rows: Origins | None = None


def read_plan(frame: pl.LazyFrame, inputs: Sequence[WatchedInput]) -> PlanReading:
    """Read the plan of what a function returned. Whatever cannot be read is unknown."""
    walk = _walked(frame, inputs)
    if walk is None:
        names = frame.collect_schema().names()
        return PlanReading({i.port: None for i in inputs}, dict.fromkeys(names))
    reads = {
        item.port: None if walk.is_opaque else frozenset(c for p, c in walk.asked if p == item.port)
        for item in inputs
    }
    return PlanReading(reads, walk.made, walk.rows)


def _walked(frame: pl.LazyFrame, inputs: Sequence[WatchedInput]) -> _Walk | None:
    try:
        plan = frame._ldf.visit()  # noqa: SLF001 -- Polars has no public way to its plan
    except (AttributeError, NotImplementedError, pl.exceptions.PolarsError):
        return None
    walk = _Walk(plan, inputs)
    walk.made = walk.columns()
    return walk


def _scanner(frame: pl.LazyFrame) -> object:
    """The object by which a scan of a source of ours is known; None where Polars hides it."""
    try:
        return frame._ldf.visit().view_current_node().options[0]  # noqa: SLF001 -- as above
    except (AttributeError, IndexError, NotImplementedError, TypeError):
        return None


class _OpaqueError(Exception):
    """An expression that cannot be looked into."""


class _Walk:
    """One way through a plan, from its result to its inputs."""

    def __init__(self, plan: Any, inputs: Sequence[WatchedInput]) -> None:
        self.plan = plan
        self.made: Mapping[str, Origins | None] = {}
        self.is_opaque = False
        self._asked: set[tuple[str, str]] = set()
        self._rows: set[Origin] = set()
        self._are_rows_known = True
        self._inputs = inputs
        self._seen: dict[int, dict[str, Origins | None]] = {}
        self._nodes: Mapping[str, Callable[..., dict[str, Origins | None]]] = {
            "DataFrameScan": self._constant,
            "Distinct": self._distinct,
            "Filter": self._filtered,
            "GroupBy": self._grouped,
            "HConcat": self._beside,
            "HStack": self._stacked,
            "Join": self._joined,
            "MapFunction": self._mapped,
            "MergeSorted": self._united,
            "PythonScan": self._scanned,
            "Scan": self._constant,
            "Select": self._selected,
            "Sort": self._sorted,
            "Union": self._united,
            **dict.fromkeys(_PASSING, self._passed),
        }

    @property
    def asked(self) -> frozenset[tuple[str, str]]:
        """The columns that the plan asks of its inputs, each as (port, column)."""
        return frozenset(self._asked)

    @property
    def rows(self) -> Origins | None:
        """The columns that decide about rows; None where one of them cannot be told."""
        return frozenset(self._rows) if self._are_rows_known and not self.is_opaque else None

    def columns(self) -> dict[str, Origins | None]:
        """What each column at the current node is made of."""
        number = self.plan.get_node()
        if number not in self._seen:
            below = [self._at(child) for child in self.plan.get_inputs()]
            self.plan.set_node(number)
            self._seen[number] = self._columns(below)
        return self._seen[number]

    def _at(self, number: int) -> dict[str, Origins | None]:
        self.plan.set_node(number)
        return self.columns()

    def _columns(self, below: list[dict[str, Origins | None]]) -> dict[str, Origins | None]:
        names = list(self.plan.get_schema())
        try:
            node = self.plan.view_current_node()
            made = self._nodes[type(node).__name__](node, below, names)
        except (NotImplementedError, KeyError, AttributeError, IndexError, TypeError):
            self.is_opaque = True
            return dict.fromkeys(names)
        return {name: made.get(name) for name in names}

    def _scanned(
        self, node: Any, _: Sequence[object], names: Iterable[str]
    ) -> dict[str, Origins | None]:
        function, with_columns, _kind, predicate, *_rest = node.options
        found = next((i for i in self._inputs if i.scanner is function), None)
        if found is None:  # a source of the function's own
            return self._constant(node, (), names)
        names = found.rows.columns
        own = {name: frozenset({(found.port, name, Derivation.IDENTITY)}) for name in names}
        self._asked |= {(found.port, name) for name in with_columns or names}
        if isinstance(predicate, tuple) and predicate[0] == "polars":
            found_in = self._deciding([predicate[1]], own, Derivation.FILTER)
            filtered = names if found_in is None else [name for _, name, _ in found_in]
            self._asked |= {(found.port, name) for name in filtered}
        return dict(own)

    def _deciding(
        self, numbers: Iterable[int], before: Mapping[str, Origins | None], how: Derivation
    ) -> Origins | None:
        """Note that expressions decide about rows. Returns what they are made of."""
        try:
            found = united(self._origins(number, before) for number in numbers)
        except (_OpaqueError, KeyError):
            found = None
        if found is None:
            self._are_rows_known = False
        self._rows |= deciding(found, how) or set()
        return found

    def _filtered(
        self, node: Any, below: Sequence[dict[str, Origins | None]], _: object
    ) -> dict[str, Origins | None]:
        self._deciding([node.predicate.node], below[0], Derivation.FILTER)
        return below[0]

    def _sorted(
        self, node: Any, below: Sequence[dict[str, Origins | None]], _: object
    ) -> dict[str, Origins | None]:
        self._deciding([by.node for by in node.by_column], below[0], Derivation.SORT)
        return below[0]

    def _distinct(
        self, node: Any, below: Sequence[dict[str, Origins | None]], names: Sequence[str]
    ) -> dict[str, Origins | None]:
        found = united(below[0].get(name) for name in node.options[1] or names)
        self._are_rows_known = self._are_rows_known and found is not None
        self._rows |= deciding(found, Derivation.GROUP_BY) or set()
        return below[0]

    def _constant(
        self, _: object, __: Sequence[object], names: Iterable[str]
    ) -> dict[str, Origins | None]:
        """Data that the function brings along: of no input, unless it has looked at one."""
        is_from_inputs = any(item.is_collected for item in self._inputs)
        return dict.fromkeys(names, None if is_from_inputs else frozenset())

    def _passed(
        self, _: object, below: Sequence[dict[str, Origins | None]], __: object
    ) -> dict[str, Origins | None]:
        return below[0]

    def _selected(
        self, node: Any, below: Sequence[dict[str, Origins | None]], _: object
    ) -> dict[str, Origins | None]:
        return self._expressions(node.expr, below[0])

    def _stacked(
        self, node: Any, below: Sequence[dict[str, Origins | None]], _: object
    ) -> dict[str, Origins | None]:
        return below[0] | self._expressions(node.exprs, below[0])

    def _grouped(
        self, node: Any, below: Sequence[dict[str, Origins | None]], _: object
    ) -> dict[str, Origins | None]:
        self._deciding([key.node for key in node.keys], below[0], Derivation.GROUP_BY)
        # The time by which a window moves is in neither: it keeps its name.
        return below[0] | self._expressions([*node.keys, *node.aggs], below[0])

    def _beside(
        self, _: object, below: Sequence[dict[str, Origins | None]], __: object
    ) -> dict[str, Origins | None]:
        return {name: origins for part in below for name, origins in part.items()}

    def _united(
        self, _: object, below: Sequence[dict[str, Origins | None]], names: Iterable[str]
    ) -> dict[str, Origins | None]:
        return {name: united(part.get(name) for part in below) for name in names}

    def _joined(
        self, node: Any, below: Sequence[dict[str, Origins | None]], names: Iterable[str]
    ) -> dict[str, Origins | None]:
        left, right = below
        self._deciding([key.node for key in node.left_on], left, Derivation.JOIN)
        self._deciding([key.node for key in node.right_on], right, Derivation.JOIN)
        how, _, _, suffix, is_coalescing, *_ = node.options
        made: dict[str, Origins | None] = {}
        for name in names:
            short = name.removesuffix(suffix)
            if name in left:
                made[name] = left[name]
            elif name in right:
                made[name] = right[name]
            elif short in right:
                made[name] = right[short]
        if is_coalescing and isinstance(how, str) and how in {"Full", "Right"}:
            pairs = zip(node.left_on, node.right_on, strict=True)
            for ours, theirs in ((a.output_name, b.output_name) for a, b in pairs):
                name = ours if how == "Full" else theirs
                both = (left.get(ours), right.get(theirs))
                made[name] = united(both) if how == "Full" else right.get(theirs)
        return made

    def _mapped(
        self, node: Any, below: Sequence[dict[str, Origins | None]], names: Sequence[str]
    ) -> dict[str, Origins | None]:
        kind, *details = node.function
        before = below[0]
        if kind == "explode":
            exploded = {name: derived(before[name], _CHANGED) for name in details[0]}
            return before | exploded
        if kind == "row_index":
            return before | {details[0]: frozenset()}
        if kind == "unnest":
            fields = derived(united(before[name] for name in details[0]), _CHANGED)
            return {name: before.get(name, fields) for name in names}
        if kind == "unpivot":
            index, values, variable, value = details
            kept = {name: before[name] for name in index}
            chosen = values or [name for name in before if name not in index]
            pivoted = derived(united(before[name] for name in chosen), _CHANGED)
            return kept | {variable: frozenset(), value: pivoted}
        raise NotImplementedError(kind)

    def _expressions(
        self, expressions: Iterable[Any], before: Mapping[str, Origins | None]
    ) -> dict[str, Origins | None]:
        made: dict[str, Origins | None] = {}
        for expression in expressions:
            try:
                made[expression.output_name] = self._origins(expression.node, before)
            except _OpaqueError:
                made[expression.output_name] = None
        return made

    def _origins(self, number: int, before: Mapping[str, Origins | None]) -> Origins | None:
        """What an expression is made of; None where a column that it names is unknown."""
        try:
            expression = self.plan.view_expression(number)
        except NotImplementedError as error:
            raise _OpaqueError from error
        kind = type(expression).__name__
        if kind == "Column":
            return before[expression.name]
        if kind not in _CHILDREN:
            raise _OpaqueError(kind)
        parts: list[Origins | None] = []
        for name, how in _CHILDREN[kind].items():
            value = getattr(expression, name)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, str):
                    parts.append(derived(before[child], how))
                elif child is not None:
                    parts.append(derived(self._origins(child, before), how))
        return united(parts)
