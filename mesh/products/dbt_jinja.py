"""What a dbt model reads, found in its Jinja.

Owns the reading of `source(…)` and `ref(…)` calls, with the parser of Jinja itself and without dbt,
and plain SQL in their place. Refuses calls whose arguments are not written out: their inputs could
not be known before they run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jinja2
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from mesh.errors import Problem

_ARGUMENTS = {"source": 2, "ref": 1}
_EXAMPLES = {"source": "source('domain', 'product_v1')", "ref": "ref('model')"}


@dataclass(frozen=True, slots=True)
class Reads:
    """What a piece of Jinja reads: sources as (source, table), and models by name."""

    sources: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()


def reads_of(jinja: str, where: str, problems: list[Problem]) -> Reads:
    """The `source(…)` and `ref(…)` calls in a text of Jinja."""
    try:
        tree = _jinja().parse(jinja)
    except jinja2.TemplateSyntaxError as error:
        problems.append(
            Problem(f"its Jinja cannot be read: {error.message}", f"{where}:{error.lineno}")
        )
        return Reads()
    sources: list[tuple[str, str]] = []
    models: list[str] = []
    for call in tree.find_all(nodes.Call):
        name = _called(call)
        if name not in _ARGUMENTS:
            continue
        values = [arg.value for arg in call.args if isinstance(arg, nodes.Const)]
        if len(values) != len(call.args) or len(values) != _ARGUMENTS[name] or call.kwargs:
            place = f"{where}:{call.lineno}"
            problems.append(
                Problem(f"{name} does not name its table", place, f"write {_EXAMPLES[name]}")
            )
        elif name == "source":
            sources.append((str(values[0]), str(values[1])))
        else:
            models.append(str(values[0]))
    return Reads(tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(models)))


def plain_sql(jinja: str, *, source: Callable[[str, str], str], ref: Callable[[str], str]) -> str:
    """The SQL of a model, with the names that `source` and `ref` give. A full build is meant.

    Raises jinja2.TemplateError for whatever only dbt can expand: macros, variables, `this`.
    """
    known = {"source": source, "ref": ref}
    sandbox = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"], autoescape=False
    )
    return sandbox.from_string(jinja).render(
        **known, builtins=known, config=lambda **_: "", is_incremental=lambda: False
    )


def _called(call: nodes.Call) -> str:
    """`source` of `source(…)` and of `builtins.source(…)`; empty for any other call."""
    target = call.node
    if isinstance(target, nodes.Getattr):
        is_builtin = isinstance(target.node, nodes.Name) and target.node.name == "builtins"
        return target.attr if is_builtin else ""
    return target.name if isinstance(target, nodes.Name) else ""


@functools.cache
def _jinja() -> jinja2.Environment:
    return jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701 -- SQL # nosec B701
