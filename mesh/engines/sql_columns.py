"""Probing a SQL product: its model is bound in DuckDB against tables without rows.

Owns what DuckDB says of the model's columns, of their types and of the columns that it would scan,
and the lineage that sqlglot finds. Nothing is built, and dbt is not run: what only dbt can expand
is unknown. DuckDB has no access to files or network meanwhile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jinja2
import pyarrow as pa

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.model import Contract
from mesh.engines import probed
from mesh.engines.dbt_workspace import SCHEMA
from mesh.engines.probed import Probe, Reads
from mesh.engines.sql_lineage import SqlLineage, lineage_of
from mesh.errors import Problem
from mesh.naming import CHANGE_COLUMNS
from mesh.products.dbt_files import Model, files_behind
from mesh.products.dbt_jinja import plain_sql
from mesh.products.declaration import DataProduct, SqlModel

if TYPE_CHECKING:
    import duckdb

_MOST_UNDECLARED = 20
_QUOTED = re.compile(r'"([^"]+)"')
_HIDING_COLUMNS = "filter_pushdown,filter_pullup,statistics_propagation,expression_rewriter"
"""Optimisers of DuckDB that would move a column out of a scan's list, or drop an empty scan."""
_CHANGES = pa.schema(
    [
        pa.field(name, kind)
        for name, kind in zip(
            CHANGE_COLUMNS, (pa.string(), pa.int64(), pa.timestamp("us", "UTC")), strict=True
        )
    ]
)


def probe_sql(product: DataProduct, model: SqlModel, contracts: Mapping[str, Contract]) -> Probe:
    """What binding a dbt model against empty inputs tells of it."""
    bound = _binding(product, model, contracts)
    return probed.not_probed(product, bound) if isinstance(bound, str) else bound.probe()


def trace_sql(product: DataProduct, model: SqlModel, contracts: Mapping[str, Contract]) -> Probe:
    """Where the columns of a dbt model come from, by its text alone."""
    bound = _binding(product, model, contracts)
    return probed.not_probed(product, bound) if isinstance(bound, str) else bound.trace()


def _binding(
    product: DataProduct, model: SqlModel, contracts: Mapping[str, Contract]
) -> _Binding | str:
    """The model with its queries; or why there are none."""
    files = files_behind(model, product.id.domain)
    if files is None:
        return "its model's file is gone"
    try:
        queries = {item.name: _query(item) for item in reversed(files.models)}
    except jinja2.TemplateError as error:
        return f"only dbt can expand it: {error.message}"
    return _Binding(product, model, contracts, queries)


def _query(model: Model) -> str:
    text = plain_sql(
        model.sql,
        source=lambda source, table: f'"{source}"."{table}"',
        ref=lambda name: f'"{SCHEMA}"."{name}"',
    )
    return text.strip().removesuffix(";")


