"""Contracts written as Pandera models.

Owns `mesh.Contract`, which *is* a `pandera.polars.DataFrameModel`, `mesh.Field`, and the way from a
model to the one frozen `contracts.model.Contract`. Pandera's fields, `@check` and
`@dataframe_check` all work; what a data product cannot honour (optional columns, coercion, silent
dropping of rows) is refused when the contract is loaded.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import pandera.backends.polars.builtin_checks  # noqa: F401 -- registers before any field is copied
import pandera.polars as pa
import polars as pl
from pandera.api.polars.model_config import BaseConfig

from mesh.contracts import arrow, wording
from mesh.contracts.expressions import check_of, is_row_wise, recorded_expression
from mesh.contracts.model import (
    Classification,
    Column,
    Rule,
    Scope,
    Severity,
    Version,
    distinct_rules,
)
from mesh.contracts.model import (
    Contract as ContractValue,
)
from mesh.contracts.pandera_config import OWN_OPTIONS, in_order, stated_rules
from mesh.contracts.rules import (
    RowCount,
    builtin,
    fused_ranges,
    not_null,
    references,
    row_count,
    unique,
)
from mesh.contracts.soundness import soundness_problems
from mesh.contracts.value_checks import ValueCheck
from mesh.contracts.value_rules import FIELD_CHECKS, value_rule
from mesh.errors import ContractDefinitionError, DefinitionError, Problem
from mesh.naming import ProductId, column_name_problems

if TYPE_CHECKING:
    UTCDatetime: TypeAlias = datetime
else:
    UTCDatetime = Annotated[pl.Datetime, "us", "UTC"]
"""A moment in UTC, to the microsecond: the type of a contract's timestamps."""

