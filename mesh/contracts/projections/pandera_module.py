"""A contract as a Python module with a `mesh.Contract`, which loads back as an equal contract.

Owns the whole of the module: imports, fields, checks in Python, and `Config`. Everything that a
contract says has a form in it, whatever the contract was read from.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import re
from collections.abc import Iterator

from mesh.contracts.model import Contract, Rule
from mesh.contracts.pandera import Contract as Model
from mesh.contracts.projections.pandera_checks import USUAL, Checks, checks_of
from mesh.contracts.projections.pandera_fields import Fields
from mesh.contracts.projections.pandera_rules import stated
from mesh.contracts.projections.python_text import listed, literal, named
from mesh.contracts.rules import RowCount, row_count, unique

_BUILTINS = frozenset({"bool", "float", "int", "str"})
_INDENT = " " * 4


def module(contract: Contract) -> str:
    """The source of a module. The model in it is named as `class_name` says."""
    return _Module(contract).text()


def class_name(contract: Contract) -> str:
    """The contract's name where a class can have it, else one made of its words."""
    if contract.name.isidentifier() and not keyword.iskeyword(contract.name):
        return contract.name
    words = re.findall(r"\w+", contract.name)
    made = "".join(word[:1].upper() + word[1:] for word in words)
    return made if made.isidentifier() and not keyword.iskeyword(made) else f"Contract{made}"


class _Module:
    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        customs = [rule for rule in contract.rules if rule.check == "custom"]
        self.checks: Checks = checks_of(customs)
        taken = {*USUAL, *_BUILTINS, *dir(Model), *self.checks.names, "Config"}
        taken |= {str(rule.arguments.get("function", "")) for rule in customs}
        self.fields = Fields(contract, frozenset(taken))
        self.fields.write()

    def text(self) -> str:
        body = "\n\n".join(part for part in self._class_parts() if part)
        unwritten = "".join(
            f"# Not in this module, for its source is not known: {rule.text}\n"
            for rule in self.checks.unwritten
        )
        head = f"{self._imports(body)}\n\n\n{unwritten}"
        name = class_name(self.contract)
        product = _docstring(f"The contract {self.contract.name}, as Mesh writes it.", "")
        return f"{product}\n\n{head}class {name}(mesh.Contract):\n{body}\n"

    def _class_parts(self) -> Iterator[str]:
        if self.contract.description and self._is_docstring():
            yield _docstring(self.contract.description, _INDENT)
        yield "\n".join(self.fields.lines)
        yield from self.checks.methods
        yield "\n".join([f"{_INDENT}class Config:", *self._config()])

    def _is_docstring(self) -> bool:
        """Whether the description comes back from a docstring as it is."""
        said = self.contract.description
        if not all(line.isprintable() for line in said.split("\n")):
            return False
        try:
            return inspect.cleandoc(ast.literal_eval(_docstring(said, _INDENT).strip())) == said
        except (SyntaxError, ValueError):
            return False

    def _imports(self, body: str) -> str:
        """What the body uses, in the order of Python's own, others', and Mesh."""
        used = [line for name, line in USUAL.items() if _uses(body, name)]
        lines = dict.fromkeys([*used, *self.checks.imports, USUAL["mesh"]])
        is_import = [line for line in lines if line.startswith(("import ", "from "))]
        constants = [line for line in lines if line not in is_import]
        groups: list[list[str]] = [[], [], []]
        for line in is_import:
            groups[_group(line)].append(line)
        blocks = ["\n".join(_together(group)) for group in groups if group]
        return "\n\n".join([*blocks, *(["\n".join(constants)] if constants else [])])

    def _config(self) -> Iterator[str]:
        contract = self.contract
        options: dict[str, object] = {"version": str(contract.version)}
        if class_name(contract) != contract.name:
            options["name"] = contract.name
        if not self._is_docstring() and contract.description:
            options["description"] = contract.description
        if not contract.is_strict:
            options["strict"] = False
        yield from (f"{_INDENT * 2}{line.replace('=', ' = ', 1)}" for line in named(options))
        said = self._said_on_the_set()
        if groups := [rule for rule in said if rule.columns and rule.columns != contract.key]:
            yield listed("unique", [f"{_INDENT * 3}{literal(list(r.columns))}" for r in groups])
        for rule in said:
            if rule.check == "row_count":
                bounds = ", ".join(named(dict(rule.arguments)))
                yield f"{_INDENT * 2}row_count = mesh.RowCount({bounds})"
        yield from self._stated([*self.fields.said, *said])

    def _said_on_the_set(self) -> list[Rule]:
        """Rules on the whole that the model says in words of its own, in the reader's order."""
        rules = [rule for rule in self.contract.rules if rule.check in {"unique", "row_count"}]
        keys = [r for r in rules if r.columns == self.contract.key and r.columns and _is_unique(r)]
        groups = [r for r in rules if len(r.columns) > 1 and r not in keys and _is_unique(r)]
        stated: set[frozenset[str]] = {frozenset(self.contract.key)}
        distinct = []
        for rule in groups:
            if frozenset(rule.columns) not in stated:
                stated.add(frozenset(rule.columns))
                distinct.append(rule)
        return [*keys, *distinct, *[r for r in rules if _is_row_count(r)][:1]]

    def _stated(self, said: list[Rule]) -> Iterator[str]:
        """The rules that nothing else says, and the order of all where it is not the reader's."""
        ids = {rule.id for rule in said}
        customs = [r for r in self.contract.rules if r.check == "custom"]
        rest = [r for r in self.contract.rules if r.id not in ids and r.check != "custom"]
        if rest:
            yield listed("rules", [stated(rule) for rule in rest])
        expected = [*self._in_columns(said, customs), *[rule.id for rule in rest]]
        wanted = [rule.id for rule in self.contract.rules if rule not in self.checks.unwritten]
        if expected != wanted:
            yield listed("rule_order", [f"{_INDENT * 3}{literal(name)}" for name in wanted])

    def _in_columns(self, said: list[Rule], customs: list[Rule]) -> Iterator[str]:
        """The ids in the order in which a reader finds what is said in fields and methods."""
        written = [rule for rule in customs if rule not in self.checks.unwritten]
        fields = self.fields.said
        for column in self.contract.column_names:
            own = [rule for rule in fields if rule.columns == (column,)]
            late = [rule for rule in own if rule.check in {"unique", "references"}]
            yield from (rule.id for rule in own if rule not in late)
            yield from (rule.id for rule in written if rule.columns == (column,))
            yield from (rule.id for rule in late)
        yield from (rule.id for rule in said if rule not in fields)
        yield from (rule.id for rule in written if not rule.columns)


