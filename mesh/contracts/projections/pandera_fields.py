"""Columns of a contract as annotations and `mesh.Field`, and which of its rules these say.

Owns the choice: a rule is said in a field only if reading the field gives exactly this rule, with
its name, words and severity. All others are left to `Config`.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mesh.contracts.arrow import arrow_type
from mesh.contracts.expressions import check_of
from mesh.contracts.model import Column, Contract, Rule, Severity
from mesh.contracts.projections.python_text import call, literal, named
from mesh.contracts.rules import builtin, not_null, references, unique
from mesh.contracts.value_rules import FIELD_CHECKS, value_rule

FIELD_WORDS: Mapping[str, str] = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
    "in_range": "in_range",
    "isin": "isin",
    "notin": "notin",
    "str_contains": "str_contains",
    "str_endswith": "str_endswith",
    "str_matches": "str_matches",
    "str_length": "str_length",
    "str_startswith": "str_startswith",
    "unique_values_eq": "unique_values_eq",
}
"""Pandera's built-in checks and what its fields call them, in the order in which it adds them."""
_ORDER = (*FIELD_WORDS.values(), *FIELD_CHECKS)
_BOUNDS = frozenset({"gt", "ge", "lt", "le", "in_range"})
_ANNOTATIONS = {
    "int64": "int",
    "float64": "float",
    "string": "str",
    "boolean": "bool",
    "date": "date",
    "timestamp": "mesh.UTCDatetime",
    "local_timestamp": "datetime",
    "duration": "timedelta",
}
_POLARS = {
    "int8": "pl.Int8",
    "int16": "pl.Int16",
    "int32": "pl.Int32",
    "int64": "pl.Int64",
    "float32": "pl.Float32",
    "float64": "pl.Float64",
    "string": "pl.String",
    "binary": "pl.Binary",
    "boolean": "pl.Boolean",
    "date": "pl.Date",
    "timestamp": 'pl.Datetime("us", "UTC")',
    "local_timestamp": 'pl.Datetime("us")',
}


@dataclass(slots=True)
class Fields:
    """A contract's columns as source; `said` has the rules that they say, in the reader's order."""

    contract: Contract
    taken: frozenset[str]
    said: list[Rule] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Write every column."""
        for position, column in enumerate(self.contract.columns):
            self.lines.append(self._field(column, position))

    def _field(self, column: Column, position: int) -> str:
        attribute = self._attribute(column.name, position)
        options: dict[str, object] = {}
        if attribute != column.name:
            options["alias"] = column.name
        if column.key_position is not None:
            options["key"] = column.key_position == position or column.key_position
        options |= {"nullable": True} if column.is_nullable else {}
        own = self.contract.rules_of(column.name)
        self.said += [rule for rule in own if _is(rule, not_null(column.name))]
        checks = _Checks(column.name, own)
        options |= checks.options()
        self.said += checks.said
        if self.contract.key != (column.name,):
            stated = [rule for rule in own if _is(rule, unique((column.name,)))]
            options |= {"unique": True} if stated else {}
            self.said += stated
        arguments = [*named(options), *self._reference(column, own), *_words(column)]
        before = f"{attribute}: {_annotation(column.type)} = "
        return call("mesh.Field", arguments, before=before)

    def _reference(self, column: Column, own: Sequence[Rule]) -> Iterator[str]:
        """The first reference, which is the column's own."""
        found = next(
            (rule for rule in own if rule.columns == (column.name,) and _refers(rule)), None
        )
        if found is None:
            return
        self.said.append(found)
        to = literal(found.arguments["to"])
        is_warning = found.severity is Severity.WARNING
        whole = f'mesh.Reference({to}, severity="warning")'
        yield f"references={whole if is_warning else to}"

    def _attribute(self, name: str, position: int) -> str:
        """The column's name, or another where it cannot be an attribute's."""
        if not name.isidentifier() or name.startswith("_"):
            return f"column_{position + 1}"
        if keyword.iskeyword(name) or name in self.taken or name != _normal(name):
            return f"column_{position + 1}"
        return name


