"""Declaring a data product: a function, a contract, and terms.

Owns `data_product`, which marks a function without changing it, and `DataProduct`, the frozen value
that everything else works with. A declaration knows no domain until `products.collection` binds it
to the folder that it was found in.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mesh.contracts.model import Contract, Rule, distinct_rules
from mesh.contracts.rules import Target, data_test
from mesh.errors import DefinitionError, Problem
from mesh.naming import ProductId, product_name_problems, split_versioned
from mesh.products import expectations, stated_lineage
from mesh.products.modes import (
    Overwrite,
    ReplacePartitions,
    WriteMode,
    problems_of,
    rules_of,
)
from mesh.products.ports import (
    Access,
    Freshness,
    Input,
    OnViolation,
    Partitions,
    Refuse,
)
from mesh.products.retention import Retention

if TYPE_CHECKING:
    from mesh.contracts.odcs.model import Kept
    from mesh.contracts.pandera import Contract as ContractModel

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__mesh_declaration__"
_NO_PARTITION = ("list<", "struct<", "binary")
_NO_ORDER = ("list<", "struct<")
_TIMES = ("date", "timestamp", "local_timestamp")


@dataclass(frozen=True, slots=True)
class SqlModel:
    """A dbt model that makes a product, by its file and its name in dbt."""

    path: Path
    name: str
    data_tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataProduct:
    """One product as everything else sees it.

    `kept` is what its ODCS document says and Mesh does not enforce.
    """

    id: ProductId
    contract: Contract
    transform: Callable[..., Any] | SqlModel
    description: str = ""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    on_violation: OnViolation = field(default_factory=Refuse)
    write: WriteMode = field(default_factory=Overwrite)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    partitions: Partitions | None = None
    freshness: Freshness | None = None
    retention: Retention | None = None
    schedule: str = ""
    access: Access = Access.PROTECTED
    tags: Mapping[str, str] = field(default_factory=dict)
    deprecated: date | None = None
    successor: str = ""
    lineage: stated_lineage.StatedLineage = field(default_factory=dict)
    source: str = ""
    code_version: str = ""
    kept: tuple[Kept, ...] = ()

    @property
    def engine(self) -> str:
        """What runs the transform: `python` or `dbt`."""
        return "dbt" if isinstance(self.transform, SqlModel) else "python"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Everything that a publication is held against, each with an id of its own.

        The contract's rules, those of the write mode, dbt's data tests of the model, and what is
        expected of inputs.
        """
        tests = self.transform.data_tests if isinstance(self.transform, SqlModel) else ()
        named = (data_test(name) for name in tests)
        expected = (item.rule for item in expectations.expectations(self.inputs))
        return distinct_rules((*self.contract.rules, *self.write_rules, *named, *expected))

    @property
    def write_rules(self) -> tuple[Rule, ...]:
        """What the write mode cannot do without, unless the contract promises it already."""
        return rules_of(self.write, self.contract)

    @property
    def referenced(self) -> tuple[ProductId, ...]:
        """Products whose columns this one's contract refers to, without those that it reads."""
        read = {port.id for port in self.inputs.values()}
        found = {
            ProductId.parse(Target.of(rule).product)
            for rule in self.contract.rules
            if rule.check == "references"
        }
        return tuple(sorted(found - read - {self.id}))

    def as_json(self) -> dict[str, Any]:
        """The declaration as plain values, without contract and function."""
        return {
            "product": str(self.id),
            "description": self.description,
            "inputs": {
                name: {
                    "product": port.product,
                    "columns": list(port.columns) if port.columns is not None else None,
                    "purpose": port.purpose,
                    "incremental": port.incremental,
                    "expects": expectations.as_plain(port),
                }
                for name, port in self.inputs.items()
            },
            "write": self.write.name,
            "partition_by": list(self.partition_by),
            "cluster_by": list(self.cluster_by),
            "partitions": "" if self.partitions is None else str(self.partitions),
            "tolerance": self.on_violation.tolerance,
            "freshness": self.freshness.within if self.freshness else "",
            "retention": self.retention.as_json() if self.retention else None,
            "schedule": self.schedule,
            "access": str(self.access),
            "tags": dict(self.tags),
            "deprecated": self.deprecated.isoformat() if self.deprecated else "",
            "successor": self.successor,
            "lineage": {name: list(said) for name, said in self.lineage.items()},
            "engine": self.engine,
            "source": self.source,
            "code_version": self.code_version,
        }


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `data_product` was told, before the domain is known."""

    function: Callable[..., Any]
    contract: type[ContractModel] | Contract | str | Path
    options: Mapping[str, Any]

    def bind(self, domain: str, root: Path) -> DataProduct:
        """The product of a domain. Raises DefinitionError that lists every problem."""
        where = f"{self.function.__module__}.{self.function.__qualname__}"
        name, major = split_versioned(self.function.__name__)
        inputs = self.options["inputs"]
        problems = [replace(p, where=where) for p in product_name_problems(name)]
        problems += _parameter_problems(self.function, inputs, where)
        try:
            promised = self._promised(domain)
        except DefinitionError as error:
            raise DefinitionError([*error.problems, *problems]) from error
        contract = promised.contract
        if major is not None and major != contract.version.major:
            problems.append(
                Problem(
                    f"the function says v{major}, its contract says {contract.version}",
                    where=where,
                    hint="give both the same major",
                )
            )
        if product_name_problems(name):
            raise DefinitionError(problems)
        product = DataProduct(
            id=ProductId(domain, name, contract.version.major),
            contract=contract,
            transform=self.function,
            description=_description(self.function, contract),
            source=_source_path(self.function, root),
            code_version=code_version(self.function, contract),
            kept=promised.kept,
            **promised.options,
        )
        problems += declaration_problems(product, where)
        problems += _partition_problems(self.function, product, where)
        if problems:
            raise DefinitionError(problems)
        return product

    def _promised(self, domain: str) -> _Promised:
        """The contract, and the terms as they are with it. Raises DefinitionError."""
        if isinstance(self.contract, Contract):
            return _Promised(self.contract, self.options)
        if isinstance(self.contract, str | Path):
            from mesh.products.odcs_file import OdcsFile, terms_of

            file = OdcsFile.of(self.contract, self.function)
            found = file.contract(domain, self.function.__name__)
            return _Promised(found.contract, terms_of(found, self.options), found.kept)
        from mesh.contracts.pandera import load

        return _Promised(load(self.contract), self.options)


@dataclass(frozen=True, slots=True)
class _Promised:
    """A contract, the options of its declaration, and what of its document is not enforced."""

    contract: Contract
    options: Mapping[str, Any]
    kept: tuple[Kept, ...] = ()


def data_product(  # noqa: PLR0913 -- each is a part of the declaration, all by keyword
    *,
    contract: type[ContractModel] | Contract | str | Path,
    inputs: Mapping[str, Input] | None = None,
    on_violation: OnViolation | None = None,
    write: WriteMode | None = None,
    partition_by: Sequence[str] = (),
    cluster_by: Sequence[str] = (),
    partitions: Partitions | None = None,
    freshness: Freshness | None = None,
    retention: Retention | None = None,
    schedule: str = "",
    access: Access | str = Access.PROTECTED,
    tags: Mapping[str, str] | None = None,
    deprecated: date | str | None = None,
    successor: str = "",
    lineage: Mapping[str, Sequence[str]] | None = None,
) -> Callable[[Function], Function]:
    """Declare that a function makes a data product. The function itself is not changed.

    Args:
        contract: the promise; its version's major is the product's. An ODCS file counts from the
            module's folder: `orders.odcs.yaml`, or `shop.odcs.yaml#orders` for one of its tables.
            Without `#`, it is the table with the product's name.
        inputs: input ports by parameter name.
        on_violation: `Refuse()` (default) or `Quarantine(tolerance)`.
        write: `Overwrite()` (default), `Append()`, `ReplacePartitions(by=…)`, `Upsert(on=…)` or
            `SlowlyChanging(key=…, valid_from=…, valid_to=…)`.
        partition_by: columns by which the table's files are laid out.
        cluster_by: columns that readers filter on: upkeep sorts the rows by one, or lays those of
            several on a Z-order curve.
        partitions: what is run one at a time: `MonthlyPartitions`, `DailyPartitions` or
            `StaticPartitions`. The function takes the key as `partition`, and its rows replace
            that partition: `write` is `ReplacePartitions(by=…)`.
        freshness: how old the last publication may be.
        retention: how long rows are kept by a column, `Retention("3y", column="ordered_at")`, or
            versions of the table, `Retention("90d")`.
        schedule: a cron expression, in UTC, for a product that has no inputs to wait for.
        access: `private`, `protected` (default) or `public`.
        tags: anything to find it by.
        deprecated: the last day of this major, `2027-06-30`: after it, nobody new may read it.
        successor: the product to use instead, `weather.observations_v2`.
        lineage: columns that a column is made from, where the transform does not show it:
            `{"risk_band": ["weather.observations_v1.wind_speed_mph"]}`.
    """
    mode = write or Overwrite()
    options = {
        "inputs": dict(inputs or {}),
        "on_violation": on_violation or Refuse(),
        "write": mode,
        "partition_by": _partition_columns(mode, partition_by),
        "cluster_by": (cluster_by,) if isinstance(cluster_by, str) else tuple(cluster_by),
        "partitions": partitions,
        "freshness": freshness,
        "retention": retention,
        "schedule": schedule,
        "access": Access(access),
        "tags": dict(tags or {}),
        "deprecated": date.fromisoformat(deprecated) if isinstance(deprecated, str) else deprecated,
        "successor": successor,
        "lineage": {name: tuple(said) for name, said in (lineage or {}).items()},
    }

    def mark(function: Function) -> Function:
        setattr(function, _MARK, Declaration(function, contract, options))
        return function

    return mark


def declaration_of(candidate: object) -> Declaration | None:
    """What `data_product` said about a function; None when it said nothing."""
    found = getattr(candidate, _MARK, None)
    return found if isinstance(found, Declaration) else None


def declaration_problems(product: DataProduct, where: str) -> list[Problem]:
    """What is wrong with a product by itself, without looking at any other."""
    names = product.contract.column_names
    named = {"partition_by": product.partition_by, "cluster_by": product.cluster_by}
    problems = [
        Problem(
            f"{option} names {column!r}, which is not a column of the contract",
            where=where,
            hint=f"columns are {', '.join(names)}",
        )
        for option, columns in named.items()
        for column in columns
        if column not in names
    ]
    problems += problems_of(product.write, product.contract, product.partition_by, where)
    problems += [
        Problem(f"{column.name!r} is a {column.type}: files cannot be laid out by it", where=where)
        for column in product.contract.columns
        if column.name in product.partition_by and column.type.startswith(_NO_PARTITION)
    ]
    problems += _upkeep_problems(product, where)
    problems += stated_lineage.problems_of(product.lineage, product.contract, product.inputs, where)
    if set(product.partition_by) == set(names):
        problems.append(Problem("partition_by leaves no column for the files", where=where))
    for name, port in product.inputs.items():
        problems += _input_problems(port, f"{where}, input {name!r}")
        problems += _incremental_problems(port, product, f"{where}, input {name!r}")
        problems += expectations.problems_of(port, f"{where}, input {name!r}")
    return problems


def _upkeep_problems(product: DataProduct, where: str) -> list[Problem]:
    """What is wrong with what upkeep is told."""
    types = {column.name: column.type for column in product.contract.columns}
    problems = [
        Problem(f"{name!r} is a {types[name]}: rows cannot be ordered by it", where=where)
        for name in product.cluster_by
        if types.get(name, "").startswith(_NO_ORDER)
    ]
    problems += [
        Problem(f"cluster_by names {name!r}, which partition_by does already", where=where)
        for name in product.cluster_by
        if name in product.partition_by
    ]
    column = product.retention.column if product.retention else ""
    if column and column not in types:
        hint = f"columns are {', '.join(types)}"
        what = f"Retention(column) names {column!r}, which is not a column of the contract"
        problems.append(Problem(what, where=where, hint=hint))
    elif column and types[column] not in _TIMES:
        what = f"Retention(column) names {column!r}, which is a {types[column]}"
        problems.append(Problem(what, where=where, hint="name a date or a time"))
    return problems


def code_version(function: Callable[..., Any], contract: Contract | None = None) -> str:
    """A digest of the module that a function is written in, and of a contract beside it.

    Empty when the function has no source.
    """
    module = sys.modules.get(function.__module__)
    if module is None:
        return ""
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return ""
    if contract is not None and contract.document:
        from mesh.products.odcs_file import promised_text

        source += promised_text(contract)
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _partition_columns(mode: WriteMode, declared: Sequence[str]) -> tuple[str, ...]:
    columns = (declared,) if isinstance(declared, str) else tuple(declared)
    return columns or (tuple(mode.by) if isinstance(mode, ReplacePartitions) else ())


def _description(function: Callable[..., Any], contract: Contract) -> str:
    module = sys.modules.get(function.__module__)
    of_module = (inspect.getdoc(module) if module else "") or ""
    # A document says what its table is; a module may hold the functions of many.
    ranked = (contract.description, of_module) if contract.document else (of_module,)
    return inspect.getdoc(function) or next(filter(None, ranked), contract.description)


def _source_path(function: Callable[..., Any], root: Path) -> str:
    file = inspect.getsourcefile(inspect.unwrap(function))
    if file is None:
        return ""
    path = Path(file).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _input_problems(port: Input, where: str) -> list[Problem]:
    try:
        _ = port.id
    except DefinitionError as error:
        return [Problem(p.what, where=where, hint=p.hint) for p in error.problems]
    columns = port.columns
    if columns is not None and not columns:
        return [Problem("it declares no columns", where=where, hint="leave columns out for all")]
    if columns is not None and len(set(columns)) < len(columns):
        return [Problem("it declares a column twice", where=where, hint="once is enough")]
    return []


def _incremental_problems(port: Input, product: DataProduct, where: str) -> list[Problem]:
    """Changed rows are no use to a product that is made of whole tables, or of whole partitions."""
    if not port.incremental:
        return []
    if isinstance(product.write, Overwrite):
        hint = "write=mesh.Append() or mesh.Upsert(on=[…]), or read it as a whole"
        return [Problem("it is incremental, and each publication is the whole", where, hint)]
    others = (other for other in product.inputs.values() if not other.incremental)
    if isinstance(product.write, ReplacePartitions) and all(
        other.product != port.product for other in others
    ):
        hint = f'add an input that is not incremental: mesh.Input("{port.product}")'
        what = "changed rows alone would replace whole partitions"
        return [Problem(what, where, hint)]
    return []


def _parameter_problems(
    function: Callable[..., Any], inputs: Mapping[str, Input], where: str
) -> list[Problem]:
    parameters = inspect.signature(function).parameters
    problems = [
        Problem(
            f"parameter {name!r} has no input",
            where=where,
            hint=f'add it: inputs={{"{name}": mesh.Input("domain.product_v1")}}',
        )
        for name, parameter in parameters.items()
        if name not in inputs
        and parameter.default is inspect.Parameter.empty
        and name != "partition"
    ]
    problems += [
        Problem(f"input {name!r} is not a parameter of the function", where=where)
        for name in inputs
        if name not in parameters
    ]
    return problems


def _partition_problems(
    function: Callable[..., Any], product: DataProduct, where: str
) -> list[Problem]:
    taken = inspect.signature(function).parameters.get("partition")
    if "partition" in product.inputs:
        return [Problem("an input cannot be called 'partition'", where=where, hint="rename it")]
    if product.partitions is None:
        if taken is None or taken.default is not inspect.Parameter.empty:
            return []
        hint = 'partitions=mesh.MonthlyPartitions(start="2013-01")'
        return [Problem("parameter 'partition' has no partitions", where=where, hint=hint)]
    problems = []
    if taken is None:
        hint = "add the parameter `partition: str`"
        problems.append(Problem("the function takes no partition", where=where, hint=hint))
    if not isinstance(product.write, ReplacePartitions):
        hint = "write=mesh.ReplacePartitions(by=…)"
        problems.append(Problem("a run would replace every partition", where=where, hint=hint))
    return problems
