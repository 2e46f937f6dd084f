"""A policy file, taken apart into its statements.

Owns the places: Cedar's own parser says neither which line it means nor more than one error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|;|\S', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of one policy, and the line on which it begins. A last one may lack its `;`."""

    text: str
    line: int


def statements(text: str) -> Iterator[Statement]:
    """The policies of a file. Comments between them are left out, those within are kept."""
    start = -1
    for token in _TOKEN.finditer(text):
        if token[0].startswith("//") and len(token[0]) > 1:
            continue
        if start < 0:
            start = token.start()
        if token[0] == ";":
            yield _statement(text, start, token.end())
            start = -1
    if start >= 0:
        yield _statement(text, start, len(text.rstrip()))


def _statement(text: str, start: int, end: int) -> Statement:
    return Statement(text[start:end], text.count("\n", 0, start) + 1)
