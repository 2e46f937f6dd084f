"""The files of a new domain and of a new product.

Owns what `mesh new` writes: every file is decided on, and refused if it is there already, before
the first one is written. What it writes runs untouched.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from mesh.cli.insertion import add_to_list
from mesh.cli.together import write_together
from mesh.errors import (
    InvalidNameError,
    MeshError,
    Problem,
    did_you_mean,
    near_names,
)
from mesh.naming import ProductId, domain_name_problems

if TYPE_CHECKING:
    from mesh.settings import Settings

_SHADOWING = frozenset({"pl", "datetime"})
_LINE = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to write and texts to change, by absolute path."""

    new: Mapping[Path, str]
    changed: Mapping[Path, str] = field(default_factory=dict)

    def write(self) -> tuple[Path, ...]:
        """Write everything. Raises MeshError when a new file exists, or one cannot be written.

        Then nothing is written.
        """
        for path in self.new:
            if path.exists():
                raise MeshError(
                    "it exists already, and is left as it is",
                    where=str(path),
                    hint="choose another name, or edit the file",
                )
        write_together({**self.new, **self.changed})
        return (*self.new, *self.changed)


def plan_domain(name: str, settings: Settings) -> Plan:
    """What a new domain needs. Raises InvalidNameError, or MeshError when it exists."""
    from mesh.products.collection import MANIFEST, ORGANIZATION

    if problems := domain_name_problems(name) or _taken_domain(name):
        raise InvalidNameError(problems)
    domains = settings.path(settings.domains)
    organization = domains / ORGANIZATION
    if not organization.is_file():
        raise MeshError(
            "there is no mesh here: this file is missing",
            where=str(organization),
            hint="go to a mesh's folder, or name it with `--root`",
        )
    folder = domains / name
    words = {
        "domain": name,
        "words": name.replace("_", " "),
        "title": _title(name),
        "mailbox": name.replace("_", "-"),
    }
    new = {
        folder / MANIFEST: _fill("domain.yaml", words),
        folder / "definitions.py": _fill("definitions.py", words),
        folder / "__init__.py": _fill("domain.py", words),
        folder / "products" / "__init__.py": _fill("products.py", words),
    }
    return Plan(new, _listed(name, organization, settings))


def plan_product(domain: str, name: str, settings: Settings) -> Plan:
    """What a new product needs. Raises InvalidNameError, or MeshError when it exists."""
    from mesh.products.collection import domain_folders, domain_name

    product = ProductId(domain, name, 1)
    if hasattr(builtins, name) or name in _SHADOWING:
        raise InvalidNameError(
            [Problem(f"{name!r} means something else in Python", hint="use a plural noun")]
        )
    homes = {domain_name(folder, settings): folder for folder in domain_folders(settings)}
    if domain not in homes:
        near = did_you_mean(near_names(domain, homes))
        raise MeshError(
            f"there is no domain {domain!r}", hint=near or f"`mesh new domain {domain}`"
        )
    folder = homes[domain]
    sql = settings.path(settings.dbt_project) / "models" / domain / f"{product.dbt_name}.sql"
    if sql.exists():
        raise MeshError(f"{product} is a SQL product already", where=str(sql))
    package = ".".join(folder.relative_to(settings.root).parts)
    one = singular(name)
    words = {
        "name": name,
        "class_name": product.class_name,
        "title": _title(name),
        "singular": one,
        "singular_words": one.replace("_", " "),
        "domain_words": domain.replace("_", " "),
        "import_product": _import(
            f"{package}.products.{product.module_name}", sorted([product.class_name, name])
        ),
    }
    tests = settings.root / "tests" / settings.domains.name
    return Plan(
        {
            folder / "products" / f"{product.module_name}.py": _fill("product.py", words),
            tests / f"test_{domain}_{product.module_name}.py": _fill("test_product.py", words),
        }
    )


def singular(name: str) -> str:
    """One of what a plural noun names: `line_items` → `line_item`. A name that is none stays."""
    for ending, one in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + one
    if name.endswith("s") and not name.endswith(("ss", "us", "is", "_s")) and len(name) > 1:
        return name.removesuffix("s")
    return name


def _taken_domain(name: str) -> list[Problem]:
    if name == "platform":
        return [Problem("'platform' is the platform team's own domain", hint="choose another name")]
    return []


def _listed(name: str, organization: Path, settings: Settings) -> dict[Path, str]:
    """The organisation's list of domains, and Dagster's of code locations, with the new domain."""
    texts = {
        organization: _edited(organization, "domains", name, lambda entry: entry == "platform")
    }
    workspace = settings.root / "workspace.yaml"
    if workspace.is_file():
        package = ".".join(settings.path(settings.domains).relative_to(settings.root).parts)
        location = {
            "python_module": {
                "module_name": f"{package}.{name}.definitions",
                "working_directory": ".",
                "location_name": name,
            }
        }
        texts[workspace] = _edited(
            workspace, "load_from", location, lambda entry: "'platform'" in str(entry)
        )
    return {path: text for path, text in texts.items() if text}


def _edited(path: Path, key: str, entry: object, is_last: Callable[[Any], bool]) -> str:
    """The file's text with the entry; empty when it is there already."""
    import yaml

    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    try:
        if entry in (yaml.safe_load(text)[key] or []):
            return ""
        return add_to_list(text, key, entry, is_last=is_last)
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise MeshError("it cannot be read", where=str(path), hint="`mesh check`") from error
    except MeshError as error:
        raise MeshError(error.what, where=str(path), hint=error.hint) from error


def _fill(template: str, words: Mapping[str, str]) -> str:
    text = files("mesh.cli").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _LINE:
        return line
    listed = "".join(f"    {name},\n" for name in names)
    return f"from {module} import (\n{listed})"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
