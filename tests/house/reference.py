"""Write docs/reference from the code.

Owns the generated pages, one function a page: `python -m tests.house.reference` (or `make docs`)
writes them all, and a test holds each equal to the code. Needs no mesh on disk and no network.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tests.house.odcs_page import odcs_page
from tests.house.repository import ROOT, modules, tree

FOLDER = ROOT / "docs" / "reference"
NOTICE = "<!-- Written by `make docs` from the code: change the code, not this page. -->"


def settings_page() -> str:
    """Every setting of `[tool.mesh]`, from the model that reads it."""
    settings = importlib.import_module("mesh.settings")
    rows = [
        f"| `{path}` | `MESH_{path.upper().replace('.', '__')}` | {default(field)} "
        f"| {cell(field.description or '')}{limits(field)} |"
        for path, field in model_fields(settings.Settings)
    ]
    return page(
        "Settings",
        paragraphs(settings.Settings),
        "| in `[tool.mesh]` | in the environment | default | meaning |",
        "| --- | --- | --- | --- |",
        *rows,
    )


def model_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """The leaves of a settings model, with dotted paths."""
    for name, field in model.model_fields.items():
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            yield from model_fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def default(field: FieldInfo) -> str:
    """A default as a reader would type it."""
    if field.default_factory in {dict, list, tuple, set}:
        return "empty"
    if field.default_factory is not None:
        return "by machine"
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default == "":
        return "empty"
    return f"`{field.default}`"


def limits(field: FieldInfo) -> str:
    """The range of a number, as a sentence."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{word} {getattr(mark, key):,}"
        for mark in field.metadata
        for key, word in words.items()
        if getattr(mark, key, None) is not None
    ]
    return f" {' and '.join(found).capitalize()}." if found else ""


def commands_page() -> str:
    """Every command of `mesh`, with its arguments and options."""
    typer = importlib.import_module("typer")
    cli = importlib.import_module("mesh.cli")
    root = typer.main.get_command(cli.app)
    sections = [part for path, command in walk(root, "mesh") for part in section(path, command)]
    return page("Commands", "Every command answers `--help`.", *sections)


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """A command and the commands below it, in the order that help shows them."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from walk(child, f"{path} {name}")


def section(path: str, command: Any) -> list[str]:
    """A command's heading, help and table of parameters."""
    shown = [
        parameter
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        and not {"--help", "--install-completion", "--show-completion"} & set(parameter.opts)
    ]
    rows = [
        f"| {parameter_name(item)} | {cell(item.help or '')}{choices(item)}{preset(item)} |"
        for item in shown
    ]
    table = ["| parameter | meaning |", "| --- | --- |", *rows] if rows else []
    return ["", f"## `{path}`", "", clean(command.help or ""), *(["", *table] if table else [])]


def parameter_name(parameter: Any) -> str:
    """How a parameter is written on the command line."""
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name).strip("[]").upper().rstrip(".")
        many = " …" if parameter.nargs == -1 else ""
        return f"`{name}`{many}" + ("" if parameter.required else " (optional)")
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def choices(parameter: Any) -> str:
    """The words that a parameter takes, when they are few."""
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    words = get_args(kind) if get_origin(kind) is Literal else ()
    if inspect.isclass(kind) and issubclass(kind, Enum):
        words = tuple(member.value for member in kind)
    return f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""


def preset(parameter: Any) -> str:
    """A parameter's default, when it says something."""
    value = parameter.default
    if value in (None, False, True, (), [], "") or callable(value):
        return ""
    value = getattr(value, "value", value)
    return f" Default: `{value}`." if isinstance(value, str | int | float) else ""


def errors_page() -> str:
    """The exception tree, then every error."""
    errors = importlib.import_module("mesh.errors")
    drawn = re.findall(r"^    (.*)$", inspect.getdoc(errors) or "", flags=re.MULTILINE)
    found = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, BaseException)
    ]
    parts = ["```text", *drawn, "```"]
    for error in found:
        base = error.__bases__[0].__name__
        mends = issubclass(error, errors.Transient) and error is not errors.Transient
        parts += ["", f"## `{error.__name__}`", "", paragraphs(error), ""]
        parts += [f"Base: `{base}`." + (" The same call may succeed later." if mends else "")]
    return page("Errors", "Each carries `what`, `where` and `hint` as attributes.", *parts)


def domain_yaml_page() -> str:
    """The keys of the YAML files that a domain writes, from the models that read them."""
    domain = importlib.import_module("mesh.products.domain")
    glossary = importlib.import_module("mesh.products.glossary")
    testing = importlib.import_module("mesh.access.testing")
    parts: list[str] = []
    for title, model in (
        ("domain.yaml", domain.DomainManifest),
        ("organization.yaml", domain.OrganizationManifest),
        ("glossary.yaml", glossary.GlossaryManifest),
        ("*.policy-test.yaml", testing.PolicyTests),
    ):
        schema = model.model_json_schema()
        parts += ["", f"## `{title}`", "", paragraphs(model), ""]
        parts += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        parts += [manifest_row(*key) for key in keys(schema, schema)]
    return page(
        "domain.yaml, organization.yaml, glossary.yaml and policy tests",
        "An unknown key is an error.",
        *parts,
    )


