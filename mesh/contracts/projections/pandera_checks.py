"""A contract's checks in Python as source, with the imports that it needs.

Owns the way from a custom rule's kept source to a method of the model, and the search for the names
that this uses. A rule whose source is not known cannot be written, and is told of.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mesh.contracts.model import Rule
from mesh.contracts.projections.python_text import literal

USUAL: Mapping[str, str] = {
    "Annotated": "from typing import Annotated",
    "Decimal": "from decimal import Decimal",
    "PolarsData": "from pandera.polars import PolarsData",
    "date": "from datetime import date",
    "datetime": "from datetime import datetime",
    "mesh": "import mesh",
    "pl": "import polars as pl",
    "re": "import re",
    "timedelta": "from datetime import timedelta",
}
"""What a module of a contract imports, by the name that it is used by."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The methods of a model's checks, what they need, and the rules that have no source."""

    methods: tuple[str, ...]
    imports: tuple[str, ...]
    unwritten: tuple[Rule, ...]
    names: frozenset[str]


def checks_of(rules: Iterable[Rule]) -> Checks:
    """The checks of custom rules; one that is on several columns is written once."""
    sources: dict[str, Rule] = {}
    unwritten: list[Rule] = []
    for rule in rules:
        source = str(rule.arguments.get("source", ""))
        if _is_method(source):
            sources.setdefault(source, rule)
        else:
            unwritten.append(rule)
    used = {name: rule for source, rule in sources.items() for name in _free_names(source)}
    imports = [line for name, rule in used.items() for line in _import(name, rule)]
    methods = tuple(_indented(source) for source in sources)
    return Checks(methods, tuple(imports), tuple(unwritten), frozenset(used))


def _is_method(source: str) -> bool:
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return len(body) == 1 and isinstance(body[0], ast.FunctionDef) and bool(body[0].decorator_list)


def _free_names(source: str) -> Iterator[str]:
    """Names that a function takes from its module, in the order of their use."""
    nodes = list(ast.walk(ast.parse(source)))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and _is_bound(node)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    used = (node.id for node in nodes if isinstance(node, ast.Name))
    yield from dict.fromkeys(n for n in used if n not in own and not hasattr(builtins, n))


def _is_bound(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _import(name: str, rule: Rule) -> Iterator[str]:
    """The line that makes a name mean what it means where the check was written."""
    scope, home = _scope(rule)
    if name not in scope:
        if name in USUAL:
            yield USUAL[name]
        return
    value = scope[name]
    if isinstance(value, ModuleType):
        yield f"import {value.__name__}{f' as {name}' if name != value.__name__ else ''}"
    elif isinstance(value, bool | int | float | str):
        yield f"{name} = {literal(value)}"
    elif getattr(value, "__name__", "") == name and getattr(value, "__module__", ""):
        yield USUAL.get(name, f"from {value.__module__} import {name}")
    else:
        yield f"from {home} import {name}"


def _scope(rule: Rule) -> tuple[Mapping[str, Any], str]:
    """The names of the module in which a check was written, and the module's own."""
    check = getattr(rule.function, "_check_fn", None)
    if check is None:
        return {}, ""
    function = inspect.unwrap(check)
    declared = inspect.getclosurevars(function).nonlocals.get("self")
    written = inspect.unwrap(getattr(declared, "check_fn", function))
    written = getattr(written, "__func__", written)
    return getattr(written, "__globals__", {}), getattr(written, "__module__", "")


def _indented(source: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in source.splitlines())