@dataclass(slots=True)
class _Checks:
    """The checks of one column that its field says."""

    column: str
    rules: Sequence[Rule]
    said: list[Rule] = field(default_factory=list)

    def options(self) -> dict[str, object]:
        """A field's options for them, in the order in which the reader finds them."""
        found: dict[str, object] = {}
        places: list[tuple[int, Rule]] = []
        flags: tuple[Severity, bool] | None = None
        for rule in self.rules:
            words = self._words(rule)
            if not words or words.keys() & found.keys() or _clash(words, found):
                continue
            if flags not in {None, (rule.severity, rule.is_null_ignored)}:
                continue
            flags = (rule.severity, rule.is_null_ignored)
            found |= words
            places.append((min(_ORDER.index(word) for word in words), rule))
        self.said = [rule for _, rule in sorted(places, key=lambda item: item[0])]
        if flags and flags[0] is Severity.WARNING:
            found["raise_warning"] = True
        if flags and not flags[1]:
            found["ignore_na"] = False
        return found

    def _words(self, rule: Rule) -> dict[str, object]:
        """A field's words for a rule; empty where reading them would give another rule."""
        if rule.check in FIELD_CHECKS:
            return self._own_words(rule)
        if rule.check not in FIELD_WORDS:
            return {}
        statistics = dict(check_of(rule).statistics or {})
        natural = builtin(rule.check, statistics, self.column, **_flags(rule))
        if not _is(rule, natural):
            return {}
        if rule.check == "in_range":
            return _bounds(rule.arguments)
        if len(statistics) == 1:
            return {FIELD_WORDS[rule.check]: next(iter(statistics.values()))}
        given = {name: value for name, value in statistics.items() if value is not None}
        return {FIELD_WORDS[rule.check]: given}

    def _own_words(self, rule: Rule) -> dict[str, object]:
        argument = FIELD_CHECKS[rule.check]
        natural = value_rule(self.column, rule.check, rule.arguments, **_flags(rule))
        is_whole = set(rule.arguments) == ({argument} if argument else set(rule.arguments))
        if not _is(rule, natural) or not is_whole:
            return {}
        if argument:
            return {rule.check: rule.arguments[argument]}
        return {rule.check: dict(rule.arguments) or True}


def _flags(rule: Rule) -> dict[str, Any]:
    return {"severity": rule.severity, "is_null_ignored": rule.is_null_ignored}


def _bounds(arguments: Mapping[str, Any]) -> dict[str, object]:
    low = "ge" if arguments["include_min"] else "gt"
    high = "le" if arguments["include_max"] else "lt"
    return {low: arguments["min_value"], high: arguments["max_value"]}


def _clash(words: Mapping[str, object], found: Mapping[str, object]) -> bool:
    """Whether a reader would make one range of two rules."""
    return bool(_BOUNDS & words.keys() and _BOUNDS & found.keys())


def _refers(rule: Rule) -> bool:
    return rule.check == "references" and _is(
        rule, references(rule.columns, rule.arguments["to"], rule.severity)
    )


def _is(rule: Rule, natural: Rule) -> bool:
    return rule.as_json() == natural.as_json()


def _words(column: Column) -> list[str]:
    said = {
        "renamed_from": column.renamed_from,
        "unit": column.unit,
        "classification": str(column.classification) if column.is_classified else "",
        "description": column.description,
    }
    return named({name: value for name, value in said.items() if value})


def _normal(name: str) -> str:
    """A name as Python itself keeps it."""
    import unicodedata

    return unicodedata.normalize("NFKC", name)


def _annotation(kind: str) -> str:
    if kind in _ANNOTATIONS:
        return _ANNOTATIONS[kind]
    data_type = arrow_type(kind)
    if pa.types.is_decimal(data_type):
        return f"Annotated[pl.Decimal, {data_type.precision}, {data_type.scale}]"
    if pa.types.is_list(data_type):
        return f"Annotated[pl.List, {_polars(data_type.value_type)}]"
    if pa.types.is_struct(data_type):
        return f"Annotated[pl.Struct, {_fields(data_type)}]"
    return _POLARS[kind]


def _polars(data_type: pa.DataType) -> str:
    """A type inside another."""
    from mesh.contracts.arrow import type_name

    if pa.types.is_decimal(data_type):
        return f"pl.Decimal({data_type.precision}, {data_type.scale})"
    if pa.types.is_list(data_type):
        return f"pl.List({_polars(data_type.value_type)})"
    if pa.types.is_struct(data_type):
        return f"pl.Struct({_fields(data_type)})"
    return _POLARS[type_name(data_type)]


def _fields(data_type: pa.DataType) -> str:
    parts = (f"{literal(part.name)}: {_polars(part.type)}" for part in data_type)
    return f"{{{', '.join(parts)}}}"