def _is_unique(rule: Rule) -> bool:
    return rule.check == "unique" and rule.as_json() == unique(rule.columns).as_json()


def _is_row_count(rule: Rule) -> bool:
    if rule.check != "row_count":
        return False
    return rule.as_json() == row_count(RowCount(**rule.arguments)).as_json()


def _docstring(text: str, indent: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = escaped.split("\n")
    if len(lines) == 1 and not escaped.endswith('"'):
        return f'{indent}"""{escaped}"""'
    rest = "".join(f"\n{indent}{line}".rstrip(" ") for line in lines[1:])
    return f'{indent}"""{lines[0]}{rest}\n{indent}"""'


def _uses(body: str, name: str) -> bool:
    return re.search(rf"(?<![\w.\"']){name}\b", body) is not None


def _group(line: str) -> int:
    root = line.split()[1].partition(".")[0]
    if root == "mesh":
        return 2
    import sys

    return 0 if root in sys.stdlib_module_names else 1


def _together(lines: list[str]) -> list[str]:
    """Imports in order; several names of one module on one line."""
    plain = sorted(line for line in lines if line.startswith("import "))
    named_: dict[str, list[str]] = {}
    for line in lines:
        if match := re.fullmatch(r"from (\S+) import (\w+)", line):
            named_.setdefault(match[1], []).append(match[2])
    found = [f"from {home} import {', '.join(sorted(names))}" for home, names in named_.items()]
    return [*plain, *sorted(found)]
