"""The next major of a product: a module of its own beside the first, seeded from it.

Owns what `mesh new version` writes for products in Python: the old module's text with another
version, and in the old one its last day, if that is asked for. Texts are edited where Python's own
parser says that they stand, so that comments and layout stay; what cannot be edited safely is
refused, with what to write by hand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from mesh.errors import MeshError
from mesh.naming import ProductId

if TYPE_CHECKING:
    from mesh.cli.scaffold import Plan
    from mesh.products.collection import Organization
    from mesh.products.declaration import DataProduct
    from mesh.settings import Settings

_ENDINGS = frozenset({"deprecated", "successor"})


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a text, from one place to another, and what comes in its place."""

    start: int
    end: int
    text: str


def plan_version(
    product: DataProduct, organization: Organization, settings: Settings, until: date | None
) -> Plan:
    """What the next major of a product needs, and the last day of this one, if it is given.

    Raises MeshError when it is there already, or cannot be seeded from the old one's text.
    """
    following = _following(product, organization)
    if product.engine == "dbt":
        from mesh.cli.next_major_sql import plan_sql_version

        return plan_sql_version(product, following, settings, until)
    from mesh.cli.scaffold import Plan

    old = settings.root / product.source
    text = old.read_text(encoding="utf-8")
    module = _Module.of(text, product)
    home, version = old.parent, f"{following.major}.0.0"
    changed = {} if until is None else {old: module.with_last_day(until, str(following))}
    new = {home / f"{following.module_name}.py": module.with_version(version, following)}
    if isinstance(module.contract, ast.Constant):
        file = home / str(module.contract.value).partition("#")[0]
        new[home / _file_of(following)] = _raised(file, version, product)
    return Plan(new, changed)


def _file_of(product: ProductId) -> str:
    return f"{product.module_name}.odcs.yaml"


