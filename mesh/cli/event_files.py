"""Files of events: one JSON value, a list of them, or a line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mesh.errors import MeshError


@dataclass(frozen=True, slots=True)
class FileEvent:
    """An event as it is in a file, and where."""

    content: object
    place: str


def read_events(name: str) -> Iterator[FileEvent]:
    """The events of a file, or of standard input for `-`. Raises MeshError for what is no JSON."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MeshError(f"it cannot be read: {error}", where=name) from error
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise MeshError("it is nested too deeply", where=name) from error
    except ValueError:
        yield from _lines(name, text)
        return
    if isinstance(found, list):
        yield from (FileEvent(item, f"{name}[{n}]") for n, item in enumerate(found))
    else:
        yield FileEvent(found, name)


def _lines(name: str, text: str) -> Iterator[FileEvent]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield FileEvent(json.loads(line), f"{name}:{number}")
        except (ValueError, RecursionError) as error:
            where, hint = f"{name}:{number}", "a file holds one JSON value, or one a line"
            raise MeshError(f"it is no JSON: {error}", where=where, hint=hint) from error
