"""Adding an entry to a list in a YAML file that people wrote.

Owns the edit of the text itself, so that comments, order and quoting stay as they were. The result
is read back before it is kept: an edit that would change anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from mesh.errors import MeshError


def add_to_list(
    text: str, key: str, entry: Any, *, is_last: Callable[[Any], bool] = lambda _: False
) -> str:
    """The text with `entry` in the list at `key`: at its end, but before one that `is_last`.

    Raises MeshError when the list cannot be edited safely; its hint is what to write by hand.
    """
    try:
        before = yaml.safe_load(text)
        wanted = _with_entry(before, key, entry, is_last)
        edited = _insert(text, key, entry, is_last)
        after = yaml.safe_load(edited)
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise _by_hand(key, entry) from error
    if after != wanted:
        raise _by_hand(key, entry)
    return edited


def _with_entry(data: Any, key: str, entry: Any, is_last: Callable[[Any], bool]) -> Any:
    entries = list(data[key] or [])
    position = len(entries) - 1 if entries and is_last(entries[-1]) else len(entries)
    return {**data, key: [*entries[:position], entry, *entries[position:]]}


def _insert(text: str, key: str, entry: Any, is_last: Callable[[Any], bool]) -> str:
    sequence = _value_of(yaml.compose(text, Loader=yaml.SafeLoader), key)
    entries = yaml.safe_load(text)[key]
    keeps_last = bool(entries) and is_last(entries[-1])
    if sequence.flow_style:
        return _insert_in_flow(text, sequence, entry, keeps_last=keeps_last)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if keeps_last:
        at = sequence.value[-1].start_mark.line
        while lines[at - 1].lstrip().startswith("#"):
            at -= 1
    else:
        at = _last_line(sequence) + 1
    if at == len(lines) and not lines[-1].endswith("\n"):
        lines[-1] += newline
    return "".join(lines[:at] + _as_lines(entry, sequence.start_mark.column, newline) + lines[at:])


def _insert_in_flow(text: str, sequence: yaml.SequenceNode, entry: Any, *, keeps_last: bool) -> str:
    if not isinstance(entry, str):
        raise TypeError(entry)
    if keeps_last:
        at = sequence.value[-1].start_mark.index
        return f"{text[:at]}{entry}, {text[at:]}"
    if sequence.value:
        at = sequence.value[-1].end_mark.index
        return f"{text[:at]}, {entry}{text[at:]}"
    at = sequence.end_mark.index - 1
    return f"{text[:at]}{entry}{text[at:]}"


def _value_of(root: yaml.Node | None, key: str) -> yaml.SequenceNode:
    for name, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if name.value == key and isinstance(value, yaml.SequenceNode):
            return value
    raise KeyError(key)


def _last_line(node: yaml.Node) -> int:
    """The last line that has content; a block's own end mark lies past comments and blank lines."""
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1])
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1][1])
    return int(node.end_mark.line)


def _as_lines(entry: Any, indent: int, newline: str) -> list[str]:
    written = yaml.safe_dump([entry], sort_keys=False, default_flow_style=False)
    return [" " * indent + line + newline for line in written.splitlines()]


def _by_hand(key: str, entry: Any) -> MeshError:
    written = yaml.safe_dump([entry], sort_keys=False).strip().replace("\n", "\n    ")
    return MeshError(
        f"the list `{key}` cannot be edited safely", hint=f"add by hand:\n    {written}"
    )
