"""Data tests of dbt models, named once.

Owns the name under which a data test is known everywhere: `not_null_origin`, or its own `name`.
dbt makes names of its own from a test's arguments, which change when these do and are cut at 64
characters; so each test is handed to dbt with the name that it has here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mesh.contracts import wording

_KEYS = ("data_tests", "tests")


def named(
    models: Iterable[tuple[str, Mapping[str, Any]]],
) -> list[tuple[dict[str, Any], list[str]]]:
    """The properties of models, by name and with each test's name in them, and those names.

    The first model is the product's own: the tests of the others carry their model's name as well.
    """
    taken: set[str] = set()
    result = []
    for position, (model, properties) in enumerate(models):
        copied = copy.deepcopy(dict(properties))
        names = []
        for tests, index, column in _places(copied):
            test, own = _parts(tests[index])
            wanted = own or wording.identifier(model if position else "", test, column)
            name = _free(wanted, taken)
            tests[index] = _with_name(tests[index], name)
            names.append(name)
        result.append((copied, names))
    return result


def texts(properties: Mapping[str, Any]) -> Iterator[str]:
    """Every text in the arguments of a model's tests: it may be Jinja that reads another table."""
    for tests, index, _ in _places(properties):
        yield from _texts(tests[index])


def malformed(properties: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Tests that are neither a name nor a name with arguments, with their places."""
    for tests, index, column in _places(properties):
        if not _parts(tests[index])[0]:
            yield (("columns", column) if column else ()), tests[index]


def _places(properties: Mapping[str, Any]) -> Iterator[tuple[list[Any], int, str]]:
    """Where tests stand: the list, the position in it, and the column; the columns' come first."""
    columns = properties.get("columns")
    listed = columns if isinstance(columns, list) else []
    owners = [(c, str(c.get("name", ""))) for c in listed if isinstance(c, dict)]
    for owner, column in [*owners, (properties, "")]:
        for key in _KEYS:
            tests: Any = owner.get(key)
            for index in range(len(tests) if isinstance(tests, list) else 0):
                yield tests, index, column


def _parts(test: object) -> tuple[str, str]:
    """The test's own name and the name it was given; empty when it is no test."""
    if isinstance(test, str):
        return test, ""
    if not isinstance(test, dict):
        return "", ""
    if "test_name" in test:
        return str(test["test_name"]), str(test.get("name") or "")
    if len(test) != 1:
        return "", ""
    ((name, arguments),) = test.items()
    given = arguments.get("name") if isinstance(arguments, dict) else None
    return str(name), str(given or "")


def _with_name(test: Any, name: str) -> dict[str, Any]:
    if isinstance(test, str):
        return {test: {"name": name}}
    if "test_name" in test:
        return {**test, "name": name}
    ((test_name, arguments),) = test.items()
    return {test_name: {**(arguments or {}), "name": name}}


def _free(wanted: str, taken: set[str]) -> str:
    """The name, with a number when another test has it."""
    name, count = wanted, 1
    while name.lower() in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name.lower())
    return name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