def keys(
    schema: dict[str, Any], whole: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Every key below a JSON schema: dotted name, type, default, description."""
    required = set(schema.get("required", ()))
    for name, raw in schema.get("properties", {}).items():
        resolved = resolve(raw, whole)
        preset_value = "required" if name in required else preset_of(raw)
        text = raw.get("description") or resolved.get("description") or ""
        yield f"{prefix}{name}", type_of(raw, whole), preset_value, text
        yield from keys(resolved, whole, f"{prefix}{name}.")
        items = resolve(resolved.get("items", {}), whole)
        yield from keys(items, whole, f"{prefix}{name}[].")


def resolve(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed, and `null` alternatives dropped."""
    if "$ref" in schema:
        target: dict[str, Any] = whole["$defs"][schema["$ref"].rpartition("/")[2]]
        return target
    alternatives = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    return resolve(alternatives[0], whole) if len(alternatives) == 1 else schema


def type_of(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """A JSON schema's type in words."""
    found = resolve(schema, whole)
    if "enum" in found:
        return " or ".join(f"`{value}`" for value in found["enum"])
    if "const" in found:
        return f"`{found['const']}`"
    if "anyOf" in found:
        return " or ".join(type_of(part, whole) for part in found["anyOf"])
    if found.get("type") == "array":
        return f"list of {type_of(found.get('items', {}), whole)}"
    if found.get("type") == "object":
        return "mapping"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        found.get("type", ""), found.get("type", "anything")
    )


def preset_of(schema: dict[str, Any]) -> str:
    """A key's default in words."""
    value = schema.get("default")
    return f"`{value}`" if value not in (None, "", [], {}) else "empty"


def manifest_row(name: str, kind: str, preset_value: str, text: str) -> str:
    """One row of a table of keys."""
    return f"| `{name}` | {cell(kind)} | {cell(preset_value)} | {cell(text)} |"


def api_page() -> str:
    """What `import mesh` and `import mesh.testing` offer."""
    parts: list[str] = []
    for home in ("mesh", "mesh.testing"):
        module = importlib.import_module(home)
        for name in sorted(module.__all__):
            parts += ["", f"## `{home}.{name}`", ""]
            if written := signature(f"{home}.{name}", getattr(module, name)):
                parts += ["```python", written, "```", ""]
            parts.append(description(name, home))
    return page("The Python interface", "Everything else is an inner part of Mesh.", *parts)


def signature(name: str, value: Any) -> str:
    """How an export is called; empty when calling it is not its use."""
    if is_alias(value) or not callable(value) or hasattr(value, "to_schema"):
        return ""
    try:
        written = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    written = re.sub(r"<([\w.]+ )?object at 0x[0-9a-f]+>|<factory>", "…", written)
    written = re.sub(r"(: |-> )'([^']*)'", r"\1\2", written).removesuffix(" -> None")
    if len(written) > 80:
        inner, _, returns = written[1:].rpartition(")")
        written = "(\n    " + ",\n    ".join(split_parameters(inner)) + f",\n){returns}"
    return f"{name}{written}"


def split_parameters(inner: str) -> list[str]:
    """Parameters, split at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(inner):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(inner[start:index].strip())
            start = index + 1
    return [*parts, inner[start:].strip()]


def description(name: str, home: str = "mesh") -> str:
    """An export's own documentation: its docstring, or the string below its assignment."""
    value = getattr(importlib.import_module(home), name)
    if is_alias(value):
        return clean(string_below_assignment(name))
    return (
        clean(value.__doc__ or "") if "__doc__" in vars(value) or inspect.isroutine(value) else ""
    )


def is_alias(value: object) -> bool:
    """Whether an export is a constant, or another library's class under a name of Mesh."""
    defines = inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value)
    module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    return not (defines and module.startswith("mesh"))


def string_below_assignment(name: str) -> str:
    """The documentation of a constant or an alias, where it is assigned."""
    for module in modules("mesh"):
        for statement, below in neighbours(tree(module)):
            documents = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if documents and name in names_bound(statement):
                return str(below.value.value)
    return ""


def neighbours(node: ast.Module) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    """Each statement of a module with the one below it, also in the branches of its `if`s."""
    branches = [part for part in node.body if isinstance(part, ast.If)]
    for block in [node.body, *(side for part in branches for side in (part.body, part.orelse))]:
        yield from itertools.pairwise(block)


def names_bound(statement: ast.stmt) -> set[str]:
    """The names that an assignment or an import binds."""
    match statement:
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.ImportFrom(names=names) | ast.Import(names=names):
            return {alias.asname or alias.name for alias in names}
        case ast.If(body=body, orelse=orelse):
            return {name for inner in [*body, *orelse] for name in names_bound(inner)}
        case _:
            return set()


def paragraphs(value: object) -> str:
    """A docstring as Markdown."""
    return clean(inspect.getdoc(value) or "")


def clean(text: str) -> str:
    """A docstring whose indented blocks are fenced, so that Markdown shows them as they are."""
    lines: list[str] = []
    block: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
        else:
            lines += [*fenced(block), line]
            block = []
    return "\n".join([*lines, *fenced(block)]).strip()


def fenced(block: list[str]) -> list[str]:
    """An indented block as fenced code, with room around it."""
    if not block:
        return []
    body = "\n".join(block).rstrip()
    language = (
        "python" if re.search(r"^(import |from |class |def |@)", body, re.MULTILINE) else "text"
    )
    return ["", f"```{language}", body, "```", ""]


def cell(text: str) -> str:
    """A text that fits a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def page(title: str, *parts: str) -> str:
    """A page: the notice, a title, and its parts."""
    body = [NOTICE, "", f"# {title}", "", parts[0], "", *parts[1:]]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in body)).strip() + "\n"


def odcs_reference() -> str:
    """What of the Open Data Contract Standard is enforced, and what is kept."""
    return page("ODCS", *odcs_page())


PAGES: dict[str, Callable[[], str]] = {
    "api": api_page,
    "commands": commands_page,
    "domain-yaml": domain_yaml_page,
    "errors": errors_page,
    "odcs": odcs_reference,
    "settings": settings_page,
}


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (FOLDER / f"{name}.md").write_text(write(), encoding="utf-8")
        print(f"docs/reference/{name}.md")


if __name__ == "__main__":
    main()