@dataclass(slots=True)
class _Binding:
    """One model being bound. `queries` are by model, those that others stand on first."""

    product: DataProduct
    model: SqlModel
    contracts: Mapping[str, Contract]
    queries: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    added: dict[str, list[str]] = field(default_factory=dict)

    def probe(self) -> Probe:
        import duckdb

        while True:
            try:
                schema, asked = self._bound()
            except (duckdb.BinderException, duckdb.ParserException) as error:
                if not self._is_mended(str(error)):
                    return self._broken(str(error))
            except duckdb.Error as error:
                return probed.not_probed(self.product, _headline(str(error)))
            else:
                return self._probe(schema, asked)

    def trace(self) -> Probe:
        found = self._lineage()
        return Probe(str(self.product.id), origins=found.columns, rows=found.rows)

    def _lineage(self) -> SqlLineage:
        tables = {port: tuple(self._schema(port).names) for port in self.product.inputs}
        return lineage_of(self.queries, self.model.name, tables)

    def _probe(self, schema: pa.Schema, asked: Mapping[str, frozenset[str]]) -> Probe:
        reads = self._reads(schema, asked)
        different = probed.differing(self.product, schema)
        lineage = self._lineage()
        return Probe(
            product=str(self.product.id),
            problems=(*self.problems, *probed.contract_problems(self.product, different)),
            notes=probed.unused_notes(self.product, reads),
            columns=probed.type_names(schema),
            reads=reads,
            origins={n: found for n, found in lineage.columns.items() if n in schema.names},
            rows=lineage.rows,
        )

    def _reads(self, schema: pa.Schema, asked: Mapping[str, frozenset[str]]) -> dict[str, Reads]:
        """What DuckDB would scan, and what the SQL names without using its values."""
        read = {port: set(asked.get(port, ())) for port in self.product.inputs}
        spare = [
            (port, name)
            for port in self.product.inputs
            for name in self._schema(port).names
            if name not in read[port] and name not in CHANGE_COLUMNS
        ]
        if spare and not self._is_same_without(spare, schema):
            for port, name in spare:
                if not self._is_same_without([(port, name)], schema):
                    read[port].add(name)
        return {
            port: Reads(
                declared.product, frozenset(read[port] - set(CHANGE_COLUMNS)), is_complete=True
            )
            for port, declared in self.product.inputs.items()
        }

    def _is_same_without(self, columns: Collection[tuple[str, str]], schema: pa.Schema) -> bool:
        import duckdb

        try:
            return bool(self._bound(frozenset(columns))[0].equals(schema))
        except duckdb.Error:
            return False

    def _schema(self, port: str) -> pa.Schema:
        """The columns that an input hands over."""
        declared = self.product.inputs[port]
        whole = arrow_schema(self.contracts[declared.product])
        names = whole.names if declared.columns is None else list(declared.columns)
        names = [*(name for name in names if name in whole.names), *self.added.get(port, ())]
        chosen = pa.schema([whole.field(name) for name in names])
        return pa.unify_schemas([chosen, _CHANGES]) if declared.incremental else chosen

    def _bound(
        self, without: Collection[tuple[str, str]] = ()
    ) -> tuple[pa.Schema, dict[str, frozenset[str]]]:
        """The columns that the model makes, and those that it scans of each input."""
        with _empty_duckdb() as connection:
            for port, declared in self.product.inputs.items():
                fields = [f for f in self._schema(port) if (port, f.name) not in without]
                # A table has a column: without any, the model would not be bound for that reason.
                empty = pa.schema(fields or [pa.field("_mesh_nothing", pa.int8())]).empty_table()
                name = declared.id
                connection.register("mesh_input", empty)
                connection.execute(f'create schema if not exists "{name.domain}"')
                connection.execute(
                    f'create table "{name.domain}"."{name.versioned}" as from mesh_input'
                )
                connection.unregister("mesh_input")
            connection.execute(f'create schema if not exists "{SCHEMA}"')
            for model, query in self.queries.items():
                if model != self.model.name:
                    connection.execute(f'create view "{SCHEMA}"."{model}" as {query}')
            query = self.queries[self.model.name]
            asked = self._scanned(connection, query)
            # As dbt makes it: a column of nulls gets a type only in a table.
            connection.execute(f'create table "{SCHEMA}"."{self.model.name}" as {query}')
            made = connection.sql(f'from "{SCHEMA}"."{self.model.name}"')
            return made.to_arrow_table().schema, asked

    def _scanned(
        self, connection: duckdb.DuckDBPyConnection, query: str
    ) -> dict[str, frozenset[str]]:
        connection.execute(f"set disabled_optimizers = '{_HIDING_COLUMNS}'")
        row = connection.execute(f"explain (format json) {query}").fetchone()
        connection.execute("reset disabled_optimizers")
        tables = {
            f"{declared.id.domain}.{declared.id.versioned}": port
            for port, declared in self.product.inputs.items()
        }
        asked: dict[str, frozenset[str]] = {port: frozenset() for port in self.product.inputs}
        for table, columns in _scans(json.loads(row[1]) if row else []):
            port = tables.get(table)
            if port is not None:
                asked[port] |= columns
        return asked

    def _is_mended(self, said: str) -> bool:
        """Whether a column was missed that an input could declare: it is a problem, and added."""
        named = {name.rpartition(".")[2] for name in _QUOTED.findall(_headline(said))}
        missed = [
            (port, name)
            for port, declared in self.product.inputs.items()
            for name in self.contracts[declared.product].column_names
            if name in named and name not in self._schema(port).names
        ]
        for port, name in missed:
            self.problems.append(probed.undeclared_problem(self.product, port, name))
            self.added.setdefault(port, []).append(name)
        return bool(missed) and len(self.problems) < _MOST_UNDECLARED

    def _broken(self, said: str) -> Probe:
        what = _headline(said)
        if self.problems:
            return Probe(str(self.product.id), tuple(self.problems), unknown=what)
        hint = "mend the model, or what its inputs declare"
        problem = Problem(f"its SQL cannot be bound: {what}", probed.place(self.product), hint)
        return Probe(str(self.product.id), (problem,), unknown=what)


def _empty_duckdb() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set python_enable_replacements = false")
    connection.execute("set enable_external_access = false")
    return connection


def _scans(nodes: list[Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """The tables that an explained plan scans, as `schema.table`, and which of their columns."""
    for node in nodes:
        told = node.get("extra_info", {})
        if isinstance(told, dict) and "Projections" in told and "Table" in told:
            columns = told["Projections"]
            names = columns if isinstance(columns, list) else [columns] if columns else []
            yield told["Table"].partition(".")[2], frozenset(names)
        yield from _scans(node.get("children", []))


def _headline(said: str) -> str:
    """What DuckDB says first: where in the text it is follows."""
    return said.strip().splitlines()[0]
