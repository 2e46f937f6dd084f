"""YAML that people wrote, read without trusting it.

Owns the limits (size, depth, what aliases may add up to), the refusal of foreign tags and repeated
keys, and the line of every path. Knows nothing of what a file means: manifests, dbt's files and
contracts each say what they allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mesh.errors import DefinitionError, Problem

Path_ = tuple[str, ...]
MAX_DEPTH = 100
"""Deepest nesting that is read."""
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)
_MERGE = f"{_CORE}merge"
_TIMESTAMP = f"{_CORE}timestamp"
_NUMBERS = (f"{_CORE}int", f"{_CORE}float")


@dataclass(frozen=True, slots=True)
class FileKind:
    """What files of a kind may use.

    `max_added` is how many values aliases may stand for in all; with 0 there are no aliases. Where
    `is_literal`, what would become a date, a time of day or a key that is no text stays the text
    that was written, and every value is one that JSON has.
    """

    plural: str
    max_bytes: int
    error: type[DefinitionError] = DefinitionError
    max_added: int = 0
    is_literal: bool = False
    if_missing: str = ""


def read_yaml(file: Path, kind: FileKind) -> tuple[Any, dict[Path_, int]]:
    """A file's content, and the line of each path in it. Raises the kind's error."""
    return parse_yaml(_text(file, kind), kind, where=str(file))


def parse_yaml(text: str, kind: FileKind, *, where: str) -> tuple[Any, dict[Path_, int]]:
    """The content of a text, and the line of each path in it. Raises the kind's error."""
    try:
        return _parsed(text, kind)
    except RecursionError as error:
        raise kind.error([Problem("it is nested too deeply", where)]) from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        what = (
            "it is nested too deeply"
            if error.problem == _TOO_DEEP
            else f"it cannot be read: {error}"
        )
        raise kind.error([Problem(what, f"{where}{line}")]) from error
    except (ValueError, yaml.YAMLError) as error:  # not YAML, no such day, a number without end
        raise kind.error([Problem(f"it cannot be read: {error}", where)]) from error


def _parsed(text: str, kind: FileKind) -> tuple[Any, dict[Path_, int]]:
    loader = (_LiteralLoader if kind.is_literal else _Loader)(text)
    loader.kind = kind
    node = loader.get_single_node()
    if node is None:
        return None, {}
    if kind.max_added:
        _refuse_bomb(node, kind)
    return loader.construct_document(node), _lines(node)


def line_of(lines: Mapping[Path_, int], path: Path_) -> int:
    """The line of a path, or of the nearest thing around it that has one."""
    return next((lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in lines), 1)


def _text(file: Path, kind: FileKind) -> str:
    try:
        if file.stat().st_size > kind.max_bytes:
            raise kind.error([Problem(f"it is larger than {kind.max_bytes:,} bytes", str(file))])
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        problem = Problem("there is no such file", str(file), kind.if_missing)
        raise kind.error([problem]) from error
    except UnicodeDecodeError as error:
        problem = Problem(f"it cannot be read: {error}", str(file), "save it as UTF-8")
        raise kind.error([problem]) from error
    except OSError as error:
        raise kind.error([Problem(f"it cannot be read: {error}", str(file))]) from error


_TOO_DEEP = "too deep"


class _Loader(yaml.SafeLoader):
    """Plain values only; a repeated key, a tag or too many aliases are errors, not surprises."""

    kind: FileKind
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent) and not self.kind.max_added:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"aliases are not used in {self.kind.plural}"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 -- PyYAML's signature
        if node.tag not in _PLAIN_TAGS and node.tag not in {_TIMESTAMP, _MERGE}:
            problem = f"tag {node.tag.replace(_CORE, '!!')!r} is not used in {self.kind.plural}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_object(node, deep=deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, dict | list):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain value", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _LiteralLoader(_Loader):
    """What would be a date or a time of day stays as it was written, and keys are texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- PyYAML's own way to declare them
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if node.tag in _NUMBERS and ":" in node.value and node.style is None:
            node.tag = f"{_CORE}str"  # 09:30 is no number of minutes
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 -- PyYAML's signature
        value = super().construct_object(node, deep=deep)
        if isinstance(value, float) and not math.isfinite(value):
            problem = f"{node.value} is not a number that JSON has"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        if node.tag == _TIMESTAMP:
            problem = f"tag '!!timestamp' is not used in {self.kind.plural}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's signature
        for key_node, _ in node.value:
            is_plain = isinstance(key_node, yaml.ScalarNode)
            if is_plain and key_node.tag != _MERGE:
                key_node.tag = f"{_CORE}str"
        return super().construct_mapping(node, deep=deep)


def _refuse_bomb(root: yaml.Node, kind: FileKind) -> None:
    """Refuse aliases that lead in a circle, or that stand for more than a file could say."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    added = 0

    def size(node: yaml.Node) -> int:
        nonlocal added
        if id(node) in open_nodes:
            problem = "an alias leads back to what it is in"
            raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
        if id(node) in sizes:
            added += sizes[id(node)]
            if added > kind.max_added:
                problem = f"its aliases stand for more than {kind.max_added:,} values"
                raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
            return sizes[id(node)]
        open_nodes.add(id(node))
        sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        open_nodes.discard(id(node))
        return sizes[id(node)]

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _lines(root: yaml.Node) -> dict[Path_, int]:
    found: dict[Path_, int] = {}
    waiting: list[tuple[Path_, yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        found.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*path, str(key.value))
                found[below] = key.start_mark.line + 1
                waiting.append((below, value))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*path, str(n)), value) for n, value in enumerate(node.value)]
    return found