check = pa.check
"""Pandera's decorator: a method of a contract that checks the columns it names."""
dataframe_check = pa.dataframe_check
"""Pandera's decorator: a method of a contract that checks columns against each other."""
_MESH = "mesh"
_UNSUPPORTED_FIELD_OPTIONS = {
    "coerce": "cast in the transform instead",
    "default": "fill nulls in the transform instead",
    "regex": "name each column",
}
_UNSUPPORTED_CONFIG_OPTIONS = {
    "add_missing_columns": "add them in the transform instead",
    "coerce": "cast in the transform instead",
    "drop_invalid_rows": "use on_violation=mesh.Quarantine(…): it loses no row",
    "dtype": "annotate each column",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that takes its values from another product's column.

    `to` is `domain.product_v1.column`. With severity `warning`, values that are not there are
    counted and shown; with `error`, they refuse the publication. Nulls refer to nothing.
    """

    to: str
    severity: str = "error"


def Field(  # noqa: N802, PLR0913 -- Pandera's own name and shape, with Mesh's words added
    *,
    key: bool | int = False,
    unit: str = "",
    classification: str = "",
    references: str | Reference | None = None,
    renamed_from: str = "",
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    **checks: Any,
) -> Any:
    """One column of a contract: everything that `pandera.polars.Field` takes, and Mesh's own words.

    Args:
        key: whether the column is part of the key; the key's order is the columns' order, unless
            each of its columns has a number instead.
        unit: unit of measure, in UCUM where there is one (`degF`, `min`).
        classification: `public`, `internal`, `confidential` or `personal`; `internal` where
            nothing is said.
        references: `domain.product_v1.column` whose values these are, or a `mesh.Reference`.
        renamed_from: the name that the column had in the version before.
        description: what a reader of the data should know.
        metadata: anything else, kept with the column.
        checks: Pandera's arguments, such as `ge`, `isin`, `str_matches`, `nullable`, `unique`,
            `raise_warning` (which makes the column's checks warnings); and Mesh's own checks:
            `format="email"`, `pattern="^[A-Z]"` (ECMA-262), `multiple_of=5`,
            `item_count={"at_least": 1, "at_most": 3}`, `unique_items=True`,
            `required_fields=["city"]`, `field_count={"at_least": 1}`.
    """
    added = [_own_check(name, checks) for name in FIELD_CHECKS if name in checks]
    reference = Reference(references) if isinstance(references, str) else references
    own = {
        "key": key,
        "unit": unit,
        "classification": classification,
        "reference": reference,
        "renamed_from": renamed_from,
    }
    info = pa.Field(description=description, metadata={**(metadata or {}), _MESH: own}, **checks)
    info.checks += [check for check in added if check is not None]
    return info


def _own_check(name: str, options: dict[str, Any]) -> pa.Check | None:
    """One of Mesh's own checks, taken out of a field's options; None for one that is off."""
    value, argument = options.pop(name), FIELD_CHECKS[name]
    if value is None or value is False:
        return None
    arguments = {argument: value} if argument else value if isinstance(value, dict) else {}
    rule = value_rule(
        "",
        name,
        arguments,
        severity=Severity.WARNING if options.get("raise_warning") else Severity.ERROR,
        is_null_ignored=options.get("ignore_na", True),
    )
    return check_of(rule)


class Contract(pa.DataFrameModel):
    """What a product promises, written as a Pandera model. Columns it does not name are refused.

    The inner `Config` takes Pandera's options, `version` ("1.0.0" by default; the major is the
    product's major), `row_count`, a `mesh.RowCount`, and `rules`, a list of rules that no field has
    a word for: `mesh.metric`, `mesh.sql`, `mesh.compare`, or any other `mesh.Rule`. `name` and
    `description` stand for the class's own, `rule_order` has the ids of rules in the order in which
    they are told.
    """

    class Config(BaseConfig):
        """Pandera's configuration."""

        strict = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take Mesh's own options out of `Config`, where Pandera would look for checks."""
        if config := cls.__dict__.get("Config"):
            options = _options(config)
            for option in OWN_OPTIONS & set(options):
                setattr(cls, f"__mesh_{option}__", options.pop(option))
            cls.Config = type("Config", (), options)  # type: ignore[misc, assignment]
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call]


def _options(config: type) -> dict[str, Any]:
    """What a `Config` says, itself or by the classes that it derives from."""
    own = [base for base in reversed(config.__mro__) if base not in {object, BaseConfig}]
    return {n: v for base in own for n, v in vars(base).items() if not n.startswith("__")}


def load(model: type[pa.DataFrameModel]) -> ContractValue:
    """The contract that a Pandera model declares.

    Raises ContractDefinitionError that lists every problem, each with its column.
    """
    try:
        schema = model.to_schema()
    except _REFUSALS as error:
        raise ContractDefinitionError(
            [Problem(str(error), where=_where(model), hint="see Pandera's documentation")]
        ) from error
    reader = _Reader(model, schema)
    contract = reader.read()
    if reader.problems:
        raise ContractDefinitionError(reader.problems)
    return contract


_REFUSALS = (
    pa.errors.SchemaInitError,
    pa.errors.SchemaDefinitionError,
    AttributeError,  # an option of Config that neither Pandera nor Mesh knows
    TypeError,
    ValueError,
    re.error,
)
"""What Pandera raises about a model that it cannot make a schema of."""


class _Reader:
    """Reads one model, and collects what is wrong with it."""

    def __init__(self, model: type[pa.DataFrameModel], schema: pa.DataFrameSchema) -> None:
        self.model = model
        self.schema = schema
        self.problems: list[Problem] = []

    def read(self) -> ContractValue:
        columns: list[Column] = []
        rules: list[Rule] = []
        for name, column in self.schema.columns.items():
            columns.append(self._column(str(name), column, len(columns)))
            rules.extend(self._column_rules(columns[-1], column))
        contract = ContractValue(
            name=str(getattr(self.model, "__mesh_name__", self.model.__name__)),
            version=self._version(),
            description=_description(self.model),
            columns=tuple(columns),
            rules=(),
            is_strict=self.schema.strict is True,
        )
        rules.extend(self._set_rules(contract))
        rules.extend(self._dataframe_rules())
        rules.extend(self._stated_rules(contract))
        self._check_options(contract)
        contract = replace(contract, rules=in_order(distinct_rules(rules), self.model))
        if not self.problems:  # a rule on a column that is wrong itself tells nothing more
            for problem in soundness_problems(contract):
                self._problem(problem.what, problem.where, problem.hint)
        return contract

    def _problem(self, what: str, column: str = "", hint: str = "") -> None:
        where = f"{_where(self.model)}.{column}" if column else _where(self.model)
        self.problems.append(Problem(what, where=where, hint=hint))

    def _version(self) -> Version:
        text = getattr(self.model, "__mesh_version__", "1.0.0")
        try:
            return Version.parse(str(text))
        except ValueError as error:
            self._problem(str(error), "Config", hint='write version = "1.0.0"')
            return Version(1, 0, 0)

    def _column(self, name: str, column: pa.Column, position: int) -> Column:
        own = (column.metadata or {}).get(_MESH, {})
        for problem in column_name_problems(name):
            self._problem(problem.what, name, problem.hint)
        if _position(own, position) is not None and column.nullable:
            self._problem("a key column cannot be nullable", name, "leave nullable=True out")
        reference = own.get("reference")
        if reference:
            self._check_reference(name, reference)
        return Column(
            name=name,
            type=self._type(name, column),
            is_nullable=bool(column.nullable),
            key_position=_position(own, position),
            description=column.description or "",
            unit=own.get("unit", ""),
            classification=self._classification(name, own.get("classification") or "internal"),
            references=reference.to if reference else "",
            renamed_from=own.get("renamed_from", ""),
            is_class_said=bool(own.get("classification")),
        )

    def _type(self, name: str, column: pa.Column) -> str:
        if column.dtype is None:
            self._problem("it has no type", name, "annotate it")
            return "string"
        polars_type = column.dtype.type
        if hint := _replacement(polars_type):
            self._problem(f"type {polars_type} cannot be promised", name, hint)
        try:
            return arrow.type_name(pl.Series([], dtype=polars_type).to_arrow().type)
        except (ValueError, pl.exceptions.PolarsError) as error:
            self._problem(f"type {polars_type} cannot be promised: {error}", name, _type_hint())
            return "string"

    def _check_reference(self, name: str, reference: Reference) -> None:
        product, _, column = reference.to.rpartition(".")
        try:
            ProductId.parse(product)
            is_column = not column_name_problems(column)
        except DefinitionError:
            is_column = False
        if not is_column:
            hint = "write domain.product_v1.column"
            self._problem(f"{reference.to!r} is no column of a product", name, hint)
        if reference.severity not in set(Severity):
            known = ", ".join(Severity)
            self._problem(f"severity {reference.severity!r} is not one of {known}", name)

    def _classification(self, name: str, value: str) -> Classification:
        try:
            return Classification(value)
        except ValueError:
            known = ", ".join(Classification)
            self._problem(f"classification {value!r} is not one of {known}", name)
            return Classification.CONFIDENTIAL

    def _column_rules(self, column: Column, declared: pa.Column) -> Iterable[Rule]:
        if not column.is_nullable:
            yield not_null(column.name)
        if isinstance(declared.dtype.type if declared.dtype else None, pl.Enum):
            categories = declared.dtype.type.categories.to_list()
            yield builtin("isin", {"allowed_values": categories}, column.name)
        own = (declared.metadata or {}).get(_MESH, {})
        yield from fused_ranges(
            [self._check(check, column.name) for check in declared.checks], column.name
        )
        if declared.unique:
            yield unique((column.name,))
        reference = own.get("reference")
        if reference and reference.severity in set(Severity):
            yield references(column.name, reference.to, Severity(reference.severity))

    def _check(self, check: pa.Check, column: str) -> Rule:
        severity = Severity.WARNING if check.raise_warning else Severity.ERROR
        if isinstance(own := check._check_fn, ValueCheck):  # noqa: SLF001
            return value_rule(
                column,
                own.name,
                own.arguments,
                severity=severity,
                is_null_ignored=check.ignore_na,
                description=check.description or "",
            )
        if pa.Check.is_builtin_check(check.name or ""):
            return builtin(
                str(check.name),
                dict(check.statistics or {}),
                column,
                severity=severity,
                is_null_ignored=check.ignore_na,
                description=check.description or "",
            )
        return custom(check, column)

    def _set_rules(self, contract: ContractValue) -> Iterable[Rule]:
        declared = self.schema.unique or []
        groups = [declared] if all(isinstance(name, str) for name in declared) else declared
        stated = {frozenset([name]) for name, c in self.schema.columns.items() if c.unique}
        for group in (contract.key, *map(tuple, groups)):
            if group and frozenset(group) not in stated:
                stated.add(frozenset(group))
                yield unique(group)
        bounds = getattr(self.model, "__mesh_row_count__", None)
        if isinstance(bounds, RowCount):
            yield row_count(bounds)
        elif bounds is not None:
            hint = "write row_count = mesh.RowCount(at_least=1)"
            self._problem(f"row_count is {bounds!r}, not a mesh.RowCount", "Config", hint)

    def _dataframe_rules(self) -> Iterable[Rule]:
        return [custom(check, None) for check in self.schema.checks]

    def _stated_rules(self, contract: ContractValue) -> Iterable[Rule]:
        rules, problems = stated_rules(self.model, contract)
        for problem in problems:
            self._problem(problem.what, "Config", problem.hint)
        return rules

    def _check_options(self, contract: ContractValue) -> None:
        for name, column in self.schema.columns.items():
            for option, hint in _UNSUPPORTED_FIELD_OPTIONS.items():
                if getattr(column, option, None) not in {None, False}:
                    value = getattr(column, option)
                    self._problem(f"{option}={value!r} has no meaning in a contract", name, hint)
            if not column.required:
                self._problem("a promised column cannot be optional", name, "nullable=True")
            if any(check.groupby is not None for check in column.checks):
                self._problem("a check cannot group", name, "use @mesh.dataframe_check")
        for option, hint in _UNSUPPORTED_CONFIG_OPTIONS.items():
            if value := getattr(self.schema, option, None):
                self._problem(f"{option}={value!r} has no meaning in a contract", "Config", hint)
        if not contract.columns:
            self._problem("it promises no columns")
        if len(contract.columns) < len(_annotated(self.model)):
            self._problem("two fields are the same column", hint="give each another alias")


def custom(check: pa.Check, column: str | None) -> Rule:
    """The rule of a function of the domain's own.

    It is decided row by row when the function is an expression over the row's own values, and on
    the whole set otherwise (a total, a window, a collected frame).
    """
    expression = recorded_expression(check, column)
    is_by_row = expression is not None and (check.element_wise or is_row_wise(expression))
    name = check.name or "check"
    return Rule(
        id=wording.identifier(column or "", name),
        text=wording.custom(check, column),
        check="custom",
        columns=(column,) if column else (),
        arguments={"function": name, "source": _source(check)},
        severity=Severity.WARNING if check.raise_warning else Severity.ERROR,
        scope=Scope.ROW if is_by_row else Scope.SET,
        is_null_ignored=check.ignore_na,
        description=check.description or "",
        function=check,
    )


def _source(check: pa.Check) -> str:
    """The text of a custom check, so that changing it changes the contract's digest."""
    function = inspect.unwrap(check._check_fn)  # noqa: SLF001
    # Pandera wraps a decorated function in one of its own, which is the same text for all.
    declared = inspect.getclosurevars(function).nonlocals.get("self")
    try:
        return inspect.cleandoc(inspect.getsource(getattr(declared, "check_fn", function)))
    except (OSError, TypeError):
        return ""


def _position(own: Mapping[str, Any], position: int) -> int | None:
    """Where a column stands in the key: by its own number, or by its place in the contract."""
    key = own.get("key", False)
    if isinstance(key, bool):
        return position if key else None
    return int(key)


def _description(model: type[pa.DataFrameModel]) -> str:
    written = getattr(model, "__mesh_description__", None)
    return inspect.cleandoc(model.__doc__ or "") if written is None else str(written)


def _where(model: type[pa.DataFrameModel]) -> str:
    return f"{model.__module__}.{model.__name__}"


def _replacement(polars_type: Any) -> str:
    """What to write instead of a type that would be stored as another; empty when it is fine."""
    if isinstance(polars_type, pl.Array):
        return "use Annotated[pl.List, …]: Delta does not keep the length of an array"
    if isinstance(polars_type, pl.Datetime) and polars_type.time_zone not in {None, "UTC"}:
        return "use mesh.UTCDatetime: moments are kept in UTC"
    return ""


def _annotated(model: type[pa.DataFrameModel]) -> set[str]:
    """The names of the fields that a model and its bases declare."""
    declared = (name for base in model.__mro__ for name in vars(base).get("__annotations__", ()))
    return {name for name in declared if not name.startswith("_") and name != "Config"}


def _type_hint() -> str:
    return (
        "use str, bool, int, float, date, mesh.UTCDatetime, timedelta, pl.Int32, "
        "Annotated[pl.Decimal, 12, 2], Annotated[pl.List, pl.String], Annotated[pl.Struct, {…}]"
    )
