"""Contracts written in a dbt model's YAML.

Owns the shape of what dbt calls a model's properties, and the way from its `columns`, `data_type`
and `constraints` to the one frozen `contracts.model.Contract`. Imports no dbt. Refuses what it
cannot turn into a rule: a promise that nobody keeps is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mesh.contracts.dbt_yaml import DbtColumn, DbtConstraint, DbtModel, DbtReference
from mesh.contracts.model import Column, Contract, Rule, Version, distinct_rules
from mesh.contracts.rules import RowCount, fused_ranges, not_null, references, row_count, unique
from mesh.contracts.soundness import soundness_problems
from mesh.contracts.sql_checks import rules_of_check
from mesh.contracts.sql_types import contract_types
from mesh.contracts.stated_rules import plain, why_not
from mesh.errors import ContractDefinitionError, DefinitionError, Problem, UnknownColumnError
from mesh.naming import ProductId, column_name_problems

Place = tuple[str | int, ...]
"""A path of keys and positions in a model's YAML."""
_INSTEAD = {
    "foreign_key": "config: {meta: {mesh: {references: domain.product_v1.column}}} in the column",
    "custom": "write a check constraint, or an adjoining Pandera model",
}


def load(
    model: DbtModel,
    *,
    name: str,
    version: Version,
    rows: RowCount | None = None,
    stated: Sequence[Mapping[str, Any]] = (),
    where: Callable[[Place], str],
) -> Contract:
    """The contract that a dbt model declares.

    `stated` are rules as `Rule.as_json` writes them, for which dbt has no constraint. `where` tells
    where in its file a path of the model's YAML stands. Raises ContractDefinitionError that lists
    every problem.
    """
    reader = _Reader(model, where)
    contract = reader.read(name, version, rows)
    contract = reader.with_stated(contract, stated)
    if not reader.problems:
        reader.check_soundness(contract)
    if reader.problems:
        raise ContractDefinitionError(reader.problems)
    return contract