def _raised(file: Path, version: str, product: DataProduct) -> str:
    """A contract's file with another version; all else of its text stays."""
    text = file.read_text(encoding="utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    node = next((value for key, value in pairs if key.value == "version"), None)
    if node is None:
        raise _by_hand(product, f"{file.name} has no version")
    made = edited(text, [Edit(node.start_mark.index, node.end_mark.index, version)])
    if yaml.safe_load(made) != {**yaml.safe_load(text), "version": version}:
        raise _by_hand(product, f"{file.name} cannot be edited safely")
    return made


def _following(product: DataProduct, organization: Organization) -> ProductId:
    own = product.id
    majors = [
        other.id.major
        for other in organization.products.values()
        if (other.id.domain, other.id.name) == (own.domain, own.name)
    ]
    following = replace(own, major=own.major + 1)
    if max(majors) > own.major:
        raise MeshError(
            f"{replace(own, major=max(majors))} is there already",
            where=str(own),
            hint=f"`mesh new version {replace(own, major=max(majors))}` writes the one after it",
        )
    return following


def edited(text: str, edits: Iterable[Edit]) -> str:
    """A text with stretches of it replaced; the last comes first, so that places stay true."""
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


@dataclass(frozen=True, slots=True)
class _Module:
    """A product's module: its text, and where contract and declaration stand in it."""

    text: str
    product: DataProduct
    call: ast.Call
    contract: ast.ClassDef | ast.Constant

    @classmethod
    def of(cls, text: str, product: DataProduct) -> _Module:
        tree = ast.parse(text)
        calls = [call for node in tree.body if (call := _declaring(node)) is not None]
        if len(calls) != 1:
            raise _by_hand(product, f"its module declares {len(calls)} products")
        named = next((k.value for k in calls[0].keywords if k.arg == "contract"), None)
        if isinstance(named, ast.Constant) and isinstance(named.value, str):
            return cls(text, product, calls[0], named)
        found = [
            node
            for node in tree.body
            if isinstance(node, ast.ClassDef)
            and isinstance(named, ast.Name)
            and node.name == named.id
        ]
        if not found:
            raise _by_hand(product, "its contract is not a class of its module")
        return cls(text, product, calls[0], found[0])

    def with_version(self, version: str, following: ProductId) -> str:
        """The module as the next major has it: another version, and no last day."""
        if isinstance(self.contract, ast.Constant):
            _, hash_, table = str(self.contract.value).partition("#")
            raised = self._over(self.contract, f'"{_file_of(following)}{hash_}{table}"')
        else:
            raised = self._version(self.contract, version)
        return self._checked(edited(self.text, [raised, *self._without_ending()]))

    def with_last_day(self, until: date, successor: str) -> str:
        """The module with a last day and a successor, in place of those that it may have."""
        bare = edited(self.text, self._without_ending())
        module = _Module.of(bare, self.product)
        words = {"deprecated": until.isoformat(), "successor": successor}
        return self._checked(edited(bare, [module.added(words)]))

    def _version(self, contract: ast.ClassDef, version: str) -> Edit:
        for node in contract.body:
            if isinstance(node, ast.ClassDef) and node.name == "Config":
                return self._version_in(node, version)
        last = contract.body[-1]
        indent = " " * last.col_offset
        config = f'\n\n{indent}class Config:\n{indent}    version = "{version}"'
        end = self._place(last.end_lineno, last.end_col_offset)
        return Edit(end, end, config)

    def _version_in(self, config: ast.ClassDef, version: str) -> Edit:
        for node in config.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id == "version":
                assert isinstance(node, ast.Assign)  # noqa: S101 -- told by `target`
                return self._over(node.value, f'"{version}"')
        last = config.body[-1]
        end = self._place(last.end_lineno, last.end_col_offset)
        return Edit(end, end, f'\n{" " * last.col_offset}version = "{version}"')

    def _without_ending(self) -> list[Edit]:
        """The declaration's words about its end, with their commas."""
        gone = []
        for keyword in self.call.keywords:
            if keyword.arg in _ENDINGS:
                edit = self._over(keyword, "")
                after = self.text[edit.end :]
                comma = len(after) - len(after.lstrip(" ,"))
                rest = after[comma:]
                line = self.text.rfind("\n", 0, edit.start) + 1
                is_alone = not self.text[line : edit.start].strip() and rest.startswith("\n")
                start, end = (line, edit.end + comma + 1) if is_alone else (edit.start, edit.end)
                gone.append(Edit(start, end if is_alone else edit.end + comma, ""))
        return gone

    def added(self, words: dict[str, str]) -> Edit:
        """Words of the declaration, after those that it has."""
        last = self.call.keywords[-1]
        end = self._place(last.end_lineno, last.end_col_offset)
        start = self._place(last.lineno, last.col_offset)
        line = self.text.rfind("\n", 0, start) + 1
        is_alone = not self.text[line:start].strip()
        between = f",\n{self.text[line:start]}" if is_alone else ", "
        return Edit(end, end, "".join(f'{between}{name}="{word}"' for name, word in words.items()))

    def _over(self, node: ast.expr | ast.keyword, text: str) -> Edit:
        start = self._place(node.lineno, node.col_offset)
        return Edit(start, self._place(node.end_lineno, node.end_col_offset), text)

    def _place(self, line: int | None, column: int | None) -> int:
        """Where a line (from 1) and a column (in bytes, as the parser counts) are in the text."""
        lines = self.text.splitlines(keepends=True)
        number, offset = line or 1, column or 0
        before = sum(len(item) for item in lines[: number - 1])
        return before + len(lines[number - 1].encode()[:offset].decode())

    def _checked(self, made: str) -> str:
        try:
            ast.parse(made)
        except SyntaxError as error:
            raise _by_hand(self.product, "its module cannot be edited safely") from error
        return made


def _declaring(node: ast.stmt) -> ast.Call | None:
    """The call of `data_product` that decorates a function; None for anything else."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call):
            name = decorator.func
            called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if called == "data_product":
                return decorator
    return None


def _by_hand(product: DataProduct, why: str) -> MeshError:
    following = replace(product.id, major=product.id.major + 1)
    folder = Path(product.source).parent
    return MeshError(
        f"the next major cannot be written: {why}",
        where=product.source,
        hint=f"write {folder / following.module_name}.py by hand, with "
        f'version = "{following.major}.0.0" in its contract',
    )
