"""The next major of a SQL product: a dbt model of its own beside the first, seeded from it.

Owns what `mesh new version` writes for products in SQL. The YAML is edited where its parser says
that things stand, so that comments and layout stay, and read back before it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from mesh.cli.next_major import Edit, edited
from mesh.cli.scaffold import Plan
from mesh.errors import MeshError
from mesh.naming import ProductId
from mesh.products.dbt_files import read_domain
from mesh.products.declaration import DataProduct, SqlModel
from mesh.settings import Settings


def plan_sql_version(
    product: DataProduct, following: ProductId, settings: Settings, until: date | None
) -> Plan:
    """The model and the YAML of the next major. Raises MeshError when they cannot be made."""
    model = product.transform
    found = read_domain(product.id.domain, settings)
    if not isinstance(model, SqlModel) or found is None or model.name not in found.properties:
        raise _by_hand(product, following, "its files are not where they were")
    file = found.properties[model.name].file
    text = file.read_text(encoding="utf-8")
    sql = found.models[model.name].file
    folder = file.parent
    new = {
        sql.with_name(f"{following.dbt_name}.sql"): sql.read_text(encoding="utf-8"),
        folder / f"{following.dbt_name}.yml": _next_entry(text, model.name, product, following),
    }
    if until is None:
        return Plan(new)
    return Plan(new, {file: _with_last_day(text, model.name, product, following, until)})


def _next_entry(text: str, name: str, product: DataProduct, following: ProductId) -> str:
    """The model's own entry alone, under its new name and version."""
    entry = _entry(text, name)
    lines = text.splitlines(keepends=True)
    start = text.rfind("\n", 0, entry.start_mark.index) + 1
    first = lines[entry.start_mark.line]
    if not first.lstrip().startswith("- "):
        raise _by_hand(product, following, "its YAML does not list it on a line of its own")
    end = entry.end_mark.index
    own = text[start:end].rstrip() + "\n"
    head = "version: 2\nmodels:\n" if "version" in yaml.safe_load(text) else "models:\n"
    made = head + own
    node = _entry(made, name)
    version = _value(_terms(node), "version")
    edits = [_over(_required(_value(node, "name"), product, following), following.dbt_name)]
    wanted = f'"{following.major}.0.0"'
    if version is not None:
        edits.append(_over(version, wanted))
    else:
        edits.append(_first_in(made, _terms(node), {"version": wanted}, product, following))
    terms = _terms(node)
    for word in ("deprecated", "successor"):
        if _value(terms, word) is not None:
            raise _by_hand(product, following, f"its YAML says {word} already")
    result = edited(made, edits)
    _require_only(result, following.dbt_name, product, following)
    return result


def _with_last_day(
    text: str, name: str, product: DataProduct, following: ProductId, until: date
) -> str:
    terms = _terms(_entry(text, name))
    words = {"deprecated": f'"{until.isoformat()}"', "successor": str(following)}
    if any(_value(terms, word) is not None for word in words):
        raise _by_hand(product, following, "its YAML says when it ends already")
    made = edited(text, [_first_in(text, terms, words, product, following)])
    after = _plain_entry(yaml.safe_load(made), name)["config"]["meta"]["mesh"]
    if after.get("deprecated") != until.isoformat() or after.get("successor") != str(following):
        raise _by_hand(product, following, "its YAML cannot be edited safely")
    return made


def _first_in(
    text: str,
    terms: yaml.MappingNode,
    words: Mapping[str, str],
    product: DataProduct,
    following: ProductId,
) -> Edit:
    """Words at the head of a mapping that is written a line a key."""
    if terms.flow_style or not terms.value:
        raise _by_hand(product, following, "its `mesh` terms are not written a line a key")
    first = terms.value[0][0].start_mark
    line = text.rfind("\n", 0, first.index) + 1
    indent = text[line : first.index]
    added = "".join(f"{word}: {value}\n{indent}" for word, value in words.items())
    return Edit(first.index, first.index, added)


def _over(node: yaml.Node, text: str) -> Edit:
    return Edit(node.start_mark.index, node.end_mark.index, text)


def _entry(text: str, name: str) -> yaml.MappingNode:
    """The node of a model's entry."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    models = _value(root, "models")
    for node in models.value if isinstance(models, yaml.SequenceNode) else ():
        named = _value(node, "name")
        if isinstance(named, yaml.ScalarNode) and named.value == name:
            return node  # type: ignore[no-any-return]
    raise MeshError(f"there is no entry of {name} in its YAML")


def _terms(entry: yaml.Node) -> yaml.MappingNode:
    node: yaml.Node | None = entry
    for key in ("config", "meta", "mesh"):
        node = _value(node, key)
    if not isinstance(node, yaml.MappingNode):
        raise MeshError("its YAML has no config.meta.mesh")
    return node


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _required(node: yaml.Node | None, product: DataProduct, following: ProductId) -> yaml.Node:
    if node is None:
        raise _by_hand(product, following, "its YAML has no name")
    return node


def _plain_entry(data: Any, name: str) -> Any:
    return next(item for item in data["models"] if item["name"] == name)


def _require_only(text: str, name: str, product: DataProduct, following: ProductId) -> None:
    data = yaml.safe_load(text)
    is_fine = [item["name"] for item in data["models"]] == [name]
    if not is_fine or _plain_entry(data, name)["config"]["meta"]["mesh"]["version"] != (
        f"{following.major}.0.0"
    ):
        raise _by_hand(product, following, "its YAML cannot be edited safely")


def _by_hand(product: DataProduct, following: ProductId, why: str) -> MeshError:
    return MeshError(
        f"the next major cannot be written: {why}",
        where=product.source,
        hint=f"write the model {following.dbt_name}, with version: "
        f'"{following.major}.0.0" in its config.meta.mesh, by hand',
    )