class _Reader:
    """Reads one model, and collects what is wrong with it."""

    def __init__(self, model: DbtModel, where: Callable[[Place], str]) -> None:
        self.model = model
        self.where = where
        self.problems: list[Problem] = []
        self.names = tuple(column.name for column in model.columns)

    def read(self, name: str, version: Version, rows: RowCount | None) -> Contract:
        typed = self._typed_columns()
        checks = self._checks(typed)
        key = self._key()
        required = self._required(key) | {r.columns[0] for r in checks if r.check == "not_null"}
        columns = tuple(
            self._column(c, typed[c.name].type, key, required) for c in self.model.columns
        )
        rules = [
            rule for c in self.model.columns for rule in self._column_rules(c, required, checks)
        ]
        if key:
            rules.append(unique(key))
        rules += self._set_rules(key)
        if rows is not None:
            rules.append(row_count(rows))
        rules += [rule for rule in checks if len(rule.columns) > 1]
        self._check_terms()
        return Contract(
            name=name,
            version=version,
            description=self.model.description.strip(),
            columns=columns,
            rules=distinct_rules(rules),
        )

    def with_stated(self, contract: Contract, stated: Sequence[Mapping[str, Any]]) -> Contract:
        """The contract with rules that are stated whole; says what is wrong with them."""
        types = {column.name: column.type for column in contract.columns}
        rules: list[Rule] = []
        for position, item in enumerate(stated):
            place: Place = ("config", "meta", "mesh", "rules", position)
            try:
                rules.append(plain(Rule.from_json(item, types)))
            except (TypeError, ValueError, KeyError) as error:
                hint = "write it as `mesh contract export --format dbt` does"
                self._problem(f"it is no rule: {error}", place, hint)
                continue
            if not self.problems and (why := why_not(rules[-1], contract)):
                self._problem(f"`{rules[-1].text}` cannot be a rule: {why}", place)
        return replace(contract, rules=distinct_rules([*contract.rules, *rules]))

    def check_soundness(self, contract: Contract) -> None:
        """Promises that no data could keep."""
        for problem in soundness_problems(contract):
            is_column = problem.where in self.names
            place: Place = ("columns", self.names.index(problem.where)) if is_column else ()
            self._problem(problem.what, place, problem.hint)

    def _problem(self, what: str, path: Place, hint: str = "") -> None:
        self.problems.append(Problem(what, self.where(path), hint))

    def _typed_columns(self) -> dict[str, Column]:
        """Columns by name, with their types: all that a check has to know."""
        types = contract_types({column.data_type for column in self.model.columns} - {""})
        found: dict[str, Column] = {}
        for index, column in enumerate(self.model.columns):
            kind = types.get(column.data_type, "")
            if not column.data_type:
                self._problem(
                    f"column {column.name!r} has no data_type", ("columns", index), "add it"
                )
            if isinstance(kind, Problem):
                self._problem(kind.what, ("columns", index, "data_type"), kind.hint)
            if column.name.lower() in {name.lower() for name in found}:
                self._problem(f"column {column.name!r} is there twice", ("columns", index, "name"))
            for problem in column_name_problems(column.name):
                self._problem(problem.what, ("columns", index, "name"), problem.hint)
            found[column.name] = Column(column.name, kind if isinstance(kind, str) else "")
        if not found:
            self._problem("it promises no columns", ("columns",), "list them, each with data_type")
        return found

    def _constraints(self) -> Iterator[tuple[Place, tuple[str, ...], DbtConstraint]]:
        """Every constraint with its place and the columns it is on."""
        for index, column in enumerate(self.model.columns):
            for position, item in enumerate(column.constraints):
                yield ("columns", index, "constraints", position), (column.name,), item
        for position, item in enumerate(self.model.constraints):
            yield ("constraints", position), item.columns, item

    def _checks(self, columns: dict[str, Column]) -> list[Rule]:
        """The rules of check constraints; says what is wrong with constraints of any type."""
        found: list[Rule] = []
        for path, on, item in self._constraints():
            if item.type in _INSTEAD:
                self._problem(
                    f"a {item.type} constraint becomes no rule", path, _INSTEAD[item.type]
                )
            elif item.type != "check":
                self._check_columns(path, on, item)
            elif not item.expression:
                self._problem("the check has no expression", path, 'expression: "minutes >= 0"')
            else:
                found += self._rules(path, item.expression, columns)
        return found

    def _rules(self, path: Place, expression: str, columns: dict[str, Column]) -> list[Rule]:
        try:
            return rules_of_check(expression, columns)
        except DefinitionError as error:
            untyped = [name for name, column in columns.items() if not column.type]
            # What is wrong with a column's type is said there, and hides what a check says of it.
            if not any(name in expression for name in untyped):
                self.problems += [Problem(p.what, self.where(path), p.hint) for p in error.problems]
            return []

    def _check_columns(self, path: Place, on: tuple[str, ...], item: DbtConstraint) -> None:
        if item.expression:
            hint = "leave it out, or make it a check constraint"
            self._problem(f"a {item.type} constraint has no expression", path, hint)
        if not on:
            self._problem(f"the {item.type} constraint names no columns", path, "columns: […]")
        for name in on:
            if name not in self.names:
                unknown = UnknownColumnError(name, self.names)
                self._problem(unknown.what, (*path, "columns"), unknown.hint)

    def _key(self) -> tuple[str, ...]:
        """The key's columns, in the key's order, from whichever of its three places is used."""
        keys = [item for item in self._constraints() if item[2].type == "primary_key"]
        keyed = tuple(column.name for column in self.model.columns if column.terms.key)
        declared = [on for _, on, _ in keys] + ([keyed] if keyed else [])
        if len({frozenset(on) for on in declared}) > 1:
            shown = " and ".join(f"({', '.join(on)})" for on in declared)
            self._problem(
                f"the key is declared {len(declared)} times: {shown}",
                keys[0][0],
                "keep one primary_key constraint, on the model",
            )
        return tuple(name for name in declared[0] if name in self.names) if declared else ()

    def _required(self, key: tuple[str, ...]) -> set[str]:
        """Columns that take no null."""
        named = (on for _, on, item in self._constraints() if item.type == "not_null")
        return set(key) | {name for on in named for name in on}

    def _column(
        self, column: DbtColumn, kind: str, key: tuple[str, ...], required: set[str]
    ) -> Column:
        reference = _reference(column)
        return Column(
            name=column.name,
            type=kind,
            is_nullable=column.name not in required,
            key_position=key.index(column.name) if column.name in key else None,
            description=column.description.strip(),
            unit=column.terms.unit,
            classification=column.terms.classification,
            references=reference.to if reference else "",
            renamed_from=column.terms.renamed_from,
            is_class_said="classification" in column.terms.model_fields_set,
        )

    def _column_rules(
        self, column: DbtColumn, required: set[str], checks: list[Rule]
    ) -> Iterator[Rule]:
        if column.name in required:
            yield not_null(column.name)
        own = [r for r in checks if r.columns == (column.name,) and r.check != "not_null"]
        yield from fused_ranges(own, column.name)
        if column.has("unique"):
            yield unique((column.name,))
        if reference := _reference(column):
            yield references(column.name, reference.to, reference.severity)

    def _set_rules(self, key: tuple[str, ...]) -> Iterator[Rule]:
        for item in self.model.constraints:
            if item.type == "unique" and item.columns and item.columns != key:
                yield unique(item.columns)

    def _check_terms(self) -> None:
        """References name a column of a product; a text that only dbt can read is no text."""
        for index, column in enumerate(self.model.columns):
            if reference := _reference(column):
                place: Place = ("columns", index, "config", "meta", "mesh", "references")
                product, _, target = reference.to.rpartition(".")
                try:
                    ProductId.parse(product)
                except DefinitionError:
                    hint = "write domain.product_v1.column"
                    self._problem(f"{reference.to!r} is no column of a product", place, hint)
                for problem in column_name_problems(target):
                    self._problem(problem.what, place, problem.hint)
        texts: list[tuple[Place, str]] = [(("description",), self.model.description)]
        for index, column in enumerate(self.model.columns):
            texts.append((("columns", index, "description"), column.description))
        for path, text in texts:
            if "{{" in text:
                self._problem(
                    "a description is text, not Jinja", path, "write the description itself"
                )


def _reference(column: DbtColumn) -> DbtReference | None:
    declared = column.terms.references
    return DbtReference(to=declared) if isinstance(declared, str) else declared
