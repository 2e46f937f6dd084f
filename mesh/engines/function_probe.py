"""Probing a Python function: it is called with inputs that have columns and no rows.

Owns what is concluded from such a call, and from calling it again with a column less. What a lazy
plan says is certain, since it never depends on rows. Where a function looks at rows itself, what it
made of none counts only if it makes the same of a made-up row.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.catalog.derivation import Origins
from mesh.contracts.arrow import Difference, arrow_schema
from mesh.contracts.model import Contract
from mesh.engines import probed
from mesh.engines.made_up import row_of
from mesh.engines.plans import PlanReading, WatchedInput, read_plan
from mesh.engines.probed import Probe, Reads
from mesh.engines.quietly import TooSlowError, call_quietly
from mesh.errors import MeshError, Problem, did_you_mean, near_names
from mesh.lake.changes import as_inserts
from mesh.naming import CHANGE_COLUMNS
from mesh.products.declaration import DataProduct
from mesh.products.ports import DailyPartitions, MonthlyPartitions
from mesh.publishing.source import source_of
from mesh.reading.snapshot import annotations_of, in_form, is_lazy

_PATIENCE_SECONDS = 0.5
"""How long columns are left out one by one, to see what a function does without them."""
_MOST_UNDECLARED = 20
_ABOUT_COLUMNS = (
    pl.exceptions.ColumnNotFoundError,
    pl.exceptions.DuplicateError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.SchemaError,
    pl.exceptions.StructFieldNotFoundError,
)
"""What Polars raises when columns are missing, or of a type that does not fit."""
_QUOTED = re.compile(r"[\"'`]([^\"'`]+)[\"'`]")


def probe_function(
    product: DataProduct, function: Callable[..., Any], contracts: Mapping[str, Contract]
) -> Probe:
    """What calling a function with empty inputs tells of it."""
    return _Probing(product, function, contracts).probe()


def trace_function(
    product: DataProduct, function: Callable[..., Any], contracts: Mapping[str, Contract]
) -> Probe:
    """Where the columns come from that a function makes of empty inputs."""
    return _Probing(product, function, contracts).trace()


@dataclass(frozen=True, slots=True)
class _Called:
    """What came of one call."""

    inputs: Mapping[str, WatchedInput]
    schema: pa.Schema | None = None
    plan: PlanReading | None = None
    error: MeshError | None = None

    @property
    def is_certain(self) -> bool:
        """Whether no row was looked at, so that what came of it holds for any rows."""
        return not any(item.is_collected for item in self.inputs.values())


@dataclass(slots=True)
class _Probing:
    """One function being probed."""

    product: DataProduct
    function: Callable[..., Any]
    contracts: Mapping[str, Contract]
    problems: list[Problem] = field(default_factory=list)
    added: dict[str, list[str]] = field(default_factory=dict)

    def probe(self) -> Probe:
        called = self._called_with_all()
        if called.error is not None:
            return self._failed(called, called.error)
        schema = called.schema
        if schema is None:  # pragma: no cover -- without an error there is one
            return probed.not_probed(self.product, "it made nothing")
        reads = self._reads(called, schema)
        problems = (*self.problems, *probed.contract_problems(self.product, self._broken(called)))
        return Probe(
            product=str(self.product.id),
            problems=problems,
            notes=probed.unused_notes(self.product, reads),
            columns=probed.type_names(schema),
            reads=reads,
            origins=self._origins(called),
            rows=self._rows_depend_on(called),
        )

    def trace(self) -> Probe:
        called = self._call()
        return Probe(
            product=str(self.product.id),
            origins=self._origins(called),
            rows=self._rows_depend_on(called),
            unknown="" if called.error is None else called.error.what,
        )

    def _called_with_all(self) -> _Called:
        """Call it; columns that it misses and nobody declared are problems, and are added."""
        called = self._call()
        while called.error is not None and len(self.problems) < _MOST_UNDECLARED:
            missed = self._undeclared(called.error)
            if not missed:
                break
            for port, column in missed:
                self.problems.append(probed.undeclared_problem(self.product, port, column))
                self.added.setdefault(port, []).append(column)
            called = self._call()
        return called

    def _undeclared(self, error: MeshError) -> list[tuple[str, str]]:
        """Columns that an error speaks of, which a product has and its input does not declare."""
        named = set(_QUOTED.findall(_headline(error)))
        return [
            (port, name)
            for port, declared in self.product.inputs.items()
            for name in self.contracts[declared.product].column_names
            if name in named and name not in self._columns(port)
        ]

    def _columns(self, port: str) -> list[str]:
        """The columns that an input hands over, in their order."""
        declared = self.product.inputs[port]
        promised = self.contracts[declared.product].column_names
        chosen = promised if declared.columns is None else declared.columns
        return [*(name for name in chosen if name in promised), *self.added.get(port, ())]

    def _call(
        self, without: Collection[tuple[str, str]] = (), *, is_with_rows: bool = False
    ) -> _Called:
        """Call the function with every column but some, with no rows or with a made-up one."""
        inputs = {
            port: WatchedInput(port, self._rows(port, without, is_with_rows=is_with_rows))
            for port in self.product.inputs
        }
        try:
            return call_quietly(lambda: self._outcome(inputs))
        except MeshError as error:
            return _Called(inputs, error=error)

    def _rows(
        self, port: str, without: Collection[tuple[str, str]], *, is_with_rows: bool
    ) -> pl.DataFrame:
        declared = self.product.inputs[port]
        contract = self.contracts[declared.product]
        names = [name for name in self._columns(port) if (port, name) not in without]
        empty = pl.DataFrame(arrow_schema(contract).empty_table()).select(names)
        rows = row_of(contract, empty.schema) if is_with_rows else empty
        return as_inserts(rows.lazy(), 0, None).collect() if declared.incremental else rows

    def _outcome(self, inputs: Mapping[str, WatchedInput]) -> _Called:
        wanted = annotations_of(self.function)
        arguments = {port: in_form(item.frame, wanted.get(port)) for port, item in inputs.items()}
        parameters = inspect.signature(self.function).parameters
        if "partition" in parameters and "partition" not in inputs:
            arguments["partition"] = some_partition(self.product)
        data = self.function(**arguments)
        source = source_of(data, batch_rows=1)
        with source.cleanup:
            schema = source.schema
        if isinstance(data, pl.LazyFrame):
            return _Called(inputs, schema, read_plan(data, list(inputs.values())))
        return _Called(inputs, schema)

    def _failed(self, called: _Called, error: MeshError) -> Probe:
        """The probe of a function that raised: a problem if it is about columns for certain."""
        if self.problems:
            return Probe(str(self.product.id), tuple(self.problems), unknown=error.what)
        cause = error.__cause__
        if isinstance(error, TooSlowError):
            return probed.not_probed(self.product, error.what)
        if called.is_certain and isinstance(cause, _ABOUT_COLUMNS):
            problem = Problem(
                f"its columns do not fit: {_headline(error)}",
                probed.place(self.product),
                self._near(error) or "mend the transform, or what its inputs declare",
            )
            return Probe(str(self.product.id), (problem,), unknown=error.what)
        return probed.not_probed(self.product, f"{error.what} (on inputs without rows)")

    def _near(self, error: MeshError) -> str:
        named = _QUOTED.search(_headline(error))
        if named is None:
            return ""
        known = {name for port in self.product.inputs for name in self._columns(port)}
        return did_you_mean(near_names(named[1], known - {named[1]}))  # another input may have it

    def _broken(self, called: _Called) -> Iterable[Difference]:
        """Differences from the contract that do not depend on rows."""
        if called.schema is None:
            return ()
        found = probed.differing(self.product, called.schema)
        if called.is_certain or not found:
            return found
        again = self._call(is_with_rows=True)
        if again.schema is None:
            return ()
        are_fixed = set(again.schema.names) == set(called.schema.names)
        told = {(item.column, item.found) for item in probed.differing(self.product, again.schema)}
        present = set(called.schema.names)
        return [
            item
            for item in found
            if (item.column, item.found) in told
            and (are_fixed or item.column in present & set(again.schema.names))
        ]

    def _origins(self, called: _Called) -> dict[str, Origins]:
        if called.plan is None:
            return {}
        return {
            name: self._named(origins)
            for name, origins in called.plan.lineage.items()
            if origins is not None
        }

    def _rows_depend_on(self, called: _Called) -> Origins | None:
        """Columns that decide about rows; None where they are not known."""
        rows = None if called.plan is None else called.plan.rows
        has_looked = any(item.is_collected for item in called.inputs.values())
        return None if rows is None or has_looked else self._named(rows)

    def _named(self, origins: Origins) -> Origins:
        return frozenset(
            (self.product.inputs[port].product, name, how)
            for port, name, how in origins
            if name not in CHANGE_COLUMNS
        )

    def _reads(self, called: _Called, schema: pa.Schema) -> dict[str, Reads]:
        """The columns of each port that are read: those asked for, and those that are missed."""
        asked = {port: self._asked(port, called) for port in self.product.inputs}
        complete = {port for port, columns in asked.items() if columns is not None}
        read = {port: set(columns or ()) for port, columns in asked.items()}
        spare = [
            (port, name)
            for port in self.product.inputs
            for name in self._columns(port)
            if name not in read[port]
        ]
        missed, is_settled = self._missed(spare, schema, complete)
        for port, name in missed:
            read[port].add(name)
        return {
            port: Reads(declared.product, frozenset(read[port]), port in complete and is_settled)
            for port, declared in self.product.inputs.items()
        }

    def _asked(self, port: str, called: _Called) -> frozenset[str] | None:
        """What the plan and the function's own looking ask of a port; None where it is unclear."""
        item = called.inputs[port]
        if not is_lazy(annotations_of(self.function).get(port)) or item.is_collected_whole:
            return None
        by_plan = frozenset[str]() if called.plan is None else called.plan.reads[port]
        if by_plan is None or (called.plan is None and not item.is_collected):
            return None
        return (by_plan | item.collected) - set(CHANGE_COLUMNS)

    def _missed(
        self, spare: list[tuple[str, str]], schema: pa.Schema, complete: Collection[str]
    ) -> tuple[list[tuple[str, str]], bool]:
        """Which columns the function misses although nothing asks for their values.

        Says also whether every column of the ports that are otherwise complete was tried.
        """
        sure = [column for column in spare if column[0] in complete]
        if not spare or (len(sure) == len(spare) and self._is_same_without(spare, schema)):
            return [], True
        missed: list[tuple[str, str]] = []
        until = time.monotonic() + _PATIENCE_SECONDS
        ordered = [*sure, *(column for column in spare if column[0] not in complete)]
        for tried, column in enumerate(ordered):
            if time.monotonic() > until:
                return missed, tried >= len(sure)
            if not self._is_same_without([column], schema):
                missed.append(column)
        return missed, True

    def _is_same_without(self, columns: Collection[tuple[str, str]], schema: pa.Schema) -> bool:
        again = self._call(frozenset(columns))
        return again.schema is not None and again.schema.equals(schema)


def some_partition(product: DataProduct) -> str:
    """A key that the function may be called with."""
    declared = product.partitions
    if declared is None:
        return ""
    if isinstance(declared, MonthlyPartitions | DailyPartitions):
        return declared.start
    return declared.keys()[0]


def _headline(error: MeshError) -> str:
    """What the domain's own exception says first."""
    cause = error.__cause__
    text = str(cause).strip() if cause is not None else ""
    return (text or error.what).splitlines()[0]
